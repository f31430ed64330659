/** The histogram of durations: counts per step of the logarithm, so that fast and slow traces have room. */
import type { Found } from './tempo';

export type DurationBar = { minMs: number; maxMs: number; total: number; failed: number };
export type Durations = { lowMs: number; highMs: number; bars: DurationBar[] };

export const BARS = 24;
/** Durations of zero have a place too. */
const LEAST_MS = 0.01;

export function durationsOf(found: readonly Found[], bars = BARS): Durations {
  const all = found.map((one) => Math.max(one.durationMs, LEAST_MS));
  if (all.length === 0) return { lowMs: 1, highMs: 10, bars: [] };
  // A little more at both ends: the extremes belong to a bar, not to a border.
  const lowMs = Math.min(...all) / 1.1;
  const highMs = Math.max(...all) * 1.1;
  const made = Array.from({ length: bars }, (_, i): DurationBar => ({ minMs: durationAt(i / bars, lowMs, highMs), maxMs: durationAt((i + 1) / bars, lowMs, highMs), total: 0, failed: 0 }));
  found.forEach((one, i) => {
    const bar = made[Math.min(bars - 1, Math.floor(shareOf(all[i] ?? LEAST_MS, lowMs, highMs) * bars))];
    if (!bar) return;
    bar.total += 1;
    if (one.services.some((service) => service.errors > 0)) bar.failed += 1;
  });
  return { lowMs, highMs, bars: made };
}

/** Where a duration stands between the two, from 0 to 1, and back. */
export function shareOf(ms: number, lowMs: number, highMs: number): number {
  return Math.min(1, Math.max(0, Math.log(ms / lowMs) / Math.log(highMs / lowMs)));
}

export function durationAt(share: number, lowMs: number, highMs: number): number {
  return lowMs * (highMs / lowMs) ** share;
}
