/** Series as frames, in the three shapes Grafana's Prometheus queries have. */
import { type Series, legendName, distinguishing, seriesName } from '../prom';
import type { Labels } from '../prom';
import { type Cell, type Frame, field, frame } from './frames';

export type Shape = { refId: string; format: string; legend: string; stepMs: number; several: boolean; endMs: number };

export function promFrames(series: readonly Series[], shape: Shape): Frame[] {
  if (shape.format === 'table') return series.length ? [table(series, shape)] : [];
  if (shape.format === 'heatmap') return heatmap(series, shape);
  const keys = distinguishing(series);
  return series.map((one) => {
    const name = legendText(shape.legend, one.labels, keys, series.length);
    const points = withGaps(one.points, shape.stepMs);
    const { __name__: metric, ...labels } = one.labels;
    return frame(shape.refId, name, [field('Time', 'time', points.map(([at]) => at)), field('Value', 'number', points.map(([, value]) => value), { labels, legend: name })], metric ? { metric } : undefined);
  });
}

function legendText(legend: string, labels: Labels, keys: readonly string[], count: number): string {
  if (legend && legend !== '__auto') return legend.replace(/\{\{\s*([\w.:]+)\s*\}\}/g, (_whole, label: string) => labels[label] ?? '').trim() || seriesName(labels);
  if (legend === '__auto') return count === 1 ? seriesName(labels) : legendName(labels, keys);
  return seriesName(labels);
}

/** Where a series has no sample there is nothing, not a line across. */
function withGaps(points: readonly [number, number][], stepMs: number): [number, number | null][] {
  if (stepMs <= 0) return [...points];
  return points.flatMap(([at, value], i): [number, number | null][] => {
    const before = points[i - 1]?.[0];
    return before !== undefined && at - before > stepMs * 1.5 ? [[before + stepMs, null], [at, value]] : [[at, value]];
  });
}

function table(series: readonly Series[], shape: Shape): Frame {
  const labels = [...new Set(series.flatMap((one) => Object.keys(one.labels)))].sort();
  const rows = series.flatMap((one) => one.points.map(([at, value]) => ({ at, value, labels: one.labels })));
  return frame(shape.refId, shape.refId, [
    field('Time', 'time', rows.map((row) => row.at)),
    ...labels.map((label) => field(label, 'string', rows.map((row): Cell => row.labels[label] ?? ''))),
    field(shape.several ? `Value #${shape.refId}` : 'Value', 'number', rows.map((row) => row.value)),
  ]);
}

/** Cumulative buckets become the counts between their edges, one column an edge, from low to high. */
function heatmap(series: readonly Series[], shape: Shape): Frame[] {
  const byEdge = [...series].filter((one) => one.labels.le !== undefined).sort((a, b) => edge(a) - edge(b));
  if (byEdge.length === 0) return promFrames(series, { ...shape, format: 'time_series' });
  const times = [...new Set(byEdge.flatMap((one) => one.points.map(([at]) => at)))].sort((a, b) => a - b);
  let below = new Map<number, number>();
  const columns = byEdge.map((one) => {
    const here = new Map(one.points);
    const values = times.map((at): Cell => {
      const value = here.get(at);
      return value === undefined ? null : Math.max(0, value - (below.get(at) ?? 0));
    });
    below = here;
    return field(one.labels.le ?? '', 'number', values, { labels: one.labels, legend: one.labels.le ?? '' });
  });
  return [frame(shape.refId, 'heatmap', [field('Time', 'time', times), ...columns], { kind: 'heatmap' })];
}

function edge(one: Series): number {
  const le = one.labels.le ?? '';
  return le === '+Inf' ? Infinity : Number(le);
}
