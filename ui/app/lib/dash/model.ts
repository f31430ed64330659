/**
 * A dashboard as the app works with it: Grafana's classic JSON of the newest schema, whatever it came as. Members nobody here
 * reads stay where they are, so that an export is what was imported plus what was edited.
 */
import { type Json, num, obj, objs, str } from './json';

export type DataSourceRef = { type?: string; uid?: string };
export type GridPos = { x: number; y: number; w: number; h: number };
export type Target = Json & { refId: string };
export type Override = { matcher: { id: string; options?: unknown }; properties: { id: string; value?: unknown }[] };
export type FieldConfig = { defaults: Json; overrides: Override[] };
export type Transformation = { id: string; options: Json; disabled?: boolean; filter?: { id: string; options?: unknown } };
export type Link = Json;

export type Panel = Json & {
  id: number;
  type: string;
  title: string;
  gridPos: GridPos;
  datasource?: unknown;
  targets: Target[];
  fieldConfig: FieldConfig;
  options: Json;
  transformations: Transformation[];
  /** A collapsed row holds its panels. */
  panels?: Panel[];
  collapsed?: boolean;
  repeat?: string;
};

export type Variable = Json & { name: string; type: string };

export type Dashboard = Json & {
  title: string;
  panels: Panel[];
  templating: { list: Variable[] };
  annotations: { list: Json[] };
  time: { from: string; to: string };
  links: Link[];
};

/** Fills what every panel has. The object is the given one where possible. */
export function asPanel(raw: Json, id: number): Panel {
  const pos = obj(raw.gridPos);
  const config = obj(raw.fieldConfig);
  const out: Panel = {
    ...raw,
    id: num(raw.id) ?? id,
    type: str(raw.type, 'timeseries'),
    title: str(raw.title),
    gridPos: { x: num(pos.x) ?? 0, y: num(pos.y) ?? 0, w: Math.min(24, Math.max(1, num(pos.w) ?? 12)), h: Math.max(1, num(pos.h) ?? 8) },
    targets: objs(raw.targets).map((target, i): Target => ({ ...target, refId: str(target.refId) || refId(i) })),
    fieldConfig: { defaults: obj(config.defaults), overrides: objs(config.overrides).map(asOverride) },
    options: obj(raw.options),
    transformations: objs(raw.transformations).map((one) => ({ ...one, id: str(one.id), options: obj(one.options) })),
  };
  if (raw.type === 'row') {
    out.panels = objs(raw.panels).map((panel, i) => asPanel(panel, id * 1000 + i + 1));
    out.collapsed = raw.collapsed === true;
  }
  return out;
}

function asOverride(raw: Json): Override {
  const matcher = obj(raw.matcher);
  return {
    ...raw,
    matcher: { id: str(matcher.id), options: matcher.options },
    properties: objs(raw.properties).map((property) => ({ id: str(property.id), value: property.value })),
  };
}

/** A, B, … Z, AA, … as Grafana names queries. */
export function refId(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : refId(Math.floor(index / 26) - 1) + letter;
}

export function refOf(value: unknown): DataSourceRef {
  if (typeof value === 'string') return value ? { uid: value } : {};
  const given = obj(value);
  return { ...(given.type ? { type: str(given.type) } : {}), ...(given.uid ? { uid: str(given.uid) } : {}) };
}

/** Every panel, those of collapsed rows too; rows are not panels. */
export function allPanels(dashboard: Dashboard): Panel[] {
  return dashboard.panels.flatMap((panel) => (panel.type === 'row' ? (panel.panels ?? []) : [panel]));
}

export function nextId(dashboard: Dashboard): number {
  const all = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  return all.reduce((most, panel) => Math.max(most, panel.id), 0) + 1;
}

export function emptyDashboard(title: string): Dashboard {
  return {
    title,
    schemaVersion: SCHEMA_VERSION,
    tags: [],
    panels: [],
    templating: { list: [] },
    annotations: { list: [] },
    links: [],
    time: { from: 'now-1h', to: 'now' },
    graphTooltip: 1,
  };
}

/** The classic schema version that this app writes. */
export const SCHEMA_VERSION = 41;
