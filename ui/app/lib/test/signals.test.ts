import { describe, expect, it } from 'vitest';
import { align, summarize } from '../align';
import { bucketize, stack, totals } from '../histogram';
import { compareNanos, joinPages, justAfter, nanos, pageJoiner, readStreams } from '../loki';
import { distinguishing, legendName, niceStep, parseValue, readResult, seriesName } from '../prom';
import { severityNamed, severityNumbered, severityOf } from '../severity';
import { asTraceId, buildTraceQL, traceDuration } from '../traceql';

describe('bucketize', () => {
  const series = [{ labels: { detected_level: 'error' }, points: [[20_000, 3], [40_000, 1]] as [number, number][] }, { labels: { detected_level: 'info' }, points: [[20_000, 7], [999_000, 9]] as [number, number][] }];
  const buckets = bucketize(series, 10_000, 40_000, 10_000);

  it('ends a bar at the time of its count', () => expect(buckets.map((b) => [b.startMs, b.total])).toEqual([[10_000, 10], [20_000, 0], [30_000, 1]]));
  it('sums by level, worst first', () => expect(totals(buckets)).toEqual([{ severity: 'error', count: 4 }, { severity: 'info', count: 7 }]));
  it('stacks the worst at the bottom and shows even one line', () => {
    expect(stack({ startMs: 0, endMs: 1, total: 1001, counts: { info: 1000, error: 1 } }, 1001, 50).map((p) => [p.severity, p.height >= 1])).toEqual([['error', true], ['info', true]]);
    expect(stack({ startMs: 0, endMs: 1, total: 0, counts: {} }, 0, 50)).toEqual([]);
  });
});

describe('severity', () => {
  it.each([['ERROR', 'error'], ['Warning', 'warn'], ['ERROR3', 'error'], ['critical', 'fatal'], ['', 'unknown'], ['nonsense', 'unknown']])('%s is %s', (text, name) => expect(severityNamed(text)).toBe(name));
  it('reads numbers of OTel', () => expect([0, 1, 5, 9, 13, 17, 24, 25, NaN].map(severityNumbered)).toEqual(['unknown', 'trace', 'debug', 'info', 'warn', 'error', 'fatal', 'unknown', 'unknown']));
  it('takes the first label that says something', () => expect(severityOf({ detected_level: 'unknown', severity_text: 'WARN' })).toBe('warn'));
});

describe('streams', () => {
  const lines = readStreams([
    { stream: { a: '1' }, values: [['1763930000000000001', 'x', { m: 'n' }], ['1763930000000000003', 'y']] },
    { stream: { a: '2' }, values: [['1763930000000000002', 'z', { structuredMetadata: { s: 't' }, parsed: { p: 'q' } }], ['1763930000000000002', 'z']] },
  ]);
  it('become one list, newest first', () => expect(lines.map((line) => line.text)).toEqual(['y', 'z', 'z', 'x']));
  it('merge both forms of metadata', () => expect(lines.filter((line) => line.labels.m || line.labels.s).map((line) => line.labels)).toEqual([{ a: '2', s: 't', p: 'q' }, { a: '1', m: 'n' }]));
  it('give twins different keys', () => expect(new Set(lines.map((line) => line.key)).size).toBe(4));
  it('join pages without repeating the seam', () => expect(joinPages([lines.slice(0, 3), lines.slice(2)])).toEqual(lines));
  it('compare times beyond what doubles hold', () => {
    expect(compareNanos('1763930000000000001', '1763930000000000002')).toBe(-1);
    expect(compareNanos('9', '10')).toBeLessThan(0);
    expect(justAfter('1763930000000000009')).toBe('1763930000000000010');
    expect(nanos(1763930000000.7)).toBe('1763930000000000000');
  });
});

describe('prometheus', () => {
  it('reads every result shape', () => {
    expect(readResult({ status: 'success', data: { resultType: 'scalar', result: [1, '2'] } }).series).toEqual([{ labels: {}, points: [[1000, 2]] }]);
    expect(readResult({ status: 'success', data: { resultType: 'vector', result: [{ metric: { a: 'b' }, value: [1.5, '+Inf'] }] }, warnings: ['w'] })).toEqual({ series: [{ labels: { a: 'b' }, points: [[1500, Infinity]] }], warnings: ['w'] });
  });
  it('parses the numbers of Go', () => expect(['1e+06', '-Inf', 'NaN'].map(parseValue)).toEqual([1_000_000, -Infinity, NaN]));
  it('names series as PromQL does', () => expect([seriesName({ __name__: 'up', a: 'x"y' }), seriesName({}), seriesName({ __name__: 'up' })]).toEqual(['up{a="x\\"y"}', '{}', 'up']));
  it('labels a legend with what differs', () => {
    const series = [{ labels: { __name__: 'up', a: '1', b: 'x' }, points: [] }, { labels: { __name__: 'up', a: '2', b: 'x' }, points: [] }];
    expect(distinguishing(series)).toEqual(['a']);
    expect(legendName({ a: '1', b: 'x' }, ['a'])).toBe('a=1');
  });
  it.each([[900_000, 300, 5], [3_600_000, 300, 15], [60_000, 300, 1], [86_400_000 * 900, 300, 259_200]])('step of %d ms in %d points', (range, points, step) => expect(niceStep(range, points)).toBe(step));
});

describe('align', () => {
  it('leaves gaps where a series has none, and where nobody has', () => {
    const data = align([{ labels: {}, points: [[0, 1], [10, 2], [50, 3]] }, { labels: {}, points: [[10, 5], [50, NaN]] }], 10);
    expect(data).toEqual({ times: [0, 10, 20, 50], values: [[1, 2, null, 3], [null, 5, null, null]] });
  });
  it('sums up what can be summed', () => expect([summarize({ labels: {}, points: [[0, 2], [1, NaN], [2, 4]] }), summarize({ labels: {}, points: [] })]).toEqual([{ min: 2, max: 4, avg: 3, last: 4 }, undefined]));
});

describe('TraceQL', () => {
  const none = { service: '', name: '', status: '', min: '', max: '' };
  it('is empty braces without filters', () => expect(buildTraceQL(none)).toBe('{}'));
  it('joins filters', () => expect(buildTraceQL({ service: 'a"b', name: 'x.y', status: 'error', min: '100', max: '2s' })).toBe('{ resource.service.name = "a\\"b" && name =~ ".*x\\\\.y.*" && status = error && duration >= 100ms && duration <= 2s }'));
  it.each([['5', '5ms'], ['1.5s', '1.5s'], ['x', ''], ['', ''], ['5 ms } || {', '']])('duration %j', (text, out) => expect(traceDuration(text)).toBe(out));
  it('knows an id when it sees one', () => expect([asTraceId(' 00AB34567890abcd '), asTraceId('checkout')]).toEqual(['000000000000000000ab34567890abcd', undefined]));
});

describe('pages of lines', () => {
  const page = (...times: string[]) => readStreams([{ stream: { a: 'b' }, values: times.map((ns): [string, string] => [ns, `line ${ns}`]) }]);
  const [first, second, other] = [page('40', '30', '30'), page('30', '30', '20'), page('7')];

  it('are joined as they come, with each twin once', () => {
    const join = pageJoiner();
    expect(join([first]).map((line) => line.ns)).toEqual(['40', '30', '30']);
    expect(join([first, second]).map((line) => line.ns)).toEqual(['40', '30', '30', '20']);
    expect(join([first, second]).map((line) => line.key)).toEqual(joinPages([first, second]).map((line) => line.key));
  });
  it('of another query begin anew, and the same ones are the same list', () => {
    const join = pageJoiner();
    join([first, second]);
    expect(join([other]).map((line) => line.ns)).toEqual(['7']);
    expect(join([other])).toBe(join([other]));
  });
  it('share the labels of their stream', () => expect(first[0]?.labels).toBe(first[1]?.labels));
});
