import { expect, test } from 'vitest';
import { readDashboard } from '../migrate';
import { allPanels } from '../model';

test('rows of the first schemas become a grid of 24 columns', () => {
  const { panels } = readDashboard({ title: 'Old', rows: [{ title: 'A', showTitle: true, height: '300px', panels: [{ id: 1, type: 'text', span: 6 }, { id: 2, type: 'text', span: 6 }, { id: 3, type: 'text', span: 12 }] }, { title: 'B', collapse: true, panels: [{ id: 4, type: 'text', span: 4 }] }] });
  expect(panels.map((panel) => [panel.type, panel.gridPos.x, panel.gridPos.y, panel.gridPos.w])).toEqual([['row', 0, 0, 24], ['text', 0, 1, 12], ['text', 12, 1, 12], ['text', 0, 9, 24], ['row', 0, 17, 24]]);
  expect(panels.at(-1)?.panels?.map((panel) => panel.id)).toEqual([4]);
});

test('a graph panel is a time series with its axes, stacks, colours and thresholds', () => {
  const [panel] = readDashboard({ title: 't', panels: [{ id: 1, type: 'graph', fill: 3, linewidth: 2, stack: true, nullPointMode: 'connected', yaxes: [{ format: 'bytes', min: '0', logBase: 10 }, { format: 'percent' }], aliasColors: { cpu: '#ff0000' }, seriesOverrides: [{ alias: '/^out/', transform: 'negative-Y', yaxis: 2 }], thresholds: [{ value: 80, op: 'gt', colorMode: 'critical', line: true }], legend: { show: true, values: true, current: true, alignAsTable: true } }] }).panels;
  expect(panel?.type).toBe('timeseries');
  expect(panel?.fieldConfig.defaults).toMatchObject({ unit: 'bytes', min: 0, custom: { fillOpacity: 30, lineWidth: 2, spanNulls: true, stacking: { mode: 'normal' }, scaleDistribution: { type: 'log', log: 10 }, thresholdsStyle: { mode: 'line' } } });
  expect(panel?.fieldConfig.overrides).toMatchObject([{ matcher: { id: 'byName', options: 'cpu' } }, { matcher: { id: 'byRegexp', options: '/^out/' }, properties: [{ id: 'custom.transform', value: 'negative-Y' }, { id: 'custom.axisPlacement', value: 'right' }, { id: 'unit', value: 'percent' }] }]);
  expect(panel?.options).toMatchObject({ legend: { displayMode: 'table', calcs: ['lastNotNull'] } });
});

test('singlestat becomes stat or gauge, with mappings and thresholds of the new shape', () => {
  const panels = allPanels(readDashboard({ title: 't', panels: [{ type: 'singlestat', format: 'percent', valueName: 'avg', thresholds: '50,80', colors: ['green', 'orange', 'red'], colorBackground: true, sparkline: { show: true }, valueMaps: [{ value: '0', text: 'down' }] }, { type: 'singlestat', gauge: { show: true, maxValue: 10 } }] }));
  expect(panels.map((panel) => panel.type)).toEqual(['stat', 'gauge']);
  expect(panels[0]?.fieldConfig.defaults).toMatchObject({ unit: 'percent', thresholds: { steps: [{ color: 'green', value: null }, { color: 'orange', value: 50 }, { color: 'red', value: 80 }] }, mappings: [{ type: 'value', options: { 0: { text: 'down' } } }] });
  expect(panels[0]?.options).toMatchObject({ colorMode: 'background', graphMode: 'area', reduceOptions: { calcs: ['mean'] } });
  expect(panels[1]?.fieldConfig.defaults.max).toBe(10);
});

test('styles of old tables become overrides', () => {
  const [panel] = readDashboard({ title: 't', panels: [{ type: 'table', styles: [{ pattern: 'Value', alias: 'Used', type: 'number', unit: 'bytes' }, { pattern: '/^id/', type: 'hidden' }], transform: 'timeseries_to_rows' }] }).panels;
  expect(panel?.fieldConfig.overrides).toMatchObject([{ matcher: { id: 'byName', options: 'Value' }, properties: [{ id: 'displayName', value: 'Used' }, { id: 'unit', value: 'bytes' }] }, { matcher: { id: 'byRegexp' }, properties: [{ id: 'custom.hidden', value: true }] }]);
  expect(panel?.transformations).toEqual([{ id: 'seriesToRows', options: {} }]);
});

test('the second schema is read too', () => {
  const dashboard = readDashboard({ apiVersion: 'dashboard.grafana.app/v2', metadata: { name: 'x' }, spec: { title: 'Two', elements: { a: { kind: 'Panel', spec: { id: 1, title: 'A', vizConfig: { kind: 'VizConfig', group: 'stat', spec: { options: {}, fieldConfig: { defaults: { unit: 's' }, overrides: [] } } }, data: { spec: { queries: [{ kind: 'PanelQuery', spec: { refId: 'A', query: { kind: 'DataQuery', group: 'prometheus', spec: { expr: 'up' } } } }], transformations: [], queryOptions: {} } } } } }, layout: { kind: 'GridLayout', spec: { items: [{ kind: 'GridLayoutItem', spec: { x: 0, y: 0, width: 8, height: 4, element: { name: 'a' } } }] } }, variables: [{ kind: 'CustomVariable', spec: { name: 'v', query: 'a,b' } }] } });
  expect(dashboard.panels[0]).toMatchObject({ type: 'stat', gridPos: { w: 8, h: 4 }, targets: [{ refId: 'A', expr: 'up', datasource: { type: 'prometheus' } }] });
  expect(dashboard.templating.list[0]).toMatchObject({ type: 'custom', name: 'v' });
});

test('what is no dashboard says so', () => {
  expect(() => readDashboard({ title: 'x' })).toThrow('neither "panels" nor "rows"');
  expect(() => readDashboard([])).toThrow();
});
