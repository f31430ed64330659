import { describe, expect, it } from 'vitest';
import { readId, readTrace } from '../trace';
import type { Span } from '../trace';
import { layOut, ticks } from '../waterfall';

describe('readId', () => {
  it.each([
    ['5b8aa5a2d2c872e8321cf37308d69df2', 16, '5b8aa5a2d2c872e8321cf37308d69df2'],
    ['W4qlotLIcugyHPNzCNad8g==', 16, '5b8aa5a2d2c872e8321cf37308d69df2'],
    ['EjRWeJCrze8=', 8, '1234567890abcdef'],
    ['1234567890ABCDEF', 8, '1234567890abcdef'],
    ['AAAAAAAAAAA=', 8, ''],
    ['0000000000000000', 8, ''],
    ['', 8, ''],
    [undefined, 8, ''],
    ['?', 8, ''],
  ] as const)('%s of %d bytes', (given, size, hex) => expect(readId(given, size)).toBe(hex));
});

describe('readTrace', () => {
  const span = { traceId: 'W4qlotLIcugyHPNzCNad8g==', spanId: 'EjRWeJCrze8=', name: 'GET /', startTimeUnixNano: '1763930000123456789', endTimeUnixNano: '1763930000223456789' };
  const body = (more: object) => ({ trace: { resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] }, scopeSpans: [{ scope: { name: 's' }, spans: [{ ...span, ...more }] }] }] } });

  it('reads the JSON of Go', () => {
    const trace = readTrace(body({ kind: 'SPAN_KIND_SERVER', status: { code: 'STATUS_CODE_ERROR', message: 'no' } }));
    expect(trace.id).toBe('5b8aa5a2d2c872e8321cf37308d69df2');
    expect(trace.spans[0]).toMatchObject({ id: '1234567890abcdef', parentId: '', service: 'cart', kind: 'server', error: true, statusMessage: 'no', durationMs: 100, scope: 's' });
    expect(trace.spans[0]?.startMs).toBeCloseTo(1763930000123.456, 2);
  });
  it('reads OTLP numbers and a bare trace', () => {
    const trace = readTrace(body({ kind: 3, status: { code: 2 } }).trace);
    expect(trace.spans[0]).toMatchObject({ kind: 'client', error: true });
  });
  it('shows every kind of value', () => {
    const values = [{ stringValue: 'a' }, { intValue: '7' }, { boolValue: false }, { doubleValue: 0.5 }, { arrayValue: { values: [{ intValue: 1 }, { stringValue: 'x' }] } }, { kvlistValue: { values: [{ key: 'k', value: { intValue: 2 } }] } }, {}];
    const attributes = values.map((value, i) => ({ key: String(i), value }));
    expect(readTrace(body({ attributes })).spans[0]?.attributes.map((a) => a.value)).toEqual(['a', '7', 'false', '0.5', '[1, x]', '{k: 2}', '']);
  });
  it.each([[null], [42], ['text'], [{}], [{ trace: { resourceSpans: [null, 3, { scopeSpans: 'x' }] } }], [body({ startTimeUnixNano: 'soon', endTimeUnixNano: {}, events: [null], links: 'x' })]])('survives %j', (given) => {
    expect(() => readTrace(given)).not.toThrow();
  });
});

const make = (id: string, parentId: string, startMs: number, durationMs: number, service = 's'): Span => ({
  id, parentId, startMs, durationMs, service, name: id, kind: 'internal', error: id === 'bad', statusMessage: '', attributes: [], resource: [], scope: '', events: [], links: [],
});
const shape = (spans: Span[], collapsed?: Set<string>) => layOut(spans, collapsed).rows.map((row) => `${' '.repeat(row.depth)}${row.span.id}${row.orphan ? '?' : ''}`);

describe('layOut', () => {
  it('orders depth first, children by start', () => expect(shape([make('c', 'a', 20, 5), make('b', 'a', 10, 5), make('d', 'b', 11, 2), make('a', '', 0, 100)])).toEqual(['a', ' b', '  d', ' c']));
  it('places bars as shares of the whole', () => {
    const fall = layOut([make('a', '', 1000, 100), make('b', 'a', 1025, 50)]);
    expect(fall.rows.map((row) => [row.left, row.width])).toEqual([[0, 1], [0.25, 0.5]]);
  });
  it('counts a child that outlives its root', () => expect(layOut([make('a', '', 0, 10), make('b', 'a', 5, 45)]).durationMs).toBe(50));
  it('marks spans whose parent is missing', () => expect(shape([make('a', '', 0, 10), make('x', 'gone', 3, 1)])).toEqual(['a', 'x?']));
  it('cuts cycles and self-parents', () => {
    expect(shape([make('a', 'b', 0, 10), make('b', 'a', 1, 5)])).toEqual(['a?', ' b']);
    expect(shape([make('a', 'a', 0, 10)])).toEqual(['a?']);
  });
  it('hides what is below a collapsed span', () => expect(shape([make('a', '', 0, 9), make('b', 'a', 1, 5), make('c', 'b', 2, 1), make('d', 'a', 6, 1)], new Set(['b']))).toEqual(['a', ' b', ' d']));
  it('draws every span exactly once, also twins of one id', () => expect(layOut([make('a', '', 0, 9), make('a', '', 1, 2), make('b', 'a', 1, 1)]).rows).toHaveLength(3));
  it('has no rows for no spans', () => expect(layOut([])).toMatchObject({ rows: [], durationMs: 0, startMs: 0, errors: 0 }));
  it('takes a parent with very many children', () => {
    const wide = Array.from({ length: 50_000 }, (_, i) => make(`n${i}`, i ? 'n0' : '', i, 1));
    expect(layOut(wide).rows).toHaveLength(50_000);
  });
  it('is not bound by the stack', () => {
    const deep = Array.from({ length: 20_000 }, (_, i) => make(`n${i}`, i ? `n${i - 1}` : '', i, 1));
    expect(layOut(deep).depth).toBe(19_999);
  });
});

it.each([[100, 5, [0, 20, 40, 60, 80, 100]], [7, 4, [0, 2, 4, 6]], [0, 4, [0]]])('ruler of %d in about %d', (ms, n, at) => expect(ticks(ms, n)).toEqual(at));
