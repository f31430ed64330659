/** The graph panel of Grafana before 8 as a time series, bar chart or histogram. */
import { type Json, arr, num, obj, objs, str } from './json';

export function migrateGraph(panel: Json): Json {
  const [left = {}, right = {}] = objs(panel.yaxes);
  const mode = str(obj(panel.xaxis).mode, 'time');
  const custom = style(panel);
  const defaults: Json = { ...obj(obj(panel.fieldConfig).defaults), ...axis(left), custom: { ...custom, ...axisCustom(left) } };
  const overrides = [
    ...objs(obj(panel.fieldConfig).overrides),
    ...Object.entries(obj(panel.aliasColors)).map(([name, color]) => override(name, [{ id: 'color', value: { mode: 'fixed', fixedColor: str(color) } }])),
    ...objs(panel.seriesOverrides).map((one) => seriesOverride(one, right)),
  ];
  const thresholds = objs(panel.thresholds);
  if (thresholds.length) {
    defaults.thresholds = { mode: 'absolute', steps: steps(thresholds) };
    custom.thresholdsStyle = { mode: thresholds.some((one) => one.fill) ? (thresholds.some((one) => one.line) ? 'line+area' : 'area') : 'line' };
    defaults.custom = { ...obj(defaults.custom), ...custom };
  }
  const out: Json = { ...panel, type: 'timeseries', fieldConfig: { defaults, overrides }, options: { ...obj(panel.options), legend: legend(obj(panel.legend)), tooltip: tooltip(obj(panel.tooltip)) } };
  if (mode === 'series') {
    const calc = str(arr(obj(panel.xaxis).values)[0], 'total');
    return { ...out, type: 'barchart', transformations: [...objs(panel.transformations), { id: 'reduce', options: { reducers: [CALCS[calc] ?? 'sum'] } }] };
  }
  if (mode === 'histogram') return { ...out, type: 'histogram', options: { ...obj(out.options), bucketCount: num(obj(panel.xaxis).buckets) } };
  return out;
}

const CALCS: Record<string, string> = { total: 'sum', avg: 'mean', current: 'lastNotNull', min: 'min', max: 'max', first: 'first', delta: 'delta', diff: 'diff', range: 'range', count: 'count' };

function style(panel: Json): Json {
  const custom: Json = {
    drawStyle: panel.bars ? 'bars' : panel.lines === false && panel.points ? 'points' : 'line',
    lineWidth: num(panel.linewidth) ?? 1,
    fillOpacity: panel.bars ? 100 : (num(panel.fill) ?? 1) * 10,
    gradientMode: num(panel.fillGradient) ? 'opacity' : 'none',
    lineInterpolation: panel.steppedLine ? 'stepAfter' : 'linear',
    showPoints: panel.points ? 'always' : 'never',
    pointSize: (num(panel.pointradius) ?? 2) * 2 + 1,
    spanNulls: panel.nullPointMode === 'connected',
    stacking: { mode: panel.stack ? (panel.percentage ? 'percent' : 'normal') : 'none', group: 'A' },
  };
  if (panel.lines === false && !panel.bars && !panel.points) custom.lineWidth = 0;
  if (panel.dashes) custom.lineStyle = { fill: 'dash', dash: [num(panel.dashLength) ?? 10, num(panel.spaceLength) ?? 10] };
  if (panel.nullPointMode === 'null as zero') custom.insertNulls = false;
  return custom;
}

function axis(given: Json): Json {
  const out: Json = {};
  if (given.format) out.unit = given.format;
  if (num(given.min) !== undefined) out.min = num(given.min);
  if (num(given.max) !== undefined) out.max = num(given.max);
  if (num(given.decimals) !== undefined) out.decimals = num(given.decimals);
  return out;
}

function axisCustom(given: Json): Json {
  const out: Json = {};
  const base = num(given.logBase) ?? 1;
  if (base > 1) out.scaleDistribution = { type: 'log', log: base };
  if (given.label) out.axisLabel = given.label;
  if (given.show === false) out.axisPlacement = 'hidden';
  return out;
}

function override(name: string, properties: Json[]): Json {
  const pattern = /^\/(.*)\/([a-z]*)$/.exec(name);
  return { matcher: pattern ? { id: 'byRegexp', options: name } : { id: 'byName', options: name }, properties };
}

function seriesOverride(given: Json, right: Json): Json {
  const properties: Json[] = [];
  const set = (id: string, value: unknown) => properties.push({ id, value });
  if (given.color) set('color', { mode: 'fixed', fixedColor: str(given.color) });
  if (given.bars) set('custom.drawStyle', 'bars');
  else if (given.lines === false && given.points) set('custom.drawStyle', 'points');
  else if (given.lines) set('custom.drawStyle', 'line');
  if (num(given.linewidth) !== undefined) set('custom.lineWidth', num(given.linewidth));
  if (num(given.fill) !== undefined) set('custom.fillOpacity', (num(given.fill) ?? 0) * 10);
  if (given.dashes) set('custom.lineStyle', { fill: 'dash', dash: [num(given.dashLength) ?? 10, num(given.spaceLength) ?? 10] });
  if (given.steppedLine) set('custom.lineInterpolation', 'stepAfter');
  if (given.transform === 'negative-Y') set('custom.transform', 'negative-Y');
  if (given.stack === false) set('custom.stacking', { mode: 'none', group: 'A' });
  else if (given.stack !== undefined && given.stack !== null) set('custom.stacking', { mode: 'normal', group: str(given.stack, 'A') });
  if (given.fillBelowTo) set('custom.fillBelowTo', given.fillBelowTo);
  if (given.nullPointMode === 'connected') set('custom.spanNulls', true);
  if (given.legend === false) set('custom.hideFrom', { legend: true, tooltip: false, viz: false });
  if (num(given.yaxis) === 2) {
    set('custom.axisPlacement', right.show === false ? 'hidden' : 'right');
    for (const [id, value] of Object.entries(axis(right))) set(id, value);
    for (const [id, value] of Object.entries(axisCustom(right))) if (id !== 'axisPlacement') set(`custom.${id}`, value);
  }
  return override(str(given.alias), properties);
}

const NAMED: Record<string, string> = { critical: 'red', warning: 'orange', ok: 'green' };

/** Old thresholds say what lies above (gt) or below (lt); steps say what begins where. */
function steps(given: readonly Json[]): Json[] {
  const out: Json[] = [{ color: 'transparent', value: null }];
  for (const one of [...given].sort((a, b) => (num(a.value) ?? 0) - (num(b.value) ?? 0))) {
    const color = NAMED[str(one.colorMode)] ?? str(one.lineColor || one.fillColor, 'red');
    if (one.op === 'lt') {
      const last = out.at(-1);
      if (last) last.color = color;
      out.push({ color: 'transparent', value: num(one.value) ?? 0 });
    } else out.push({ color, value: num(one.value) ?? 0 });
  }
  return out;
}

function legend(given: Json): Json {
  const calcs = Object.keys(CALCS).filter((key) => given[key] === true).map((key) => CALCS[key]);
  return {
    showLegend: given.show !== false,
    displayMode: given.alignAsTable ? 'table' : 'list',
    placement: given.rightSide ? 'right' : 'bottom',
    calcs: given.values ? calcs : [],
    ...(given.sort && given.sort !== 'name' ? { sortBy: legendSort(str(given.sort)), sortDesc: given.sortDesc === true } : {}),
  };
}

function legendSort(name: string): string {
  return { current: 'Last *', total: 'Total', avg: 'Mean', min: 'Min', max: 'Max' }[name] ?? name;
}

function tooltip(given: Json): Json {
  return { mode: given.shared === false ? 'single' : 'multi', sort: num(given.sort) === 2 ? 'desc' : num(given.sort) === 1 ? 'asc' : 'none' };
}
