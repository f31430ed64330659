/** Patterns of lines against those of a time before: what is new, grown, shrunk or gone. */
import type { Pattern } from './loki';

export type Change = 'new' | 'grown' | 'same' | 'shrunk' | 'gone';
export type PatternRow = { pattern: string; level: string; count: number; before: number; change: Change; spark: number[] };

/** By this factor a rate has changed, not only wavered. */
const FACTOR = 2;
const SPARK_PARTS = 30;

export function comparePatterns(now: readonly Pattern[], before: readonly Pattern[], startMs: number, endMs: number): PatternRow[] {
  const key = (one: Pattern) => `${one.level}\n${one.pattern}`;
  const old = new Map(before.map((one) => [key(one), total(one)]));
  const seen = new Set(now.map(key));
  const rows = now.map((one): PatternRow => {
    const count = total(one);
    const was = old.get(key(one)) ?? 0;
    return { pattern: one.pattern, level: one.level, count, before: was, change: changeOf(count, was), spark: spark(one, startMs, endMs) };
  });
  const gone = before.filter((one) => !seen.has(key(one))).map((one): PatternRow => ({ pattern: one.pattern, level: one.level, count: 0, before: total(one), change: 'gone', spark: [] }));
  return [...rows, ...gone].filter((row) => row.count > 0 || row.before > 0).sort((a, b) => b.count - a.count || b.before - a.before);
}

export function changeOf(count: number, before: number): Change {
  if (before === 0) return 'new';
  if (count === 0) return 'gone';
  // A handful more or less says nothing.
  if (Math.abs(count - before) < 5) return 'same';
  return count > before * FACTOR ? 'grown' : count * FACTOR < before ? 'shrunk' : 'same';
}

function total(one: Pattern): number {
  return one.samples.reduce((sum, [, count]) => sum + count, 0);
}

function spark(one: Pattern, startMs: number, endMs: number): number[] {
  const parts = new Array<number>(SPARK_PARTS).fill(0);
  for (const [s, count] of one.samples) {
    const at = Math.floor(((s * 1000 - startMs) / (endMs - startMs)) * SPARK_PARTS);
    if (at >= 0 && at < SPARK_PARTS) parts[at] = (parts[at] ?? 0) + count;
  }
  return parts;
}

/** A filter that keeps the lines of a pattern. */
export function patternFilter(pattern: string): string {
  return `|> ${JSON.stringify(pattern)}`;
}
