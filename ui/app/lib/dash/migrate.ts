/** From any dashboard JSON Grafana wrote to the newest classic schema. Pure: JSON in, JSON out. */
import { type Json, arr, clone, num, obj, objs, str } from './json';
import { migrateGraph } from './migrateGraph';
import { migrateOldOptions, migrateSinglestat } from './migrateStat';
import { migrateHeatmap, migratePie, migrateTable, migrateText } from './migrateOther';
import { type Dashboard, type Panel, type Variable, SCHEMA_VERSION, asPanel } from './model';
import { fromV2, isV2 } from './v2';

export class NotADashboard extends Error {}

export function readDashboard(given: unknown): Dashboard {
  let raw = obj(given);
  if (isV2(raw)) raw = fromV2(raw);
  // The HTTP API wraps it.
  if (!raw.panels && !raw.rows && raw.dashboard) raw = obj(raw.dashboard);
  if (!raw.panels && !raw.rows && raw.spec) raw = obj(raw.spec);
  if (!Array.isArray(raw.panels) && !Array.isArray(raw.rows)) throw new NotADashboard('this JSON has neither "panels" nor "rows": it is no Grafana dashboard');
  raw = clone(raw);
  const panels = Array.isArray(raw.rows) && !arr(raw.panels).length ? fromRows(objs(raw.rows)) : objs(raw.panels);
  const { rows: _rows, ...rest } = raw;
  const time = obj(raw.time);
  const dashboard: Dashboard = {
    ...rest,
    title: str(raw.title, 'Untitled'),
    schemaVersion: Math.max(num(raw.schemaVersion) ?? 0, SCHEMA_VERSION),
    panels: panels.map((panel, i) => migratePanel(panel, i + 1)),
    templating: { list: objs(obj(raw.templating).list).map(migrateVariable).filter((one) => one.name) },
    annotations: { list: objs(obj(raw.annotations).list) },
    time: { from: str(time.from) || 'now-6h', to: str(time.to) || 'now' },
    links: objs(raw.links),
  };
  return withUniqueIds(spreadRows(dashboard));
}

/** Schemas before 16: rows of panels with spans of twelve and heights in pixels. */
function fromRows(rows: readonly Json[]): Json[] {
  const titled = rows.some((row) => row.collapse === true || row.showTitle === true || row.repeat);
  const out: Json[] = [];
  let y = 0;
  let id = 100_000;
  for (const row of rows) {
    const height = gridHeight(row.height ?? '250px');
    const inside: Json[] = [];
    let x = 0;
    let line = y + (titled ? 1 : 0);
    let tallest = 0;
    for (const panel of objs(row.panels)) {
      const w = Math.min(24, Math.max(1, Math.round((num(panel.span) ?? 12) * 2)));
      const h = panel.height ? gridHeight(panel.height) : height;
      if (x + w > 24) {
        x = 0;
        line += tallest;
        tallest = 0;
      }
      inside.push({ ...panel, gridPos: { x, y: line, w, h } });
      x += w;
      tallest = Math.max(tallest, h);
    }
    const collapsed = row.collapse === true;
    if (titled) {
      out.push({ id: (id += 1), type: 'row', title: str(row.title), collapsed, panels: collapsed ? inside : [], gridPos: { x: 0, y, w: 24, h: 1 }, ...(row.repeat ? { repeat: row.repeat } : {}) });
    }
    if (!collapsed) out.push(...inside);
    y = collapsed ? y + 1 : line + tallest;
  }
  return out;
}

/** A grid row is 30 px high with 8 px between. */
function gridHeight(height: unknown): number {
  const px = typeof height === 'number' ? height : parseInt(str(height), 10) || 250;
  return Math.max(3, Math.ceil(px / 38));
}

const RENAMED: Record<string, string> = {
  'grafana-singlestat-panel': 'singlestat',
  'grafana-piechart-panel': 'piechart',
  'heatmap-new': 'heatmap',
  text2: 'text',
  table2: 'table',
  react_graph: 'graph',
  graph2: 'timeseries',
  'unified-alertlist': 'alertlist',
  'natel-discrete-panel': 'state-timeline',
  'flant-statusmap-panel': 'status-history',
  trend: 'timeseries',
};

function migratePanel(given: Json, id: number): Panel {
  const type = RENAMED[str(given.type)] ?? str(given.type, given.targets ? 'graph' : 'text');
  let panel: Json = { ...given, type };
  if (type === 'row') panel = { ...panel, panels: objs(given.panels).map((inner, i) => migratePanel(inner, id * 1000 + i + 1)) };
  else if (type === 'graph') panel = migrateGraph(panel);
  else if (type === 'singlestat') panel = migrateSinglestat(panel);
  else if (type === 'table-old' || (type === 'table' && (given.styles || given.columns))) panel = migrateTable(panel);
  else if (type === 'text') panel = migrateText(panel);
  else if (type === 'heatmap' && !obj(given.options).yAxis) panel = migrateHeatmap(panel);
  else if (type === 'piechart' && given.pieType) panel = migratePie(panel);
  panel = migrateOldOptions(panel);
  // A repeat over twelfths of a row became a number of panels in a row.
  if (panel.minSpan && !panel.maxPerRow) panel.maxPerRow = Math.max(1, Math.floor(12 / (num(panel.minSpan) ?? 12)));
  return asPanel(panel, id);
}

function migrateVariable(raw: Json): Variable {
  const type = str(raw.type, 'query');
  return { ...raw, name: str(raw.name), type: type === 'filter' ? 'query' : type };
}

/** Panels that stand below an open row but were put into it. */
function spreadRows(dashboard: Dashboard): Dashboard {
  const panels = dashboard.panels.flatMap((panel) => {
    if (panel.type !== 'row' || panel.collapsed || !panel.panels?.length) return [panel];
    return [{ ...panel, panels: [] }, ...panel.panels];
  });
  return { ...dashboard, panels };
}

function withUniqueIds(dashboard: Dashboard): Dashboard {
  const seen = new Set<number>();
  let next = 1;
  const unique = (panel: Panel): Panel => {
    let { id } = panel;
    if (seen.has(id)) {
      while (seen.has(next)) next += 1;
      id = next;
    }
    seen.add(id);
    return { ...panel, id, ...(panel.panels ? { panels: panel.panels.map(unique) } : {}) };
  };
  return { ...dashboard, panels: dashboard.panels.map(unique) };
}
