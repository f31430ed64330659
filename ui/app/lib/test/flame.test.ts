import { expect, test } from 'vitest';
import { stretches } from '../alerts';
import { below, breakdown, diffAttributes, diffFlames, findNode, flameOf, layOutFlame, selfTime } from '../flame';
import { readExemplars, thinned } from '../exemplars';
import { oddities, rollouts } from '../habits';
import { parseExposition, sumBy } from '../exposition';
import { protocols } from '../intake';
import { pageOf } from '../queryLog';
import { labelsText, parseLabels } from '../routes';
import type { Service } from '../signalbox';
import type { Span } from '../trace';

const span = (id: string, parentId: string, startMs: number, durationMs: number, service = 's', name = id, attributes: Span['attributes'] = []): Span => ({ id, parentId, service, name, kind: 'server', startMs, durationMs, error: false, statusMessage: '', attributes, resource: [], scope: '', events: [], links: [] });

const shop = [span('root', '', 0, 100, 'web', 'GET /'), span('a', 'root', 10, 30, 'cart', 'read'), span('b', 'root', 20, 40, 'cart', 'read'), span('c', 'a', 12, 10, 'db', 'select')];

test('spans of one name below the same parents are one box, and time itself is time without children', () => {
  const root = flameOf([shop]);
  const [web] = root.children;
  expect([web?.totalMs, web?.selfMs, web?.count]).toEqual([100, 50, 1]);
  expect(web?.children.map((node) => [node.service, node.count, node.totalMs, node.selfMs])).toEqual([['cart', 2, 70, 60]]);
  expect(breakdown(shop, 'service').map((row) => [row.service, row.selfMs])).toEqual([['cart', 60], ['web', 50], ['db', 10]]);
});

test('children that reach beyond their parent or overlap are not counted twice', () => {
  expect(selfTime(span('p', '', 0, 10), [span('x', 'p', -5, 8), span('y', 'p', 2, 4), span('z', 'p', 8, 20)])).toBe(2);
});

test('many traces are one tree, and circles of parents end', () => {
  expect(flameOf([shop, shop]).children[0]?.count).toBe(2);
  expect(flameOf([[span('x', 'y', 0, 1), span('y', 'x', 0, 1)]]).children).toEqual([]);
});

test('boxes lie within their parent, and what nobody could hit is left out', () => {
  const boxes = layOutFlame(flameOf([[span('root', '', 0, 1000), ...Array.from({ length: 3 }, (_, i) => span(`c${i}`, 'root', 0, 900)), span('thin', 'root', 0, 0.1)]]));
  const depth = (n: number) => boxes.filter((box) => box.depth === n);
  expect(depth(2)).toHaveLength(3);
  expect(depth(2).reduce((sum, box) => sum + box.width, 0)).toBeLessThanOrEqual(1.000001);
  const node = flameOf([shop]).children[0]?.children[0];
  expect(findNode(flameOf([shop]), node?.key ?? '')?.name).toBe('read');
});

test('two traces are compared node by node', () => {
  const slower = [span('root', '', 0, 160, 'web', 'GET /'), span('a', 'root', 10, 120, 'cart', 'read'), span('n', 'root', 10, 5, 'mail', 'send')];
  const rows = diffFlames(flameOf([shop]), flameOf([slower]));
  expect(rows.map((row) => [row.service, row.a?.count, row.b?.count, row.deltaMs])).toEqual([['web', 1, 1, 60], ['cart', 2, 1, 50], ['db', 1, undefined, -10], ['mail', undefined, 1, 5]]);
  const with_ = (value: string) => [span('x', '', 0, 1, 's', 'n', [{ key: 'version', value }, { key: 'request', value: `4bf92f3577b34da6${value}` }])];
  expect(diffAttributes(with_('1'), with_('2'))).toEqual([{ where: 's n', key: 'version', a: '1', b: '2' }]);
});

test('what is below a service begins where a trace enters it', () => {
  expect(below(shop, 'cart').map((one) => one.id).sort()).toEqual(['a', 'b', 'c']);
});

test('exemplars that name no trace lead nowhere and are left out; of each stretch the largest stays', () => {
  const trace_id = '4bf92f3577b34da6a3ce929d0e0e4736';
  const list = readExemplars([{ seriesLabels: { a: 'b' }, exemplars: [{ labels: { traceID: trace_id }, value: '2', timestamp: 2 }, { labels: { trace_id }, value: '1', timestamp: 1 }, { labels: {}, value: '9', timestamp: 1 }] }]);
  expect(list.map((one) => [one.ms, one.traceId])).toEqual([[1000, trace_id], [2000, trace_id]]);
  expect(thinned(list, 0, 4000, 1).map((one) => one.value)).toEqual([2]);
  expect(thinned(list, 0, 4000, 4)).toHaveLength(2);
});

test('metrics of the process are read with their escapes and added up', () => {
  const samples = parseExposition('# HELP x y\na{p="q\\"\\n",c="500"} 2\na{p="other",c="200"} 3\nb 1e3\nnonsense');
  expect(samples[0]?.labels.p).toBe('q"\n');
  expect(sumBy(samples, 'a', ['none'])).toEqual([{ labels: { none: '' }, value: 5 }]);
  const requests = parseExposition('signalbox_collector_requests_total{protocol="otlp",transport="grpc",code="0"} 5\nsignalbox_collector_requests_total{protocol="otlp",transport="grpc",code="8"} 2');
  expect(protocols(requests)).toEqual([{ name: 'otlp over grpc', requests: 7, refused: 2 }]);
});

test('labels of an alert are read as they are written', () => {
  expect(parseLabels('alertname="A, B", severity=page')).toEqual({ alertname: 'A, B', severity: 'page' });
  expect(parseLabels('{a="b"}')).toEqual({ a: 'b' });
  expect(parseLabels('a=~"b"')).toContain('one value');
  expect(parseLabels(labelsText({ a: 'x"y' }))).toEqual({ a: 'x"y' });
  expect(parseLabels('')).toEqual({});
});

test('a query of the log leads to the page of its language', () => {
  const asked = { at_ms: 1_000_000, api: 'Loki', path: '/loki/api/v1/query_range', query: '{a="b"}', range_ms: 300_000, by: '', took_ms: 1, state: 'done' as const };
  expect(pageOf(asked)).toEqual({ to: '/logs', search: { q: '{a="b"}', from: '700000', to: '1000000' } });
  expect(pageOf({ ...asked, api: 'Signalbox' })).toBeUndefined();
  expect(pageOf({ ...asked, path: '/loki/api/v1/labels' })).toBeUndefined();
});

test('a service is odd against just before, if enough was asked', () => {
  const service = (name: string, more: Partial<Service>): Service => ({ name, spans: 1000, errors: 0, rate_per_s: 10, error_ratio: 0, p50_ms: 1, p95_ms: 10, p99_ms: 20, logs: 0, error_logs: 0, last_seen_ms: 0, spark: [], ...more });
  const before = [service('a', {}), service('b', {}), service('c', {}), service('rare', { spans: 3 })];
  const now = [service('a', { p95_ms: 30 }), service('b', { error_ratio: 0.2 }), service('c', { rate_per_s: 1 }), service('rare', { error_ratio: 1 }), service('new', { error_ratio: 1 })];
  expect(oddities(now, before).map((one) => [one.service, one.what])).toEqual([['b', 'errors'], ['a', 'slower'], ['c', 'quieter']]);
  expect(oddities(before, before)).toEqual([]);
});

test('a version is rolled out when it comes beside another one', () => {
  const series = (service: string, version: string, from: number) => ({ labels: { 'resource.service.name': service, 'resource.service.version': version }, points: [0, 60, 120, 180, 240].map((at): [number, number] => [at, at >= from ? 1 : 0]) });
  expect(rollouts([series('cart', '2', 180), series('cart', '1', 0), series('pay', '7', 240)], 0, 60)).toEqual([{ service: 'cart', version: '2', before: '1', atMs: 180 }]);
});

test('samples of ALERTS are stretches of time', () => {
  const series = (alertstate: string, ...times: number[]) => ({ labels: { __name__: 'ALERTS', alertname: 'Down', alertstate, job: 'x' }, points: times.map((at): [number, number] => [at, 1]) });
  expect(stretches([series('pending', 0, 60), series('firing', 120, 180, 600)], 60)).toEqual([{ name: 'job=x', parts: [{ state: 'pending', startMs: 0, endMs: 60 }, { state: 'firing', startMs: 120, endMs: 180 }, { state: 'firing', startMs: 600, endMs: 600 }] }]);
});
