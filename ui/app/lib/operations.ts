/** Operations of a service out of three TraceQL metrics. */
import type { Series } from './prom';

export type Operation = { name: string; ratePerS: number; errorRatio: number; p95Ms: number | undefined };

export function operationsOf(rates: readonly Series[], failures: readonly Series[], p95: readonly Series[]): Operation[] {
  const failed = new Map(failures.map((one) => [one.labels.name ?? '', mean(one)]));
  const slow = new Map(p95.map((one) => [one.labels.name ?? '', most(one)]));
  return rates
    .map((one) => {
      const name = one.labels.name ?? '';
      const ratePerS = mean(one);
      return { name, ratePerS, errorRatio: ratePerS > 0 ? (failed.get(name) ?? 0) / ratePerS : 0, p95Ms: slow.get(name) };
    })
    .filter((one) => one.ratePerS > 0)
    .sort((a, b) => b.ratePerS - a.ratePerS);
}

/** A range that does not fall on the steps comes as two of them, so they are weighed together. */
function mean(one: Series): number {
  return one.points.reduce((sum, [, value]) => sum + value, 0) / Math.max(1, one.points.filter(([, value]) => value > 0).length);
}

function most(one: Series): number | undefined {
  const found = one.points.reduce((max, [, value]) => Math.max(max, value), 0);
  return found > 0 ? found * 1000 : undefined;
}
