// Lines and traces that the queries of a dashboard find, beside the series of fill.mjs: the streams its LogQL selects, with the words
// it filters by, calls to the services its trace queries
// name, and alerts for its lists of them.
import { matching } from './matching.mjs';

const EVERY_MS = 15_000;
const KINDS = { tempo: 'traces', jaeger: 'traces', zipkin: 'traces', loki: 'lines' };

/** A variable has the value that the label of its name has in the series. */
const plain = (text) => String(text ?? '').replace(/\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]|\$(\w+)/g, (_whole, a, b, c) => `${a ?? b ?? c}-1`);

function targetsOf(dashboard) {
  const found = [];
  const walk = (panels) => {
    for (const panel of panels ?? []) {
      for (const target of panel.targets ?? []) found.push({ target, source: sourceOf(dashboard, target.datasource ?? panel.datasource) });
      walk(panel.panels);
    }
  };
  walk(dashboard.panels);
  for (const row of dashboard.rows ?? []) walk(row.panels);
  return found;
}

/** The type of a source, also where a variable or an input names it. */
function sourceOf(dashboard, source) {
  if (source?.type) return source.type;
  const name = /\$\{?(\w+)\}?/.exec(String(source?.uid ?? source ?? ''))?.[1];
  const variable = (dashboard.templating?.list ?? []).find((one) => one.name === name && one.type === 'datasource');
  return variable?.query ?? (dashboard.__inputs ?? []).find((one) => one.name === name)?.pluginId ?? '';
}

/** Each selector's labels, with the words of the filters behind it. */
function streamsOf(expr) {
  const found = [];
  for (const [, inside, rest] of plain(expr).matchAll(/\{([^{}]*)\}([^{}[]*)/g)) {
    const labels = {};
    for (const [, label, op, text] of inside.matchAll(/(\w+)\s*(=~|=)\s*["`]([^"`]*)["`]/g)) labels[label] = op === '=' ? text : matching(text, `${label}-1`) || `${label}-1`;
    const words = [...rest.matchAll(/\|([=~])\s*["`]([^"`]*)["`]/g)].map(([, op, text]) => (op === '=' ? text : matching(text, 'word') || 'word'));
    if (Object.keys(labels).length) found.push({ labels, words });
  }
  return found;
}

const post = (server, path, body) => send(server, path, JSON.stringify(body), 'application/json');

async function send(server, path, body, type) {
  const response = await fetch(server + path, { method: 'POST', body, headers: { 'Content-Type': type, ...(process.env.TENANT ? { 'X-Scope-OrgID': process.env.TENANT } : {}) } });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

const text = (key, value) => ({ key, value: { stringValue: value } });
const hex = (n, digits) => n.toString(16).padStart(digits, '0');

/** One call each time: a client, the service, and a store it asks. */
function spansOf({ service, operation, tags }, at, n) {
  const traceId = hex(0x5eed_0000_0000 + n, 32);
  const named = [['caller-1', 3, '', 'call'], [service, 2, hex(n * 4 + 1, 16), operation], [service, 3, hex(n * 4 + 2, 16), 'query'], ['store-1', 2, hex(n * 4 + 3, 16), 'query']];
  return named.map(([name, kind, parentSpanId, title], i) => ({
    resource: { attributes: [text('service.name', name), ...tags.filter(([key]) => key.startsWith('service.')).map(([key, value]) => text(key, value))] },
    scopeSpans: [{ spans: [{ traceId, spanId: hex(n * 4 + i + 1, 16), parentSpanId, kind, name: title, startTimeUnixNano: `${at + i}000000`, endTimeUnixNano: `${at + 90 - i * 10 + (n % 7) * 20}000000`, attributes: tags.filter(([key]) => !key.startsWith('service.')).map(([key, value]) => text(key, value)), status: {} }] }],
  }));
}

/** What a trace query asks for. */
function callOf(target) {
  const said = plain([target.query, target.tags, target.search].filter(Boolean).join(' '));
  const pairs = [...said.matchAll(/(?:resource\.|span\.|\.)?([\w.]+)\s*=~?\s*"?([^"\s&}]+)"?/g)].map(([, key, value]) => [key, value]);
  for (const { tag, value, operator = '=' } of target.filters ?? []) if (tag && value?.length && operator.startsWith('=')) pairs.push([tag, plain([value].flat()[0])]);
  const own = (key) => pairs.find(([name]) => name === key)?.[1];
  return { service: plain(target.service || target.serviceName) || own('service.name') || 'service-1', operation: plain(target.operation || target.spanName) || own('name') || 'GET /', tags: pairs.filter(([key]) => !['service.name', 'name', 'status', 'kind', 'duration', 'queryType'].includes(key)) };
}

/** A rule that fires with the labels a list of alerts asks for. */
function rulesOf(dashboard) {
  const lists = [];
  const walk = (panels) => panels?.forEach((panel) => (panel.type === 'alertlist' ? lists.push(panel.options ?? {}) : walk(panel.panels)));
  walk(dashboard.panels);
  return lists.map(({ alertName, alertInstanceLabelFilter: filter }, i) => {
    const labels = [...plain(filter).matchAll(/(\w+)\s*=~?\s*"([^"]*)"/g)].map(([, label, value]) => `\n      ${label}: ${JSON.stringify(matching(value, `${label}-1`) || `${label}-1`)}`);
    return `  - alert: ${JSON.stringify(plain(alertName) || `Made${i}`)}\n    expr: vector(1)${labels.length ? `\n    labels:${labels.join('')}` : ''}\n`;
  });
}

/** Sends all of it for the hour; returns how many of each. */
export async function fillEvents(server, dashboards, fromMs, toMs) {
  const targets = dashboards.flatMap(targetsOf);
  const of = (kind) => targets.filter(({ source, target }) => KINDS[source] === kind && target.hide !== true).map(({ target }) => target);
  const times = Array.from({ length: Math.floor((toMs - fromMs) / EVERY_MS) }, (_, i) => fromMs + i * EVERY_MS);
  const streams = of('lines').flatMap((target) => streamsOf(target.expr));
  for (const { labels, words } of streams) {
    await post(server, '/loki/api/v1/push', { streams: [{ stream: labels, values: times.map((at, i) => [`${at}000000`, `level=${i % 9 ? 'info' : 'error'} msg="made for a dashboard" n=${i} status=${i % 9 ? 200 : 500} duration=${i % 97}ms ${words.join(' ')}`]) }] });
  }
  const calls = of('traces').map(callOf);
  if (calls.length) await post(server, '/v1/traces', { resourceSpans: calls.flatMap((call, c) => times.flatMap((at, i) => spansOf(call, Math.floor(at), c * times.length + i + 1))) });
  const rules = dashboards.flatMap(rulesOf);
  if (rules.length) await send(server, '/config/v1/rules/made', `name: made\ninterval: 1s\nrules:\n${rules.join('')}`, 'application/yaml');
  return { lines: streams.length * times.length, traces: calls.length * times.length };
}
