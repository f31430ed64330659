/** The volume histogram: counts per level and step as stacked bars. */
import type { Series } from './prom';
import { SEVERITIES, type Severity, severityOf } from './severity';

export type Bucket = { startMs: number; endMs: number; total: number; counts: Partial<Record<Severity, number>> };

/** From a vertical stack of at most this many bars one still can pick one. */
export const BUCKETS_WANTED = 80;

/**
 * A point at time t of `count_over_time([step])` counts the lines of (t - step, t], so its bar ends at t. Steps without lines
 * are bars of height zero: a gap in the logs must look like a gap.
 */
export function bucketize(series: readonly Series[], startMs: number, endMs: number, stepMs: number): Bucket[] {
  const first = Math.floor(startMs / stepMs);
  const last = Math.ceil(endMs / stepMs);
  const buckets: Bucket[] = [];
  for (let i = first; i < last; i += 1) buckets.push({ startMs: i * stepMs, endMs: (i + 1) * stepMs, total: 0, counts: {} });
  for (const one of series) {
    const severity = severityOf(one.labels);
    for (const [at, value] of one.points) {
      const bucket = buckets[Math.ceil(at / stepMs) - 1 - first];
      if (!bucket || !Number.isFinite(value)) continue;
      bucket.counts[severity] = (bucket.counts[severity] ?? 0) + value;
      bucket.total += value;
    }
  }
  return buckets;
}

export type Part = { severity: Severity; y: number; height: number };

/** One bar's parts, the worst at the bottom where small numbers are easiest to compare. At least a pixel if not zero. */
export function stack(bucket: Bucket, max: number, height: number): Part[] {
  let y = height;
  return SEVERITIES.flatMap((severity) => {
    const value = bucket.counts[severity] ?? 0;
    if (value <= 0 || max <= 0) return [];
    const size = Math.max(1, (value / max) * height);
    y -= size;
    return [{ severity, y: Math.max(0, y), height: size }];
  });
}

export function totals(buckets: readonly Bucket[]): { severity: Severity; count: number }[] {
  return SEVERITIES.map((severity) => ({
    severity,
    count: buckets.reduce((sum, bucket) => sum + (bucket.counts[severity] ?? 0), 0),
  })).filter((one) => one.count > 0);
}
