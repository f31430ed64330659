// What the mock derives from its spans and lines: the map, differences, TraceQL metrics, fields, patterns, silences.
import { tracePredicate } from './languages.mjs';
import { SERVICES, labelsOf, linesOf, tracesOf } from './shop.mjs';

const nowS = () => Date.now() / 1000;
const span = (query, most = 600) => {
  const to = Math.min(Number(query.get('end') ?? nowS()), nowS());
  return { from: Math.max(Number(query.get('start') ?? to - 900), to - most), to };
};

function tracesIn({ from, to }) {
  const out = [];
  for (let s = Math.floor(from); s <= to; s += 3) out.push(...tracesOf(s));
  return out;
}

export function serviceMap(query) {
  const window = span(query);
  const edges = new Map();
  for (const trace of tracesIn(window)) {
    const byId = new Map(trace.spans.map((one) => [one.id, one]));
    for (const one of trace.spans) {
      const parent = byId.get(one.parent);
      if (!parent || parent.service === one.service) continue;
      const key = `${parent.service}>${one.service}`;
      const edge = edges.get(key) ?? { client: parent.service, server: one.service, kind: '', calls: 0, failed: 0, ms: 0, slowest: undefined };
      edge.calls += 1;
      edge.failed += one.error ? 1 : 0;
      edge.ms += one.end - one.start;
      if (!edge.slowest || edge.slowest.ms < one.end - one.start) edge.slowest = { trace_id: trace.id, span_id: one.id, ms: one.end - one.start };
      edges.set(key, edge);
    }
  }
  return {
    services: SERVICES.map((name) => ({ name, versions: ['1.8.2'], instances: [`${name}-1`], languages: ['java'], namespaces: ['shop'], signals: ['logs', 'traces'], calls: [], called_by: [] })),
    edges: [...edges.values()].map(({ ms, ...edge }) => ({ ...edge, rate_per_s: edge.calls / Math.max(1, window.to - window.from), mean_ms: ms / edge.calls })),
  };
}

export function difference() {
  return {
    selected: 42, others: 900, truncated: false,
    values: [
      { attribute: 'resource.service.version', type: 'string', value: '2.4.0', selected: 40, others: 12, effect: 0.94, p: 1e-9, significant: true },
      { attribute: 'span.http.route', type: 'string', value: '<b>/charges</b>', selected: 38, others: 80, effect: 0.8, p: 1e-6, significant: true, explained_by: { attribute: 'resource.service.version', type: 'string', value: '2.4.0' } },
    ],
  };
}

/** `rate()` and quantiles of whatever the filter keeps, by name if it says so. */
export function traceMetrics(query) {
  const q = query.get('q') ?? '{}';
  const matches = tracePredicate(q.split('|')[0].replace(/\s*&&\s*kind\s*=\s*server/, ''));
  const keep = typeof matches === 'string' ? () => true : matches;
  const step = parseInt(query.get('step') ?? '15', 10);
  const { from, to } = span(query, 3600);
  const byName = /by\s*\(name\)/.test(q);
  const quantiles = /quantile_over_time\([^,]+,\s*([^)]*)\)/.exec(q)?.[1].split(',').map(Number);
  const series = new Map();
  for (const trace of tracesIn({ from, to }).filter(keep)) {
    const root = trace.spans[0];
    for (const quantile of quantiles ?? [undefined]) {
      const labels = [...(byName ? [{ key: 'name', value: { stringValue: root.name } }] : []), ...(quantile !== undefined && !byName ? [{ key: 'p', value: { doubleValue: quantile } }] : [])];
      const key = JSON.stringify(labels);
      const one = series.get(key) ?? { labels, at: new Map() };
      const time = Math.ceil(root.start / 1000 / step) * step;
      const before = one.at.get(time) ?? 0;
      one.at.set(time, quantile === undefined ? before + 3 / step : Math.max(before, ((root.end - root.start) / 1000) * quantile));
      series.set(key, one);
    }
  }
  return { series: [...series.values()].map(({ labels, at }) => ({ labels, samples: [...at].sort(([a], [b]) => a - b).map(([s, value]) => ({ timestampMs: String(s * 1000), value })) })) };
}

export function detectedFields() {
  return { fields: [{ label: 'duration_ms', type: 'float', cardinality: 80, parsers: ['json'] }, { label: 'status', type: 'int', cardinality: 4, parsers: ['json'] }] };
}

/** The most frequent values of a label in the lines of the last minutes. */
export function topValues(text) {
  const label = /sum by \((\w+)\)/.exec(text)?.[1] ?? '';
  const counts = new Map();
  for (let s = Math.floor(nowS()) - 120; s < nowS(); s += 1) for (const line of linesOf(s)) {
    const value = labelsOf(line)[label] ?? (label === 'detected_level' ? line.level : undefined);
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, 10).map(([value, n]) => ({ metric: { [label]: value }, value: [nowS(), String(n)] }));
}

export function patterns(query) {
  const to = Number(BigInt(query.get('end') ?? '0') / 1_000_000_000n) || nowS();
  const old = to < nowS() - 60;
  const counts = new Map();
  for (let s = Math.floor(to) - 240; s <= to; s += 4) for (const line of linesOf(s)) {
    const pattern = line.text.replace(/[0-9a-f]{8,}|\d+(\.\d+)?/g, '<_>');
    const key = JSON.stringify([pattern, line.level]);
    const at = counts.get(key) ?? new Map();
    at.set(s - (s % 20), (at.get(s - (s % 20)) ?? 0) + 1);
    counts.set(key, at);
  }
  const all = [...counts].map(([key, at]) => ({ pattern: JSON.parse(key)[0], level: JSON.parse(key)[1], samples: [...at] }));
  return { status: 'success', data: (old ? all.slice(2) : all).slice(0, 50) };
}

/** Alertmanager's silences, kept as long as the mock runs. */
export function silences() {
  const all = new Map();
  let next = 1;
  const view = (one) => ({ ...one, status: { state: Date.parse(one.endsAt) < Date.now() ? 'expired' : Date.parse(one.startsAt) > Date.now() ? 'pending' : 'active' } });
  return (request, url, response) => {
    const match = /^\/api\/v2\/silences?(?:\/([\w-]+))?$/.exec(url.pathname);
    if (!match) return false;
    const answer = (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.method === 'POST') {
      let body = '';
      request.on('data', (part) => (body += part));
      request.on('end', () => {
        const given = JSON.parse(body);
        const id = given.id || `00000000-0000-4000-8000-${String(next++).padStart(12, '0')}`;
        all.set(id, { ...given, id, updatedAt: new Date().toISOString() });
        answer({ silenceID: id });
      });
    } else if (request.method === 'DELETE') {
      const one = all.get(match[1]);
      if (one) one.endsAt = new Date().toISOString();
      answer({});
    } else answer([...all.values()].map(view));
    return true;
  };
}
