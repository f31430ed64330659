import { expect, test } from 'vitest';
import { evaluate, parseMath } from '../expression';
import { type Frame, field, frame, numberFields } from '../frames';
import { compacted, moved, place } from '../layout';
import { type Panel, asPanel, emptyDashboard } from '../model';
import { promFrames } from '../promFrames';
import { reduceField } from '../reduce';
import { transform } from '../transform';
import { reportOf } from '../report';
import { heatOf } from '../heat';

const series = (ref: string, labels: Record<string, string>, values: number[]): Frame => frame(ref, '', [field('Time', 'time', values.map((_, i) => i * 1000)), field('Value', 'number', values, { labels, legend: Object.values(labels).join(' ') })]);
const shape = (frames: readonly Frame[]) => frames.map((one) => Object.fromEntries(one.fields.map((given) => [String(given.config.displayName ?? given.name), given.values])));

test('buckets of a histogram become the counts between them', () => {
  const of = (le: string, value: number) => ({ labels: { le }, points: [[1000, value]] as [number, number][] });
  const [one] = promFrames([of('+Inf', 10), of('1', 4), of('5', 9)], { refId: 'A', format: 'heatmap', legend: '', stepMs: 1000, several: false, endMs: 1000 });
  expect(one && shape([one])[0]).toEqual({ Time: [1000], 1: [4], 5: [5], '+Inf': [1] });
  expect(heatOf(one ? [one] : [], {}, 0, 1000)).toMatchObject({ rows: ['1', '5', '+Inf'], max: 5 });
});

test('tables of several queries are merged by what they share', () => {
  const table = (ref: string, value: number) => promFrames([{ labels: { pod: 'a' }, points: [[1000, value]] }], { refId: ref, format: 'table', legend: '', stepMs: 0, several: true, endMs: 0 })[0] as Frame;
  const out = transform([table('A', 1), table('B', 2)], [{ id: 'merge', options: {} }, { id: 'organize', options: { excludeByName: { Time: true }, renameByName: { 'Value #A': 'Used' }, indexByName: { 'Value #B': 0 } } }]);
  expect(shape(out)).toEqual([{ 'Value #B': [2], pod: ['a'], Used: [1] }]);
});

test('series are joined by time, reduced, grouped and calculated with', () => {
  const two = [series('A', { a: 'x' }, [1, 2]), series('B', { a: 'y' }, [3, 4])];
  expect(transform(two, [{ id: 'joinByField', options: { byField: 'Time' } }])[0]?.fields.map((given) => given.values)).toEqual([[0, 1000], [1, 2], [3, 4]]);
  expect(shape(transform(two, [{ id: 'reduce', options: { reducers: ['max', 'mean'] } }]))).toEqual([{ Field: ['x', 'y'], Max: [2, 4], Mean: [1.5, 3.5] }]);
  expect(transform(two, [{ id: 'calculateField', options: { mode: 'reduceRow', reduce: { reducer: 'sum' }, alias: 'all' } }])[0]?.fields.at(-1)).toMatchObject({ name: 'all', values: [4, 6] });
  expect(shape(transform([frame('A', '', [field('k', 'string', ['a', 'b', 'a']), field('v', 'number', [1, 2, 3])])], [{ id: 'groupBy', options: { fields: { k: { operation: 'groupby' }, v: { operation: 'aggregate', aggregations: ['sum'] } } } }]))).toEqual([{ k: ['a', 'b'], 'v (sum)': [4, 2] }]);
});

test.each([['delta', 10], ['range', 4], ['diff', 1], ['p50', 4], ['lastNotNull', 2], ['count', 5]] as const)('%s', (calc, wanted) => expect(reduceField(field('', 'number', [1, 5, null, 4, 2]), calc)).toBe(wanted));

test('math over series meets them by label', () => {
  const inputs = new Map([['A', [series('A', { h: '1' }, [10, 20]), series('A', { h: '2' }, [1, 2])]], ['B', [series('B', { h: '1' }, [2, 4]), series('B', { h: '2' }, [1, 1])]]]);
  const out = evaluate({ refId: 'C', type: 'math', expression: '-($A / ${B}) ** 2 + 100 * ($A > 5)' }, inputs);
  expect(out.map((one) => numberFields(one)[0]?.values)).toEqual([[125, 125], [1, 4]]);
  expect(() => parseMath('1 +')).toThrow('ends too early');
  expect(() => parseMath(`${'('.repeat(300)}1`)).toThrow('nested too deeply');
  expect(() => evaluate({ refId: 'C', type: 'classic_conditions' }, inputs)).toThrow('not supported');
});

const panel = (id: number, x: number, y: number, w: number, h: number, more: object = {}): Panel => asPanel({ id, type: 'text', gridPos: { x, y, w, h }, ...more }, id);

test('a moved panel pushes others down, and all float up', () => {
  const out = moved([panel(1, 0, 0, 12, 4), panel(2, 12, 0, 12, 4), panel(3, 0, 4, 24, 4)], 3, { x: 0, y: 0, w: 24, h: 4 });
  expect(out.map((one) => one.gridPos.y)).toEqual([4, 4, 0]);
  expect(compacted([panel(1, 0, 7, 4, 2)])[0]?.gridPos.y).toBe(0);
});

test('panels and rows repeat for each value; closed rows hide theirs', () => {
  const dashboard = emptyDashboard('t');
  dashboard.panels = [panel(1, 0, 0, 24, 4, { repeat: 'v', maxPerRow: 2 }), panel(2, 0, 4, 24, 2), panel(3, 0, 6, 24, 1, { type: 'row', collapsed: true, panels: [{ id: 4, type: 'text', gridPos: { x: 0, y: 50, w: 24, h: 3 } }] })];
  const scope = { values: new Map([['v', { value: ['a', 'b', 'c'], text: ['a', 'b', 'c'], all: false }]]), builtins: {} };
  const at = (folded: Map<number, boolean>) => place(dashboard, scope, folded).map((one) => [one.key, one.pos.x, one.pos.y, one.pos.w]);
  expect(at(new Map())).toEqual([['1/a', 0, 0, 12], ['1/b', 12, 0, 12], ['1/c', 0, 4, 12], ['2', 0, 8, 24], ['3', 0, 10, 24]]);
  expect(at(new Map([[3, false]])).at(-1)).toEqual(['4', 0, 11, 24]);
});

test('the report grades each panel and says why', () => {
  const dashboard = emptyDashboard('t');
  dashboard.panels = [panel(1, 0, 0, 4, 4, { type: 'stat', targets: [{ expr: 'up' }], options: { colorMode: 'value' } }), panel(2, 0, 4, 4, 4, { type: 'timeseries', targets: [{ expr: 'up' }], options: { sparkle: true } }), panel(3, 0, 8, 4, 4, { type: 'geomap' }), panel(4, 0, 8, 4, 4, { type: 'table', targets: [{ datasource: { type: 'mysql', uid: 'x' } }] })];
  const report = reportOf(dashboard);
  expect(report.panels.map((one) => one.grade)).toEqual(['exact', 'approximated', 'unsupported', 'unsupported']);
  expect(report.panels.flatMap((one) => one.reasons)).toEqual(['the option sparkle is not applied', 'there is no panel of the type geomap', 'data source mysql cannot be asked']);
});
