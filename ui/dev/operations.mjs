// What the mock says of itself: routes of notifications, queries that were asked, its metrics and configuration.

const asked = [];

/** Takes note of a query, as the server does. */
export function note(path, query, tookMs, status) {
  const api = path.startsWith('/loki/') ? 'Loki' : path.startsWith('/api/v1/') ? 'Prometheus' : 'Tempo';
  const text = query.get('query') ?? query.get('q');
  if (!text) return;
  asked.unshift({ at_ms: Date.now(), api, path, query: text, range_ms: 900_000, by: 'anonymous', took_ms: tookMs, state: 'done', status });
  asked.length = Math.min(asked.length, 300);
}

export function queryLog() {
  return { recent: asked, slowest: [...asked].sort((a, b) => b.took_ms - a.took_ms).slice(0, 50) };
}

const route = (key, matchers, receiver, routes = [], more = {}) => ({ key, matchers, receiver, continue: false, group_by: ['alertname', 'service_name'], group_wait_ms: 0, group_interval_ms: 300_000, repeat_interval_ms: 14_400_000, intervals: [], muted_by: [], matches: false, takes: false, routes, ...more });

/** Matchers of the mock's tree are all equal, so that a few words decide them. */
export function routes(query) {
  const labels = JSON.parse(query.get('labels') ?? 'null');
  const passes = (one) => labels !== null && one.matchers.every((text) => {
    const [name, value] = text.split('=');
    return labels[name] === JSON.parse(value);
  });
  const root = route('{}', [], 'demo', [route('{}/{severity="critical"}', ['severity="critical"'], 'ops-webhook', [route('{}/{severity="critical"}/{service_name="payments"}', ['service_name="payments"'], 'payments-team')]), route('{}/{severity="warning"}', ['severity="warning"'], 'demo', [], { intervals: ['nights'], muted_by: ['nights'] })]);
  const taking = (one) => {
    one.matches = passes(one);
    if (!one.matches) return undefined;
    for (const below of one.routes) {
      const found = taking(below);
      if (found) return found;
    }
    one.takes = true;
    return one;
  };
  const taken = labels && taking(root);
  return {
    root,
    destinations: taken ? [{ receiver: taken.receiver, route: taken.key, group_labels: labels.alertname ? { alertname: labels.alertname } : {}, muted_by: taken.muted_by }] : [],
    receivers: [{ name: 'demo', integrations: ['slack'] }, { name: 'ops-webhook', integrations: ['webhook'] }, { name: 'payments-team', integrations: ['email', 'pagerduty'] }],
  };
}

export const tested = () => ({ integrations: [{ kind: 'webhook', delivered: true }, { kind: 'email', delivered: false, error: 'the server <mail.example> refused the sender' }] });

export const metricsText = () => `# HELP signalbox_collector_requests_total Requests answered.
# TYPE signalbox_collector_requests_total counter
signalbox_collector_requests_total{protocol="otlp",transport="grpc",signal="logs",code="0"} 12044
signalbox_collector_requests_total{protocol="otlp",transport="http",signal="spans",code="200"} 8801
signalbox_collector_requests_total{protocol="otlp",transport="http",signal="spans",code="429"} 12
signalbox_collector_requests_total{protocol="loki",transport="http",signal="logs",code="204"} 3911
signalbox_records_received_total{tenant="default",signal="logs"} 1202331
signalbox_records_received_total{tenant="default",signal="spans"} 2202110
signalbox_records_received_total{tenant="default",signal="samples"} 9022113
signalbox_records_rejected_total{tenant="default",signal="spans",reason="too_old"} 3
`;

export const configText = () => 'data_dir: "/var/lib/signalbox"\nhttp: 0.0.0.0:9480\nretention: 2592000s\ntokens:\n  - {name: "ops", sha256: <secret>, tenant: "default", role: Admin}\n';

export const tsdb = () => ({ status: 'success', data: { headStats: { numSeries: 1204 }, seriesCountByMetricName: [{ name: 'http_server_request_duration_seconds_bucket', value: 840 }, { name: 'up', value: 9 }], labelValueCountByLabelName: [{ name: 'le', value: 14 }, { name: 'service_name', value: 9 }], seriesCountByLabelValuePair: [{ name: 'service_name=cart', value: 130 }], seriesCountByService: [{ name: 'cart', value: 130 }, { name: 'payments', value: 110 }] } });

/** One deployment, ten minutes ago. */
export function grafana(path) {
  if (path !== 'annotations') return undefined;
  const time = Math.floor(Date.now() / 60_000) * 60_000 - 600_000;
  return [{ id: 1, dashboardUID: '', panelId: 0, time, timeEnd: time, tags: ['deploy', 'payments'], text: 'payments 2.4.0' }];
}
