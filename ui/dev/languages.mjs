// Just enough of LogQL, TraceQL and PromQL to answer what the app asks. Not a reference for anything.
import { SERVICES, broken, chance } from './shop.mjs';

const text = (quoted) => JSON.parse(quoted);

/** A predicate over lines, or an error text. */
export function logPredicate(query) {
  const match = /^\s*\{([^}]*)\}(.*)$/s.exec(query);
  if (!match || !match[1].trim()) return 'parse error: a stream selector with at least one matcher is needed';
  const tests = [];
  for (const [, key, op, value] of match[1].matchAll(/([\w.]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")/g)) tests.push(test(key, op, text(value)));
  let rest = match[2];
  const stage = /^\s*(?:(\|=|!=|\|~|!~)\s*("(?:[^"\\]|\\.)*")|\|\s*([\w.]+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")|\|\s*(json|logfmt)\b)/;
  while (rest.trim()) {
    const found = stage.exec(rest);
    if (!found) return `parse error: unexpected ${JSON.stringify(rest.trim().slice(0, 20))}`;
    rest = rest.slice(found[0].length);
    if (found[1]) {
      const needle = text(found[2]);
      if (found[1] === '|=') tests.push((line) => line.text.includes(needle));
      else if (found[1] === '!=') tests.push((line) => !line.text.includes(needle));
      else tests.push((line) => new RegExp(needle).test(line.text) === (found[1] === '|~'));
    } else if (found[3]) tests.push(test(found[3], found[4], text(found[5])));
  }
  return (line) => tests.every((one) => one(line));
}

function test(key, op, value) {
  const regex = op.endsWith('~') ? new RegExp(`^(?:${value})$`) : undefined;
  const wanted = !op.startsWith('!');
  return (line) => {
    const has = key === 'service_name' ? line.service : key === 'detected_level' || key === 'level' ? line.level : (line.extra[key] ?? '');
    return (regex ? regex.test(has) : has === value) === wanted;
  };
}

export function tracePredicate(query) {
  const inner = query.trim().replace(/^\{|\}$/g, '').trim();
  if (!/^\{.*\}$/s.test(query.trim())) return 'parse error: expected { … }';
  const tests = inner ? inner.split('&&').map((part) => spanTest(part.trim())) : [];
  const bad = tests.find((one) => typeof one === 'string');
  return bad ?? ((trace) => trace.spans.some((span) => tests.every((one) => one(span, trace))));
}

const UNITS = { ns: 1e-6, us: 1e-3, 'µs': 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function spanTest(part) {
  const match = /^([\w.:]+)\s*(=~|!=|>=|<=|>|<|=)\s*(.+)$/.exec(part);
  if (!match) return `parse error near ${part}`;
  const [, key, op, raw] = match;
  if (key === 'duration') {
    const [, n, unit] = /^([\d.]+)([a-zµ]+)$/.exec(raw) ?? [];
    const limit = Number(n) * (UNITS[unit] ?? 1);
    return (span) => (op.startsWith('>') ? span.end - span.start >= limit : span.end - span.start <= limit);
  }
  if (key === 'status') return (span) => (raw === 'error') === span.error;
  if (key === 'kind') return (span) => span.kind === raw.toUpperCase();
  if (!raw.startsWith('"')) return `parse error near ${raw}`;
  const value = text(raw);
  if (key === 'rootName' || key === 'rootServiceName') return (_, trace) => (key === 'rootName' ? trace.spans[0].name : trace.spans[0].service) === value;
  const read = key === 'name' ? (span) => span.name : key.endsWith('service.name') ? (span) => span.service : () => '';
  return op === '=~' ? (span) => new RegExp(`^(?:${value})$`).test(read(span)) : (span) => (read(span) === value) === (op === '=');
}

export const METRICS = {
  http_server_request_duration_seconds_count: ['histogram', 'Duration of HTTP server requests.', 's'],
  http_server_request_duration_seconds_sum: ['histogram', 'Duration of HTTP server requests.', 's'],
  http_server_request_duration_seconds_bucket: ['histogram', 'Duration of HTTP server requests.', 's'],
  process_memory_usage_bytes: ['gauge', 'Memory in use.', 'By'],
  process_cpu_time_seconds_total: ['counter', 'CPU time used.', 's'],
  db_client_connection_count: ['gauge', 'Connections by state.', '{connection}'],
  shop_orders_total: ['counter', 'Orders placed.', '{order}'],
  shop_cart_value_euro: ['gauge', 'Value of all open carts.', 'EUR'],
  'messaging.client.sent.messages': ['counter', 'Messages sent.', '{message}'],
  ALERTS: ['gauge', 'Alerts by state.', ''],
  target_info: ['gauge', 'Resource attributes.', ''],
  up: ['gauge', 'Whether the target answers.', ''],
};

/** Series of any expression that names a metric; `by (service_name)` or a bare selector gives one per service. */
export function promSeries(query, times) {
  const opened = [...query].reduce((n, c) => n + ('([{'.includes(c) ? 1 : ')]}'.includes(c) ? -1 : 0), 0);
  if (opened !== 0) return `parse error: unclosed parenthesis at character ${query.length}`;
  if (/^\s*[\d.+\-*/ ]+\s*$/.test(query)) return [{ metric: {}, values: times.map((at) => [at, '2']) }];
  const constant = /^\s*vector\(([\d.]+)\)\s*$/.exec(query)?.[1];
  if (constant) return [{ metric: {}, values: times.map((at) => [at, constant]) }];
  const name = Object.keys(METRICS).sort((a, b) => b.length - a.length).find((one) => query.includes(one));
  if (!name) return [];
  const rule = /ALERTS\{alertname="(\w+)"/.exec(query)?.[1];
  if (rule) return rule === 'PaymentsErrors' ? [{ metric: { __name__: 'ALERTS', alertname: rule, alertstate: 'firing', service_name: 'payments' }, values: times.filter((at) => broken('payments', at)).map((at) => [at, '1']) }] : [];
  const only = /service_name=~?"([^"]*)"/.exec(query)?.[1];
  const all = /^\s*sum\s*\(/.test(query) && !/by\s*\(/.test(query);
  const services = only ? SERVICES.filter((s) => s === only) : all ? ['*'] : SERVICES;
  const rated = /rate\(|increase\(|quantile/.test(query);
  return services.map((service, i) => ({
    metric: service === '*' ? {} : { ...(rated ? {} : { __name__: name }), service_name: service },
    values: times.map((at) => [at, String(value(service, i, at, rated))]),
  }));
}

function value(service, i, at, rated) {
  const wave = 1 + 0.25 * Math.sin(at / 240 + i) + 0.1 * (chance(service, Math.floor(at / 15)) - 0.5);
  const hit = broken(service, at) ? 0.25 : 1;
  const base = (i + 2) * 1.7 * wave * hit;
  return rated ? Number(base.toFixed(4)) : Math.round(base * 1e6);
}
