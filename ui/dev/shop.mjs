// The invented shop behind the mock: everything is a function of the second and the place, so that two answers never disagree.

export const SERVICES = ['frontend', 'cart', 'checkout', 'payments', 'search', 'catalog', 'shipping', 'review', 'inventory', 'recommendation', 'email', 'currency'];

/** The mock's own time zero: outages lie around it. */
const START_S = Math.floor(Date.now() / 10_000) * 10;
export const OUTAGES = [
  { service: 'review', fromS: START_S - 540, toS: START_S - 300, what: 'crash' },
  { service: 'payments', fromS: START_S - 150, toS: START_S + 86_400, what: 'bad version' },
];

/** A number in [0, 1) from any values. */
export function chance(...values) {
  let h = 0x811c9dc5;
  for (const char of values.join('/')) h = Math.imul(h ^ char.charCodeAt(0), 0x01000193);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  h ^= h >>> 12;
  return (h >>> 0) / 2 ** 32;
}

const broken = (service, s) => OUTAGES.find((o) => o.service === service && s >= o.fromS && s < o.toS);
const hex = (length, ...seed) => Array.from({ length: length / 4 }, (_, i) => Math.floor(chance(...seed, i) * 65536).toString(16).padStart(4, '0')).join('');

const CALLS = {
  'GET /': ['frontend', 40, [['catalog', 'catalog.List', 14, []], ['recommendation', 'recommend', 22, [['catalog', 'catalog.Get', 6, []]]], ['currency', 'convert', 2, []]]],
  'GET /product/{id}': ['frontend', 55, [['catalog', 'catalog.Get', 9, []], ['review', 'review.List', 18, []], ['inventory', 'stock', 7, []]]],
  'GET /search': ['frontend', 70, [['search', 'search.Query', 48, [['catalog', 'catalog.Batch', 15, []]]]]],
  'POST /cart': ['frontend', 30, [['cart', 'cart.Add', 12, [['inventory', 'reserve', 6, []]]]]],
  'POST /checkout': ['frontend', 240, [['checkout', 'checkout.Place', 210, [['cart', 'cart.Get', 9, []], ['payments', 'payments.Charge', 95, []], ['shipping', 'shipping.Quote', 30, []], ['email', 'email.Send', 22, []]]]]],
};
const ROUTES = Object.keys(CALLS);

const cache = new Map();

/** The traces that start in one second, each with its spans. */
export function tracesOf(s) {
  const known = cache.get(s);
  if (known) return known;
  const many = 1 + Math.floor(chance('many', s) * 2.2);
  const traces = Array.from({ length: many }, (_, i) => makeTrace(s, i));
  if (cache.size > 20_000) cache.clear();
  cache.set(s, traces);
  return traces;
}

export function traceById(id) {
  const s = parseInt(id.slice(2, 10), 16);
  return Number.isFinite(s) ? tracesOf(s).find((trace) => trace.id === id) : undefined;
}

function makeTrace(s, i) {
  const id = `5b${s.toString(16).padStart(8, '0')}${i.toString(16).padStart(2, '0')}${hex(20, 'trace', s, i)}`;
  const route = ROUTES[Math.floor(chance('route', s, i) * ROUTES.length)];
  const [service, base, calls] = CALLS[route];
  const spans = [];
  const start = s * 1000 + Math.floor(chance('ms', s, i) * 950);
  addSpan(spans, { id, s, path: `${i}`, service, name: route, base, calls, start, parent: '', kind: 'SERVER', route });
  return { id, route, spans };
}

/** Returns the end of the span, and whether it failed. */
function addSpan(spans, { id, s, path, service, name, base, calls, start, parent, kind, route }) {
  const spanId = hex(16, 'span', id, path);
  const outage = broken(service, s);
  const failed = outage ? chance('fail', id, path) < (outage.what === 'crash' ? 0.9 : 0.45) : chance('fail', id, path) < 0.002;
  const slow = outage?.what === 'bad version' ? 6 : 1;
  const span = { id: spanId, parent, service, name, kind, start, end: 0, error: failed, route, outage };
  spans.push(span);
  let at = start + base * 0.08;
  calls.forEach(([callee, callName, callBase, inner], n) => {
    const clientId = hex(16, 'client', id, path, n);
    const client = { id: clientId, parent: spanId, service, name: `call ${callee}`, kind: 'CLIENT', start: at, end: 0, error: false, route, peer: callee };
    spans.push(client);
    const result = addSpan(spans, { id, s, path: `${path}.${n}`, service: callee, name: callName, base: callBase, calls: inner, start: at + 0.4, parent: clientId, kind: 'SERVER', route });
    client.end = result.end + 0.5;
    client.error = result.failed;
    // The page lives without reviews; a checkout without payment does not.
    if (result.failed && callee !== 'review') span.error = true;
    at = client.end + 0.3;
  });
  const own = base * slow * (0.25 + chance('dur', id, path) ** 3 * 2.4);
  span.end = Math.max(at, start) + own;
  return { end: span.end, failed: span.error };
}

const WORDS = ['GET', 'POST', 'cache hit', 'cache miss', 'query done', 'order placed', 'item reserved', 'session renewed'];

/** The lines of one second, oldest first. */
export function linesOf(s) {
  const lines = [];
  for (const trace of tracesOf(s)) {
    for (const span of trace.spans) {
      if (span.kind !== 'SERVER' || chance('log', span.id) > 0.75) continue;
      lines.push(spanLine(trace, span));
      if (span.error) lines.push(errorLine(trace, span));
    }
  }
  const odd = ODD_LINES[s % 97];
  if (odd) lines.push({ ms: s * 1000 + 500, n: 7, service: odd[0], level: odd[1], text: odd[2], extra: odd[3] ?? {} });
  return lines.sort((a, b) => a.ms - b.ms);
}

function spanLine(trace, span) {
  const level = chance('level', span.id) < 0.04 ? 'warn' : chance('level', span.id) > 0.9 ? 'debug' : 'info';
  const took = (span.end - span.start).toFixed(1);
  const text = level === 'warn'
    ? `slow answer from upstream: ${span.name} took ${took} ms, budget 50 ms`
    : `${WORDS[Math.floor(chance('word', span.id) * WORDS.length)]} ${span.name} user=${hex(8, 'user', trace.id)} took=${took}ms`;
  return { ms: span.end, n: Math.floor(chance('n', span.id) * 1e6), service: span.service, level, text, extra: { trace_id: trace.id, span_id: span.id, http_route: span.route, thread_name: `worker-${span.id.slice(0, 1)}` } };
}

function errorLine(trace, span) {
  const text = span.service === 'payments'
    ? `charge refused: unknown field "amount_minor" in response of provider (release 2.4.0)\njava.lang.IllegalStateException: unknown field\n\tat shop.payments.Provider.parse(Provider.java:88)\n\tat shop.payments.Charge.run(Charge.java:41)`
    : `request failed: ${span.name}: ${span.outage ? `connection refused (${span.service}:8080)` : 'upstream answered 500'}`;
  return { ms: span.end + 0.2, n: 1, service: span.service, level: 'error', text, extra: { trace_id: trace.id, span_id: span.id, exception_type: 'IllegalStateException', service_version: span.service === 'payments' ? '2.4.0' : '1.8.2' } };
}

/** What real logs hold too: markup, JSON, long lines, other scripts. None of it may become more than text. */
const ODD_LINES = {
  3: ['frontend', 'info', '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'],
  17: ['search', 'info', '{"msg":"index refreshed","docs":18231,"took_ms":412,"shards":{"ok":8,"failed":0}}', { url: 'javascript:document.title="owned"', help: 'https://example.org/runbook?a=1&b=2' }],
  29: ['catalog', 'debug', `payload ${'0123456789abcdef'.repeat(300)}`],
  41: ['email', 'warn', 'Empfänger „Jürgen Groß“ antwortet nicht; 再試行します; إعادة المحاولة'],
  53: ['inventory', 'trace', '\u001b[32mok\u001b[0m stock synced'],
  71: ['shipping', 'fatal', 'carrier API credentials expired, shutting down worker'],
};

export function labelsOf(line) {
  return { service_name: line.service, service_namespace: 'shop', deployment_environment: 'demo' };
}

export function metaOf(line) {
  return { detected_level: line.level, severity_text: line.level.toUpperCase(), ...line.extra };
}

export function nanosOf(line) {
  return `${Math.floor(line.ms)}${String(Math.floor((line.ms % 1) * 1000)).padStart(3, '0')}${String(line.n % 1000).padStart(3, '0')}`;
}

export { START_S, broken };
