/** Series on one time axis, as charts want them. */
import type { Series } from './prom';

export type Aligned = { times: number[]; values: (number | null)[][] };

/** The union of all times; where a series has no point it has a gap, and so it has where a value cannot be drawn. */
export function align(series: readonly Series[], stepMs: number): Aligned {
  const known = new Set<number>();
  for (const one of series) for (const [at] of one.points) known.add(at);
  const times = withGaps([...known].sort((a, b) => a - b), stepMs);
  const index = new Map(times.map((at, i) => [at, i]));
  const values = series.map((one) => {
    const row: (number | null)[] = new Array<number | null>(times.length).fill(null);
    for (const [at, value] of one.points) {
      const i = index.get(at);
      if (i !== undefined && Number.isFinite(value)) row[i] = value;
    }
    return row;
  });
  return { times, values };
}

/** Where no series has a point for longer than a step, one empty time breaks the lines. */
function withGaps(times: readonly number[], stepMs: number): number[] {
  return times.flatMap((at, i) => {
    const before = times[i - 1];
    return before !== undefined && at - before > stepMs * 1.5 ? [before + stepMs, at] : [at];
  });
}

export type Summary = { min: number; max: number; avg: number; last: number };

export function summarize(series: Series): Summary | undefined {
  const values = series.points.map(([, value]) => value).filter(Number.isFinite);
  const last = values.at(-1);
  if (last === undefined) return undefined;
  return {
    min: values.reduce((a, b) => Math.min(a, b)),
    max: values.reduce((a, b) => Math.max(a, b)),
    avg: values.reduce((a, b) => a + b, 0) / values.length,
    last,
  };
}
