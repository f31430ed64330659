import { expect, test } from 'vitest';
import { logqlPlace, traceqlPlace } from '../complete';
import { criticalPath, matchingSpans, pathByService } from '../critical';
import { diffLines } from '../diff';
import { fieldValue, fieldsOf, topValuesQuery } from '../fields';
import { csv } from '../files';
import { layOutGraph, placeLabels } from '../graph';
import type { Line } from '../loki';
import { parseMarkdown } from '../markdown';
import { rankCommands } from '../palette';
import { changeOf, comparePatterns } from '../patterns';
import { errorPosition, queriesOf, queriesPatch } from '../queries';
import { parseSelection, selectionQuery, selectionText, singleCondition } from '../selection';
import { matchersOf, parseMatchers, silences } from '../silences';
import type { Span } from '../trace';

const span = (id: string, parentId: string, startMs: number, durationMs: number, service = 's'): Span => ({ id, parentId, service, name: id, kind: 'server', startMs, durationMs, error: false, statusMessage: '', attributes: [{ key: 'http.route', value: '/cart' }], resource: [], scope: '', events: [], links: [] });
const line = (text: string, labels: Record<string, string>): Line => ({ key: text, ns: '1', ms: 1, text, labels });

test('the critical path follows whoever was waited for last', () => {
  const spans = [span('root', '', 0, 100), span('a', 'root', 10, 30, 'x'), span('b', 'root', 20, 60, 'y'), span('c', 'b', 30, 40, 'z')];
  const path = criticalPath(spans);
  expect(path.get('root')).toEqual([{ startMs: 80, endMs: 100 }, { startMs: 0, endMs: 20 }]);
  expect(path.get('b')).toEqual([{ startMs: 70, endMs: 80 }, { startMs: 20, endMs: 30 }]);
  expect(path.get('c')).toEqual([{ startMs: 30, endMs: 70 }]);
  // It ran beside b and ended while b did: nobody waited for it.
  expect(path.has('a')).toBe(false);
  expect(pathByService(spans, path).reduce((sum, one) => sum + one.ms, 0)).toBe(100);
  expect([...matchingSpans(spans, 'route=/cart B')]).toEqual(['b']);
});

test('a path of ten thousand spans in a row is no recursion', () => {
  const spans = Array.from({ length: 10_000 }, (_, i) => span(`s${i}`, i ? `s${i - 1}` : '', i, 20_000 - 2 * i));
  expect(criticalPath(spans).size).toBe(10_000);
});

test('patterns are new, grown, shrunk, gone or the same', () => {
  const pattern = (text: string, count: number) => ({ pattern: text, level: 'info', samples: [[1, count]] as [number, number][] });
  const rows = comparePatterns([pattern('a', 100), pattern('b', 9), pattern('c', 20)], [pattern('a', 10), pattern('b', 8), pattern('d', 4)], 0, 2000);
  expect(rows.map((row) => [row.pattern, row.change])).toEqual([['a', 'grown'], ['c', 'new'], ['b', 'same'], ['d', 'gone']]);
  expect(changeOf(3, 30)).toBe('shrunk');
});

test('fields come from labels and from inside of lines', () => {
  const lines = [line('{"user":"u1","n":{"a":1}}', { service_name: 'cart' }), line('took=5ms msg="hello there"', { service_name: 'cart', level: 'info' })];
  const rows = fieldsOf(lines, [{ label: 'user', type: 'string', cardinality: 7, parsers: ['json'] }]);
  expect(rows.map((row) => [row.name, row.values])).toEqual([['service_name', 1], ['level', 1], ['user', 7]]);
  expect(topValuesQuery('{a="b"}', rows[2] as never, 60)).toBe('topk(10, sum by (user) (count_over_time({a="b"} | json | user!="" [60s])))');
  expect([fieldValue(lines[0] as Line, 'user'), fieldValue(lines[1] as Line, 'msg'), fieldValue(lines[1] as Line, 'took'), fieldValue(lines[0] as Line, 'none')]).toEqual(['u1', 'hello there', '5ms', '']);
});

test('several queries live in the URL', () => {
  const list = queriesOf({ q: 'a', q3: 'c', off: 'q3' });
  expect(list.map((one) => [one.text, one.off])).toEqual([['a', false], ['', false], ['c', true]]);
  expect(queriesPatch(list.slice(0, 1))).toMatchObject({ q: 'a', q2: undefined, q3: undefined, off: undefined });
  expect(errorPosition('1:5: parse error', 'sum(x')).toBe(4);
  expect(errorPosition('no position', 'x')).toBeUndefined();
});

test('a chosen part of the scatter survives the URL', () => {
  const chosen = { fromMs: 1000, toMs: 2000, minMs: 1.5, maxMs: 300 };
  expect(parseSelection(selectionText(chosen))).toEqual(chosen);
  expect(selectionQuery(chosen)).toBe('{ duration >= 1500us && duration <= 300000us }');
  expect([singleCondition('{ status = error }'), singleCondition('{} | rate()'), singleCondition('{ rootName = "x" }')]).toEqual(['{ status = error }', '', '']);
});

test('silences are written and read as matchers', () => {
  expect(matchersOf({ alertname: 'A', instance: 'i' })).toHaveLength(1);
  const matchers = parseMatchers('alertname="A, B", job=~"x.*", env!="dev"');
  expect(matchers).toEqual([{ name: 'alertname', value: 'A, B', isRegex: false, isEqual: true }, { name: 'job', value: 'x.*', isRegex: true, isEqual: true }, { name: 'env', value: 'dev', isRegex: false, isEqual: false }]);
  expect(parseMatchers('job=~".*"')).toContain('must not match an empty value');
  expect(parseMatchers('nonsense')).toContain('is no matcher');
  const silence = { id: '1', matchers: matchers as never, startsAt: '', endsAt: '', createdBy: '', comment: '', status: { state: 'active' as const } };
  expect(silences(silence, { alertname: 'A, B', job: 'xy' })).toBe(true);
  expect(silences(silence, { alertname: 'A, B', job: 'xy', env: 'dev' })).toBe(false);
});

test('completion knows where the cursor is', () => {
  expect(logqlPlace('{service_name="ca')).toEqual({ kind: 'value', label: 'service_name', typed: 'ca' });
  expect(logqlPlace('{service_name="cart", le')).toEqual({ kind: 'label', typed: 'le' });
  expect(logqlPlace('{a="b"} |= "x" | js')).toEqual({ kind: 'stage', typed: 'js' });
  expect(traceqlPlace('{ resource.service.name = "ca')).toEqual({ kind: 'value', field: 'resource.service.name', typed: 'ca', quoted: true });
  expect(traceqlPlace('{ status = er')).toMatchObject({ kind: 'value', field: 'status' });
  expect(traceqlPlace('{} | ra')).toEqual({ kind: 'pipe', typed: 'ra' });
});

test('a graph is laid out in layers, cycles too', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((id) => ({ id, title: id, label: '', bad: 0 }));
  const edge = (from: string, to: string) => ({ from, to, label: '', bad: 0 });
  const x = (edges: { from: string; to: string; label: string; bad: number }[]) => Object.fromEntries(layOutGraph(nodes, edges).nodes.map((one) => [one.node.id, one.x]));
  expect(x([edge('a', 'b'), edge('b', 'c'), edge('a', 'c')])).toEqual({ a: 0, b: 1, c: 2, d: 0 });
  expect(x([edge('a', 'b'), edge('b', 'a')])).toMatchObject({ a: 0, b: 1 });
});

test('texts of arrows cover neither boxes nor each other, and those that fail are never left out', () => {
  const curve = (y: number) => [{ x: 0, y }, { x: 40, y }, { x: 160, y }, { x: 200, y }] as const;
  const box = { x: 70, y: -10, width: 60, height: 30 };
  const [first, second, third] = placeLabels([{ curve: curve(10), text: '1/s', important: false }, { curve: curve(12), text: '2/s', important: true }, { curve: curve(50), text: '3/s', important: false }], [box]);
  expect(third?.x).toBeCloseTo(100);
  expect(second && (second.x < 65 || second.x > 135)).toBe(true);
  expect(first && second && Math.abs(first.x - second.x) >= 18).toBe(true);
  const wall = { x: -50, y: -50, width: 400, height: 200 };
  const hidden = placeLabels([{ curve: curve(10), text: 'a', important: false }, { curve: curve(10), text: 'b', important: true }], [wall]);
  expect(hidden.map((one) => one !== undefined)).toEqual([false, true]);
});

test('texts of data are never markup', () => {
  const [first] = parseMarkdown('**b** <img src=x onerror=alert(1)> [x](javascript:alert(1))');
  expect(first).toEqual({ kind: 'paragraph', inline: [{ kind: 'bold', text: 'b' }, { kind: 'text', text: ' ' }, { kind: 'link', text: 'x', href: 'javascript:alert(1' }, { kind: 'text', text: ')' }] });
  expect(parseMarkdown('# T\n- a\n- b\n\n| h | i |\n|---|---|\n| 1 | 2 |').map((block) => block.kind)).toEqual(['heading', 'list', 'table']);
});

test('a spreadsheet runs no formula of a log line', () => {
  expect(csv([['=cmd()', 'a,b', 'say "x"', -1]])).toBe('\'=cmd(),"a,b","say ""x""",-1');
});

test('a difference has its neighbours, not everything', () => {
  const before = Array.from({ length: 30 }, (_, i) => `l${i}`);
  const after = before.with(15, 'new');
  expect(diffLines(before, after).map((one) => one.sign + one.text)).toEqual([' …', ' l12', ' l13', ' l14', '-l15', '+new', ' l16', ' l17', ' l18', ' …']);
});

test('commands that begin with what is typed come first', () => {
  const command = (title: string) => ({ id: title, title, group: 'Page', run: () => undefined });
  expect(rankCommands([command('Open logs'), command('Logs'), command('Catalogs')], 'log').map((one) => one.title)).toEqual(['Logs', 'Open logs', 'Catalogs']);
});
