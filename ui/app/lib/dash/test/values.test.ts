import { expect, test } from 'vitest';
import { type Scope, type VariableValue, interpolate } from '../interpolate';
import { mapValue, configure, look } from '../config';
import { field, frame } from '../frames';
import { linkOf, ourPath } from '../links';
import { customOptions, filtered, resolveVariables, variableQuery } from '../variables';
import { emptyDashboard } from '../model';
import { graphFrames } from '../tempoFrames';
import { unitText } from '../units';

const value = (given: string | string[], all = false): VariableValue => ({ value: given, text: given, all });
const scope: Scope = { values: new Map([['job', value('a.b')], ['pod', value(['x', 'y.z'])], ['any', { value: '.*', text: 'All', all: true, literal: true }]]), builtins: { __from: '1700000000000', __interval: '15s' } };

test.each([
  ['up{job="$job"}', 'up{job="a.b"}'],
  ['up{pod=~"$pod"}', 'up{pod=~"(x|y\\\\.z)"}'],
  ['up{pod=~"[[pod:pipe]]"}', 'up{pod=~"x|y.z"}'],
  ['${pod:csv} ${pod:json} ${pod:singlequote}', "x,y.z [\"x\",\"y.z\"] 'x','y.z'"],
  ['up{a=~"$any"}[$__interval]', 'up{a=~".*"}[15s]'],
  ['${__from:date:YYYY}', '2023'],
  ['$unknown ${unknown}', '$unknown ${unknown}'],
])('%s', (text, wanted) => expect(interpolate(text, scope, 'promql')).toBe(wanted));

test('variables are resolved in order, each with the ones before it', async () => {
  const dashboard = emptyDashboard('t');
  dashboard.templating.list = [
    { name: 'a', type: 'custom', query: 'one : 1, two : 2', current: { value: '2' } },
    { name: 'b', type: 'query', query: 'label_values(up{a="$a"}, job)', regex: '/(\\w+)-prod/', multi: true, includeAll: true, current: { value: ['$__all'] }, sort: 1 },
  ];
  const [a, b] = await resolveVariables(dashboard, {}, {}, async (variable, inner) => [interpolate(String(variable.query), inner), 'web-prod', 'api-prod'].map((text) => ({ text, value: text })));
  expect(a?.value.value).toBe('2');
  expect(b?.options.map((option) => option.value)).toEqual(['api', 'web']);
  expect(b?.value).toMatchObject({ all: true, value: ['api', 'web'] });
});

test('queries of variables are understood in every shape', () => {
  const of = (query: unknown) => variableQuery({ name: 'x', type: 'query', query });
  expect(of('label_values(node_uname_info{job="$job"}, instance)')).toEqual({ kind: 'values', label: 'instance', selector: 'node_uname_info{job="$job"}' });
  expect(of('label_values(job)')).toEqual({ kind: 'values', label: 'job', selector: '' });
  expect(of({ query: 'query_result(topk(1, up))' })).toEqual({ kind: 'result', expr: 'topk(1, up)' });
  expect(of({ label: 'app', stream: '{env="x"}', type: 1 })).toEqual({ kind: 'values', label: 'app', selector: '{env="x"}' });
  expect(customOptions('a\\,b, c')).toEqual([{ text: 'a,b', value: 'a,b' }, { text: 'c', value: 'c' }]);
  expect(filtered([{ text: 'x', value: 'x' }, { text: 'y', value: 'y' }], '/^x/')).toHaveLength(1);
});

test.each([
  [1536, 'bytes', undefined, '1.5 KiB'], [1_500_000, 'decbytes', 1, '1.5 MB'], [0.1234, 'percentunit', 1, '12.3%'], [90, 's', undefined, '1.5 mins'], [0.25, 's', undefined, '250 ms'], [1200, 'short', undefined, '1.2 K'], [2500, 'reqps', undefined, '2.5K req/s'], [1e9, 'bps', undefined, '1 Gb/s'], [1, 'bool_yes_no', undefined, 'Yes'], [42, 'widgets', undefined, '42 widgets'], [5, 'prefix:No', undefined, 'No 5'], [0.002, 'none', undefined, '0.002'],
] as const)('%d as %s', (number, unit, decimals, wanted) => expect(unitText(number, unit, decimals)).toBe(wanted));

test('mappings say a text and a colour', () => {
  const mappings = [{ type: 'value', options: { 1: { text: 'up', color: 'green' } } }, { type: 'range', options: { from: 2, to: 5, result: { text: 'some' } } }, { type: 'regex', options: { pattern: '/^v(.*)$/', result: { text: 'version $1' } } }, { type: 'special', options: { match: 'null', result: { text: 'none' } } }];
  expect([1, 3, 'v2', null, 9].map((one) => mapValue(mappings, one)?.text)).toEqual(['up', 'some', 'version 2', 'none', undefined]);
});

test('overrides match by name, pattern, type and query', () => {
  const one = frame('B', '', [field('Time', 'time', [1]), field('Value', 'number', [50], { legend: 'disk used' })]);
  const properties = [{ id: 'unit', value: 'percent' }, { id: 'custom.width', value: 90 }];
  for (const matcher of [{ id: 'byName', options: 'disk used' }, { id: 'byRegexp', options: '/USED$/i' }, { id: 'byType', options: 'number' }, { id: 'byFrameRefID', options: 'B' }]) {
    const [out] = configure([one], { defaults: { custom: { align: 'left' } }, overrides: [{ matcher, properties }] });
    expect(out?.fields[1]?.config).toMatchObject({ unit: 'percent', custom: { align: 'left', width: 90 } });
    expect(look(out?.fields[1] as never, 50).text).toBe('50%');
  }
});

test('links of Grafana lead to our pages, and only names and values go in', () => {
  expect(ourPath('/d/abc/some-name?var-x=1&var-x=2', scope)).toBe('/ui/dashboards/abc?var-x=1%7C2');
  const owner = field('Value', 'number', [1], { config: { links: [{ url: '/d/x?var-pod=${__data.fields.pod}&v=${__value.raw}' }] } });
  expect(linkOf(owner, 1, 'n', scope, () => 'a&b')?.url).toBe('/ui/dashboards/x?var-pod=a%26b&v=1');
});

test('a bare name is a variable of series', () => {
  expect(variableQuery({ name: 'x', type: 'query', query: { query: 'traces_calls_bucket', refId: 'A' } })).toEqual({ kind: 'series', selector: 'traces_calls_bucket' });
});

test('who calls whom is nodes and edges', () => {
  const edge = { client: 'a', server: 'b', kind: '', calls: 6, failed: 0, rate_per_s: 2, mean_ms: 1 };
  const [nodes, edges] = graphFrames('A', { services: [], edges: [edge] });
  expect(nodes?.fields.map((one) => one.values)).toEqual([['a', 'b'], ['a', 'b'], [0, 2]]);
  expect(edges?.fields.map((one) => one.values)).toEqual([['a_b'], ['a'], ['b'], [2]]);
  expect(graphFrames('A', { services: [], edges: [] })).toEqual([]);
});
