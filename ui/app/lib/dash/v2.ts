/** The v2 schema (elements and a layout) as the classic one. */
import { type Json, num, obj, objs, str } from './json';

export function isV2(raw: Json): boolean {
  const spec = obj(raw.spec ?? raw);
  return Boolean(spec.elements && spec.layout);
}

export function fromV2(raw: Json): Json {
  const spec = obj(raw.spec ?? raw);
  const elements = obj(spec.elements);
  const settings = obj(spec.timeSettings);
  return {
    uid: str(obj(raw.metadata).name) || undefined,
    title: str(spec.title),
    description: spec.description,
    tags: spec.tags,
    graphTooltip: { Off: 0, Crosshair: 1, Tooltip: 2 }[str(spec.cursorSync)] ?? 0,
    time: { from: str(settings.from, 'now-6h'), to: str(settings.to, 'now') },
    refresh: settings.autoRefresh,
    timezone: settings.timezone,
    links: spec.links,
    templating: { list: objs(spec.variables).map(variable) },
    annotations: { list: objs(spec.annotations).map((one) => ({ ...obj(one.spec), datasource: source(obj(obj(one.spec).query)) })) },
    panels: layout(obj(spec.layout), elements, 0).panels,
  };
}

function layout(given: Json, elements: Json, y0: number): { panels: Json[]; y: number } {
  const spec = obj(given.spec);
  switch (str(given.kind)) {
    case 'RowsLayout':
      return rows(objs(spec.rows), elements, y0);
    case 'TabsLayout':
      return rows(objs(spec.tabs), elements, y0);
    case 'AutoGridLayout':
      return autoGrid(spec, elements, y0);
    default: {
      let y = y0;
      const panels = objs(spec.items).map((item) => {
        const at = obj(item.spec);
        const gridPos = { x: num(at.x) ?? 0, y: y0 + (num(at.y) ?? 0), w: num(at.width) ?? 12, h: num(at.height) ?? 8 };
        y = Math.max(y, gridPos.y + gridPos.h);
        const repeat = obj(at.repeat);
        return { ...panel(obj(elements[str(obj(at.element).name)])), gridPos, ...(repeat.value ? { repeat: repeat.value, repeatDirection: repeat.direction, maxPerRow: repeat.maxPerRow } : {}) };
      });
      return { panels, y };
    }
  }
}

function rows(given: readonly Json[], elements: Json, y0: number): { panels: Json[]; y: number } {
  const panels: Json[] = [];
  let y = y0;
  for (const row of given.map((one) => obj(one.spec))) {
    const inner = layout(obj(row.layout), elements, y + 1);
    const collapsed = row.collapse === true;
    const repeat = obj(row.repeat);
    panels.push({ type: 'row', title: str(row.title), collapsed, panels: collapsed ? inner.panels : [], gridPos: { x: 0, y, w: 24, h: 1 }, ...(repeat.value ? { repeat: repeat.value } : {}) });
    if (!collapsed) panels.push(...inner.panels);
    y = collapsed ? y + 1 : inner.y;
  }
  return { panels, y };
}

/** Columns as many as it may have, rows of the standard height. */
function autoGrid(spec: Json, elements: Json, y0: number): { panels: Json[]; y: number } {
  const columns = Math.max(1, Math.min(24, num(spec.maxColumnCount) ?? 3));
  const w = Math.floor(24 / columns);
  const items = objs(spec.items);
  const panels = items.map((item, i) => ({ ...panel(obj(elements[str(obj(obj(item.spec).element).name)])), gridPos: { x: (i % columns) * w, y: y0 + Math.floor(i / columns) * 9, w, h: 9 } }));
  return { panels, y: y0 + Math.ceil(items.length / columns) * 9 };
}

function panel(element: Json): Json {
  const spec = obj(element.spec);
  const data = obj(obj(spec.data).spec);
  const viz = obj(spec.vizConfig);
  const vizSpec = obj(viz.spec);
  const options = obj(data.queryOptions);
  return {
    id: num(spec.id),
    title: str(spec.title),
    description: spec.description,
    links: spec.links,
    transparent: spec.transparent,
    type: str(viz.group) || str(viz.kind),
    options: vizSpec.options,
    fieldConfig: vizSpec.fieldConfig,
    interval: options.interval,
    maxDataPoints: options.maxDataPoints,
    timeFrom: options.timeFrom,
    timeShift: options.timeShift,
    transformations: objs(data.transformations).map((one) => ({ ...obj(one.spec), id: str(obj(one.spec).id) || str(one.group) || str(one.kind) })),
    targets: objs(data.queries).map((one) => {
      const query = obj(one.spec);
      const inner = obj(query.query);
      return { ...obj(inner.spec), refId: str(query.refId), hide: query.hidden === true, datasource: source(inner, obj(query.datasource)) };
    }),
  };
}

function source(query: Json, given: Json = {}): Json {
  const named = obj(query.datasource);
  return { type: str(given.type) || str(query.group) || str(query.kind), uid: str(given.uid) || str(named.name) };
}

const KINDS: Record<string, string> = {
  QueryVariable: 'query', CustomVariable: 'custom', TextVariable: 'textbox', ConstantVariable: 'constant', IntervalVariable: 'interval', DatasourceVariable: 'datasource', AdhocVariable: 'adhoc', GroupByVariable: 'groupby', SwitchVariable: 'switch',
};

function variable(given: Json): Json {
  const spec = obj(given.spec);
  const query = obj(spec.query);
  const inner = obj(query.spec);
  return {
    ...spec,
    type: KINDS[str(given.kind)] ?? 'query',
    query: spec.pluginId ?? (typeof spec.query === 'string' ? spec.query : (inner.__legacyStringValue ?? inner)),
    datasource: source(query),
    hide: { dontHide: 0, hideLabel: 1, hideVariable: 2 }[str(spec.hide)] ?? 0,
    refresh: { never: 0, onDashboardLoad: 1, onTimeRangeChanged: 2 }[str(spec.refresh)] ?? 1,
    sort: { disabled: 0, alphabeticalAsc: 1, alphabeticalDesc: 2, numericalAsc: 3, numericalDesc: 4, alphabeticalCaseInsensitiveAsc: 5, alphabeticalCaseInsensitiveDesc: 6 }[str(spec.sort)] ?? 0,
  };
}
