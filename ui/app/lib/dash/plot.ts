/** Frames as what a plot draws: series on one time axis, with scales, stacks and styles resolved. No canvas in here. */
import { fieldColor, thresholdColor, thresholdsOf, type Thresholds } from './color';
import { look, rangeOf } from './config';
import { type Cell, type Field, type Frame, displayName, timeField } from './frames';
import { type Json, num, obj, str, strs } from './json';

export type Draw = 'line' | 'bars' | 'points';

export type PlotSeries = {
  name: string;
  field: Field;
  index: number;
  color: string;
  draw: Draw;
  width: number;
  fill: number;
  gradient: boolean;
  steps: 'linear' | 'stepAfter' | 'stepBefore' | 'smooth';
  dash: number[] | undefined;
  points: boolean | undefined;
  pointSize: number;
  spanGaps: boolean;
  scale: string;
  stack: string | undefined;
  percent: boolean;
  hidden: boolean;
  inLegend: boolean;
  /** As they are, for tooltips and legends. */
  values: (number | null)[];
};

export type PlotScale = { key: string; unit: string; field: Field; side: 'left' | 'right' | 'hidden'; label: string; log: number; min: number | undefined; max: number | undefined; softMin: number | undefined; softMax: number | undefined; centered: boolean; grid: boolean | undefined };

export type Plot = { times: number[]; series: PlotSeries[]; scales: PlotScale[]; thresholds: { scale: string; mode: string; of: Thresholds }[] };

/** More lines than this are a carpet. */
export const SERIES_MAX = 200;

export function plotOf(frames: readonly Frame[]): Plot {
  const found = frames.flatMap((owner) => {
    const time = timeField(owner);
    return time ? owner.fields.filter((field) => field.type === 'number').map((field) => ({ owner, field, time })) : [];
  });
  const shown = found.filter(({ field }) => obj(obj(field.config.custom).hideFrom).viz !== true).slice(0, SERIES_MAX);
  const times = [...new Set(shown.flatMap(({ time }) => time.values as number[]))].sort((a, b) => a - b);
  const at = new Map(times.map((ms, i) => [ms, i]));
  const scales: PlotScale[] = [];
  const series = shown.map(({ owner, field, time }, index): PlotSeries => {
    const scale = scaleOf(field, scales);
    const values = spread(field.values, time.values, at, times.length);
    return styled(field, displayName(field, owner, frames.length), index, scale, values);
  });
  const thresholds = scales.flatMap((scale) => {
    const mode = str(obj(obj(scale.field.config.custom).thresholdsStyle).mode, 'off');
    return mode === 'off' ? [] : [{ scale: scale.key, mode, of: thresholdsOf(scale.field.config) }];
  });
  return { times, series, scales, thresholds };
}

function spread(values: readonly Cell[], own: readonly Cell[], at: ReadonlyMap<number, number>, length: number): (number | null)[] {
  const out = new Array<number | null>(length).fill(null);
  own.forEach((ms, i) => {
    const value = values[i];
    const place = at.get(ms as number);
    if (place !== undefined && typeof value === 'number' && Number.isFinite(value)) out[place] = value;
  });
  return out;
}

function styled(field: Field, name: string, index: number, scale: PlotScale, values: (number | null)[]): PlotSeries {
  const custom = obj(field.config.custom);
  const stacking = obj(custom.stacking);
  const line = obj(custom.lineStyle);
  const range = rangeOf(field);
  const last = values.findLast((value) => value !== null) ?? null;
  const color = str(obj(field.config.color).mode) === 'thresholds' ? thresholdColor(thresholdsOf(field.config), last, range.min, range.max) : fieldColor(field.config, index, last, range.min, range.max);
  const draw = str(custom.drawStyle, 'line') as Draw;
  const negative = custom.transform === 'negative-Y';
  const constant = custom.transform === 'constant' ? (values.find((value) => value !== null) ?? null) : undefined;
  return {
    name,
    field,
    index,
    color,
    draw,
    width: num(custom.lineWidth) ?? 1,
    fill: (num(custom.fillOpacity) ?? 0) / 100,
    gradient: custom.gradientMode === 'opacity' || custom.gradientMode === 'hue',
    steps: (['stepAfter', 'stepBefore', 'smooth'] as const).find((one) => one === custom.lineInterpolation) ?? 'linear',
    dash: line.fill === 'dash' ? (Array.isArray(line.dash) ? line.dash.map((one) => num(one) ?? 10) : [10, 10]) : line.fill === 'dot' ? [2, 6] : undefined,
    points: draw === 'points' || custom.showPoints === 'always' ? true : custom.showPoints === 'never' ? false : undefined,
    pointSize: num(custom.pointSize) ?? 5,
    spanGaps: custom.spanNulls === true || typeof custom.spanNulls === 'number',
    scale: scale.key,
    stack: stacking.mode === 'normal' || stacking.mode === 'percent' ? `${scale.key}/${str(stacking.group, 'A')}/${negative ? '-' : '+'}` : undefined,
    percent: stacking.mode === 'percent',
    hidden: false,
    inLegend: obj(custom.hideFrom).legend !== true,
    values: constant !== undefined ? values.map(() => constant) : negative ? values.map((value) => (value === null ? null : -value)) : values,
  };
}

function scaleOf(field: Field, scales: PlotScale[]): PlotScale {
  const custom = obj(field.config.custom);
  const percent = obj(custom.stacking).mode === 'percent';
  const unit = percent ? 'percentunit' : str(field.config.unit);
  const placement = str(custom.axisPlacement, 'auto');
  const distribution = obj(custom.scaleDistribution);
  const log = distribution.type === 'log' ? (num(distribution.log) ?? 10) : distribution.type === 'symlog' ? 10 : 0;
  const key = `${unit}|${placement === 'auto' ? '' : placement}|${log}`;
  const known = scales.find((scale) => scale.key === key);
  const [min, max] = [num(field.config.min), num(field.config.max)];
  if (known) {
    if (min !== undefined) known.min = Math.min(min, known.min ?? min);
    if (max !== undefined) known.max = Math.max(max, known.max ?? max);
    return known;
  }
  const taken = scales.some((scale) => scale.side === 'left');
  const side = placement === 'hidden' ? 'hidden' : placement === 'right' || (placement === 'auto' && taken) ? 'right' : 'left';
  const scale: PlotScale = { key, unit, field: percent ? { ...field, config: { ...field.config, unit, mappings: [] } } : field, side, label: str(custom.axisLabel), log, min, max: percent ? 1 : max, softMin: num(custom.axisSoftMin), softMax: num(custom.axisSoftMax), centered: custom.axisCenteredZero === true, grid: typeof custom.axisGridShow === 'boolean' ? custom.axisGridShow : undefined };
  scales.push(scale);
  return scale;
}

/** Values as they are drawn: members of a stack stand on the ones before. Hidden series take no room. */
export function stacked(plot: Plot, hidden: ReadonlySet<string>): (number | null)[][] {
  const totals = new Map<string, number[]>();
  const sums = new Map<string, number[]>();
  for (const one of plot.series) {
    if (!one.stack || !one.percent || hidden.has(one.name)) continue;
    const sum = sums.get(one.stack) ?? new Array<number>(plot.times.length).fill(0);
    one.values.forEach((value, i) => { sum[i] = (sum[i] ?? 0) + Math.abs(value ?? 0); });
    sums.set(one.stack, sum);
  }
  return plot.series.map((one) => {
    if (!one.stack || hidden.has(one.name)) return one.values;
    const total = totals.get(one.stack) ?? new Array<number>(plot.times.length).fill(0);
    const sum = sums.get(one.stack);
    const out = one.values.map((value, i) => {
      if (value === null) return null;
      const share = sum ? (sum[i] ? value / (sum[i] ?? 1) : 0) : value;
      total[i] = (total[i] ?? 0) + share;
      return total[i] ?? null;
    });
    totals.set(one.stack, total);
    return out;
  });
}

/** What a drawing depends on besides its numbers: if it is the same, new data needs no new chart. */
export function styleOf(plot: Plot, hidden: ReadonlySet<string>): string {
  const series = plot.series.map(({ field: _field, values: _values, ...style }) => style);
  const scales = plot.scales.map(({ field, ...scale }) => ({ ...scale, config: field.config }));
  return JSON.stringify([series, scales, plot.thresholds, [...hidden]]);
}

/** For each series of a stack the one it stands on, so that fills do not cover each other. */
export function bandsOf(plot: Plot, hidden: ReadonlySet<string>): { series: [number, number] }[] {
  const below = new Map<string, number>();
  return plot.series.flatMap((one, i): { series: [number, number] }[] => {
    if (!one.stack || hidden.has(one.name)) return [];
    const before = below.get(one.stack);
    below.set(one.stack, i + 1);
    return before === undefined ? [] : [{ series: [i + 1, before] }];
  });
}

export function textOf(series: PlotSeries, value: number | null): string {
  return look(series.field, value, series.index).text;
}

export type LegendOptions = { show: boolean; table: boolean; right: boolean; calcs: string[]; sortBy: string; desc: boolean };

export function legendOptions(options: Json): LegendOptions {
  const legend = obj(options.legend);
  const mode = str(legend.displayMode, 'list');
  return { show: legend.showLegend !== false && mode !== 'hidden', table: mode === 'table', right: legend.placement === 'right', calcs: strs(legend.calcs ?? legend.values), sortBy: str(legend.sortBy), desc: legend.sortDesc !== false };
}

/** Round limits around the data, wide enough for what the axis was told. */
export function limits(scale: PlotScale, low: number | null, high: number | null): [number, number] {
  let min = scale.min ?? Math.min(low ?? 0, scale.softMin ?? Infinity);
  let max = scale.max ?? Math.max(high ?? 1, scale.softMax ?? -Infinity);
  if (scale.centered) {
    const most = Math.max(Math.abs(min), Math.abs(max));
    [min, max] = [-most, most];
  }
  if (scale.log > 0) return [min > 0 ? min : Math.min(1, max / 1000), max > min ? max : min * scale.log];
  if (!(max > min)) {
    const by = Math.abs(min) * 0.5 || 1;
    return scale.min !== undefined ? [min, min + by] : min >= 0 ? [0, min + by] : [min - by, Math.max(0, min + by)];
  }
  const pad = (max - min) * 0.06;
  if (scale.min === undefined) min = min >= 0 && min - pad * 5 < 0 ? 0 : scale.softMin !== undefined && min >= scale.softMin ? scale.softMin : min - pad;
  if (scale.max === undefined) max = scale.softMax !== undefined && max <= scale.softMax ? scale.softMax : max + pad;
  return [min, max];
}

