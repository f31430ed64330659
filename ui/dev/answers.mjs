// The answers of the mock, one function per family of endpoints. Each gets the parsed URL and returns a value, or an error.
import { detectedFields, difference, patterns, serviceMap, topValues, traceMetrics } from './derived.mjs';
import { METRICS, logPredicate, promSeries, tracePredicate } from './languages.mjs';
import { queryLog, routes, tsdb } from './operations.mjs';
import { OUTAGES, SERVICES, START_S, labelsOf, linesOf, metaOf, nanosOf, traceById, tracesOf } from './shop.mjs';

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const seconds = (text, fallback) => {
  if (!text) return fallback;
  return /^\d{13,}$/.test(text) ? Number(BigInt(text) / 1_000_000n) / 1000 : Number(text);
};
const nowS = () => Date.now() / 1000;
const windowOf = (query) => ({ from: seconds(query.get('start'), nowS() - 3600), to: Math.min(seconds(query.get('end'), nowS()), nowS()) });

/** Seconds of a window, thinned out if there are very many; `weight` says how many each stands for. */
function secondsOf(from, to, most = 4000) {
  const weight = Math.max(1, Math.ceil((to - from) / most));
  const list = [];
  for (let s = Math.floor(from / weight) * weight; s <= to; s += weight) list.push(s);
  return { list, weight };
}

export function loki(path, query) {
  if (path === 'labels') return { status: 'success', data: ['service_name', 'service_namespace', 'deployment_environment'] };
  const label = /^label\/([^/]+)\/values$/.exec(path);
  if (label) return { status: 'success', data: label[1] === 'service_name' ? [...SERVICES].sort() : ['shop'] };
  if (path === 'series') return { status: 'success', data: SERVICES.map((service) => ({ service_name: service })) };
  if (path === 'index/volume') return { status: 'success', data: { resultType: 'vector', result: SERVICES.map((service, i) => ({ metric: { service_name: service }, value: [nowS(), String((i + 1) * 1_234_567)] })) } };
  if (path === 'detected_fields') return detectedFields();
  if (path === 'patterns') return patterns(query);
  if (path !== 'query_range' && path !== 'query') return undefined;
  const text = query.get('query') ?? '';
  if (path === 'query') return { status: 'success', data: { resultType: 'vector', result: topValues(text) } };
  const counted = /count_over_time\((.*)\[(\d+)s\]\)\)$/s.exec(text);
  return counted ? volume(counted[1], Number(counted[2]), query) : listLines(text, query);
}

function listLines(text, query) {
  const matches = logPredicate(text);
  if (typeof matches === 'string') throw new Refused(400, matches);
  const { from, to } = windowOf(query);
  const end = query.get('end') ?? `${Math.floor(nowS() * 1000)}000000`;
  const limit = Number(query.get('limit') ?? 100);
  const found = [];
  const lowest = Math.max(from - 1, to - 7200);
  for (let s = Math.ceil(to); s >= lowest && found.length < limit; s -= 1) {
    const lines = linesOf(s).filter((line) => line.ms / 1000 >= from && BigInt(nanosOf(line)) < BigInt(end) && line.ms / 1000 <= nowS() && matches(line));
    found.push(...lines.reverse());
  }
  return { status: 'success', data: { resultType: 'streams', result: streams(found.slice(0, limit)), stats: {} } };
}

export function streams(lines) {
  const byStream = new Map();
  for (const line of lines) {
    const key = JSON.stringify({ ...labelsOf(line), ...metaOf(line) });
    byStream.set(key, [...(byStream.get(key) ?? []), [nanosOf(line), line.text]]);
  }
  return [...byStream].map(([key, values]) => ({ stream: JSON.parse(key), values }));
}

function volume(selector, step, query) {
  const matches = logPredicate(selector);
  if (typeof matches === 'string') throw new Refused(400, matches);
  const from = seconds(query.get('start'), nowS() - 3600) - step;
  const { list, weight } = secondsOf(from, Math.min(seconds(query.get('end'), nowS()), nowS()));
  const levels = {};
  for (const s of list) {
    const at = Math.ceil((s + 0.001) / step) * step;
    for (const line of linesOf(s)) {
      if (line.ms / 1000 > nowS() || !matches(line)) continue;
      const level = (levels[line.level] ??= {});
      level[at] = (level[at] ?? 0) + weight;
    }
  }
  const result = Object.entries(levels).map(([level, at]) => ({ metric: { detected_level: level }, values: Object.entries(at).map(([t, n]) => [Number(t), String(n)]) }));
  return { status: 'success', data: { resultType: 'matrix', result, stats: {} } };
}

export function tempo(path, query) {
  const trace = /^v2\/traces\/([0-9a-f]+)$/.exec(path);
  if (trace) return oneTrace(trace[1].padStart(32, '0'));
  if (path === 'v2/search/tags') return { scopes: [{ name: 'resource', tags: ['service.name'] }, { name: 'span', tags: ['http.route'] }] };
  if (/^v2\/search\/tag\//.test(path)) return { tagValues: SERVICES.map((value) => ({ type: 'string', value })) };
  if (path === 'metrics/query_range') return traceMetrics(query);
  if (path !== 'search') return undefined;
  const matches = tracePredicate(query.get('q') ?? '{}');
  if (typeof matches === 'string') throw new Refused(400, matches);
  const { from, to } = windowOf(query);
  const limit = Number(query.get('limit') ?? 20);
  const traces = [];
  for (let s = Math.floor(to); s >= Math.max(from, to - 7200) && traces.length < limit; s -= 1) traces.push(...tracesOf(s).filter(matches));
  return { traces: traces.slice(0, limit).map(foundTrace) };
}

function foundTrace({ id, spans }) {
  const root = spans[0];
  const stats = {};
  for (const span of spans) {
    const one = (stats[span.service] ??= { spanCount: 0, errorCount: 0 });
    one.spanCount += 1;
    one.errorCount += span.error ? 1 : 0;
  }
  return {
    traceID: id.replace(/^0+/, ''), rootServiceName: root.service, rootTraceName: root.name, startTimeUnixNano: nanos(root.start),
    durationMs: Math.floor(root.end - root.start), durationNanos: String(Math.round((root.end - root.start) * 1e6)),
    spanSet: { matched: spans.length, spans: [] }, spanSets: [{ matched: spans.length, spans: [] }], serviceStats: stats,
  };
}

const nanos = (ms) => String(BigInt(Math.round(ms * 1000)) * 1000n);
const base64 = (hex) => Buffer.from(hex, 'hex').toString('base64');
const attribute = (key, value) => ({ key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } });

function oneTrace(id) {
  const trace = traceById(id);
  if (!trace) throw new Refused(404, 'trace not found');
  const services = [...new Set(trace.spans.map((span) => span.service))];
  const resourceSpans = services.map((service) => ({
    resource: { attributes: [attribute('service.name', service), attribute('service.namespace', 'shop'), attribute('service.version', service === 'payments' ? '2.4.0' : '1.8.2')] },
    scopeSpans: [{ scope: { name: 'shop.http', version: '1.0' }, spans: trace.spans.filter((span) => span.service === service).map((span) => spanJson(id, span)) }],
  }));
  return { trace: { resourceSpans }, metrics: {}, status: 'COMPLETE' };
}

function spanJson(traceId, span) {
  const failed = span.error && span.outage;
  return {
    traceId: base64(traceId), spanId: base64(span.id), ...(span.parent ? { parentSpanId: base64(span.parent) } : {}), name: span.name, kind: `SPAN_KIND_${span.kind}`,
    startTimeUnixNano: nanos(span.start), endTimeUnixNano: nanos(span.end),
    attributes: [attribute('http.route', span.route), attribute('http.response.status_code', span.error ? 500 : 200), attribute('note', '<b>not bold</b> javascript:alert(1)'), attribute('url.full', 'https://shop.example/checkout?step=2')],
    events: failed ? [{ timeUnixNano: nanos(span.end - 1), name: 'exception', attributes: [attribute('exception.type', 'IllegalStateException'), attribute('exception.message', 'unknown field "amount_minor"'), attribute('exception.stacktrace', 'at shop.payments.Provider.parse(Provider.java:88)\nat shop.payments.Charge.run(Charge.java:41)')] }] : [],
    links: [], status: span.error ? { code: 'STATUS_CODE_ERROR', message: failed ? 'unknown field "amount_minor"' : 'upstream failed' } : {},
  };
}

export function prometheus(path, query) {
  const ok = (data) => ({ status: 'success', data });
  if (path === 'metadata') return ok(Object.fromEntries(Object.entries(METRICS).map(([name, [type, help, unit]]) => [name, [{ type, help, unit }]])));
  if (path === 'labels') return ok(['__name__', 'service_name']);
  const label = /^label\/([^/]+)\/values$/.exec(path);
  if (label) return ok(label[1] === '__name__' ? Object.keys(METRICS).sort() : SERVICES);
  if (path === 'series') return ok(SERVICES.map((service) => ({ __name__: 'up', service_name: service })));
  if (path === 'status/tsdb') return tsdb();
  if (path === 'query_exemplars') return ok(exemplars(query));
  if (path === 'rules') return ok({ groups: ruleGroups() });
  if (path === 'alerts') return ok({ alerts: ruleGroups().flatMap((group) => group.rules.flatMap((rule) => rule.alerts ?? [])) });
  if (path !== 'query' && path !== 'query_range') return undefined;
  const step = Number(query.get('step') ?? 15);
  const end = seconds(query.get('end') ?? query.get('time'), nowS());
  const start = path === 'query' ? end : seconds(query.get('start'), end);
  const times = [];
  for (let at = start; at <= end; at += step) times.push(at);
  const series = promSeries(query.get('query') ?? '', times.filter((at) => at <= nowS() + 1));
  if (typeof series === 'string') throw new Refused(400, series);
  if (path === 'query') return ok({ resultType: 'vector', result: series.map(({ metric, values }) => ({ metric, value: values.at(-1) })) });
  return ok({ resultType: 'matrix', result: series });
}

/** A few traces of the last minutes, as if histograms had kept them. */
function exemplars(query) {
  if (!/_bucket|quantile/.test(query.get('query') ?? '')) return [];
  const end = Math.min(seconds(query.get('end'), nowS()), nowS());
  const start = Math.max(seconds(query.get('start'), end - 600), end - 1800);
  const found = [];
  for (let s = Math.floor(start); s < end; s += 17) for (const trace of tracesOf(s).slice(0, 1)) found.push({ labels: { trace_id: trace.id, span_id: trace.spans[0].id }, value: String((trace.spans[0].end - trace.spans[0].start) * 1e-3), timestamp: trace.spans[0].start / 1000 });
  return [{ seriesLabels: { __name__: 'http_server_request_duration_seconds_bucket', service_name: 'gateway' }, exemplars: found }];
}

const iso = (s) => new Date(s * 1000).toISOString();

function ruleGroups() {
  const last = { health: 'ok', lastEvaluation: iso(nowS() - 3), evaluationTime: 0.0012 };
  const ratio = (service) => `sum(rate(http_server_errors_total{service_name="${service}"}[1m])) / sum(rate(http_server_request_duration_seconds_count{service_name="${service}"}[1m])) > 0.05`;
  const alert = (name, service, severity, state, atS, value, summary) => ({
    labels: { alertname: name, service_name: service, severity }, annotations: { summary, runbook_url: 'https://example.org/runbooks/errors' }, state, activeAt: iso(atS), value,
  });
  const payments = alert('PaymentsErrors', 'payments', 'critical', 'firing', OUTAGES[1].fromS + 15, '4.512e-01', 'Payments fails 45 % of its requests.');
  const slow = alert('CheckoutSlow', 'checkout', 'warning', 'pending', START_S - 40, '1.31', 'Checkout takes longer than a second (p95).');
  return [
    { name: 'shop-errors', file: '/etc/signalbox/rules/shop.yml', interval: 5, rules: [
      { type: 'alerting', name: 'PaymentsErrors', query: ratio('payments'), duration: 10, labels: { severity: 'critical' }, annotations: payments.annotations, state: 'firing', alerts: [payments], ...last },
      { type: 'alerting', name: 'ReviewDown', query: ratio('review'), duration: 10, labels: { severity: 'critical' }, annotations: { summary: 'Review does not answer.' }, state: 'inactive', alerts: [], ...last },
      { type: 'alerting', name: 'CheckoutSlow', query: 'histogram_quantile(0.95, sum by (le) (rate(http_server_request_duration_seconds_bucket{service_name="checkout"}[1m]))) > 1', duration: 60, labels: { severity: 'warning' }, annotations: slow.annotations, state: 'pending', alerts: [slow], ...last },
    ] },
    { name: 'shop-recording', file: '/etc/signalbox/rules/recording.yml', interval: 15, rules: [
      { type: 'recording', name: 'service:requests:rate1m', query: 'sum by (service_name) (rate(http_server_request_duration_seconds_count[1m]))', labels: {}, ...last },
      { type: 'alerting', name: 'BrokenRule', query: 'sum(rate(a[1m])) / on (x) b', duration: 0, labels: {}, annotations: {}, state: 'inactive', alerts: [], ...last, health: 'err', lastError: 'many-to-many matching not allowed: matching labels must be unique on one side' },
    ] },
  ];
}

export function own(path, query) {
  if (path === 'services') return { services: services(query) };
  if (path === 'map') return serviceMap(query);
  if (path === 'difference') return difference();
  if (path === 'notifications') return notifications();
  if (path === 'status') return statusAnswer();
  if (path === 'routes') return routes(query);
  if (path === 'queries') return queryLog();
  return undefined;
}

const PARTS = 30;

function services(query) {
  const { from, to } = windowOf(query);
  const { list, weight } = secondsOf(from, to, 1800);
  const all = new Map(SERVICES.map((name) => [name, { durations: [], errors: 0, logs: 0, errorLogs: 0, last: 0, spark: new Array(PARTS).fill(0), bad: new Array(PARTS).fill(0) }]));
  for (const s of list) {
    const part = Math.min(PARTS - 1, Math.max(0, Math.floor(((s - from) / (to - from)) * PARTS)));
    for (const span of tracesOf(s).flatMap((trace) => trace.spans)) {
      if (span.kind !== 'SERVER') continue;
      const one = all.get(span.service);
      one.durations.push(span.end - span.start);
      one.errors += span.error ? 1 : 0;
      one.spark[part] += weight;
      one.bad[part] += span.error ? weight : 0;
      one.last = Math.max(one.last, span.end);
    }
    for (const line of linesOf(s)) {
      const one = all.get(line.service);
      one.logs += weight;
      one.errorLogs += line.level === 'error' || line.level === 'fatal' ? weight : 0;
    }
  }
  return [...all].map(([name, one]) => {
    const sorted = one.durations.sort((a, b) => a - b);
    const at = (q) => (sorted.length ? sorted[Math.floor(q * (sorted.length - 1))] : null);
    const spans = sorted.length * weight;
    return { name, spans, errors: one.errors * weight, rate_per_s: spans / Math.max(1, to - from), error_ratio: sorted.length ? one.errors / sorted.length : null, p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99), logs: one.logs, error_logs: one.errorLogs, last_seen_ms: one.last ? Math.floor(one.last) : null, spark: one.spark, spark_errors: one.bad };
  });
}

function notifications() {
  const message = (atS, status, name, service, text) => ({
    at_ms: atS * 1000, channel: 'demo', title: `[${status.toUpperCase()}${status === 'firing' ? ':1' : ''}] ${name}`, text, status,
    labels: { alertname: name, service_name: service, severity: 'critical' }, annotations: { summary: text },
    links: { logs: `/ui/logs?service=${service}`, runbook: 'https://example.org/runbooks/errors', evil: 'javascript:alert(1)' },
  });
  return {
    channels: [{ name: 'demo', receiver: 'chat', pending: 0, failed: 0 }, { name: 'ops-webhook', receiver: 'webhook', pending: 2, failed: 0 }],
    messages: [
      message(OUTAGES[1].fromS + 27, 'firing', 'PaymentsErrors', 'payments', 'Payments fails 45 % of its requests.'),
      message(OUTAGES[0].toS + 20, 'resolved', 'ReviewDown', 'review', 'Review does not answer.'),
      message(OUTAGES[0].fromS + 14, 'firing', 'ReviewDown', 'review', 'Review does not answer.'),
    ],
  };
}

function statusAnswer() {
  return {
    version: '0.1.0', ready: true, started_ms: (START_S - 3600) * 1000, tenants: ['default'],
    storage: { bytes: 184_322_111, logs_bytes: 92_110_233, spans_bytes: 71_220_101, samples_bytes: 20_991_777, free_bytes: 91_220_101_222 },
    heads: { logs: { rows: 81_223, bytes: 12_221_002 }, spans: { rows: 120_331, bytes: 22_100_221 }, samples: { series: 1_204, samples: 902_331 } },
    segments: { logs: 14, spans: 11, samples: 6 }, wal: { bytes: 33_222_190, records: 8_821, last_sync_ms: 3.2, oldest_lsn: '1/88213' },
    quarantined: [{ file: 'segments/logs/000042.seg', reason: 'checksum of block 3 differs', at_ms: (START_S - 500) * 1000 }],
    accounting: { received: { logs: 1_202_331, spans: 2_202_110, samples: 9_022_113 }, rejected: { logs: 0, spans: 3, samples: 0 } },
  };
}
