/** One number of a column. */
import type { Cell, Field } from './frames';

type Calc = { name: string; of: (values: readonly number[], all: readonly Cell[]) => Cell };

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const least = (values: readonly number[]) => values.reduce((a, b) => (b < a ? b : a), Infinity);
const most = (values: readonly number[]) => values.reduce((a, b) => (b > a ? b : a), -Infinity);
const orNull = (value: number | undefined) => (value === undefined || !Number.isFinite(value) ? null : value);

function variance(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const mean = sum(values) / values.length;
  return sum(values.map((value) => (value - mean) ** 2)) / values.length;
}

/** Growth of a counter: what it rose, and after a reset what it has. */
function delta(values: readonly number[]): number {
  return values.slice(1).reduce((total, value, i) => total + (value >= (values[i] ?? 0) ? value - (values[i] ?? 0) : value), 0);
}

function percentile(share: number): Calc['of'] {
  return (values) => {
    const ordered = [...values].sort((a, b) => a - b);
    return ordered.length ? (ordered[Math.min(ordered.length - 1, Math.floor(share * ordered.length))] ?? null) : null;
  };
}

const CALCS: Record<string, Calc> = {
  lastNotNull: { name: 'Last *', of: (values) => values.at(-1) ?? null },
  last: { name: 'Last', of: (_, all) => all.at(-1) ?? null },
  firstNotNull: { name: 'First *', of: (values) => values[0] ?? null },
  first: { name: 'First', of: (_, all) => all[0] ?? null },
  min: { name: 'Min', of: (values) => orNull(least(values)) },
  max: { name: 'Max', of: (values) => orNull(most(values)) },
  mean: { name: 'Mean', of: (values) => (values.length ? sum(values) / values.length : null) },
  median: { name: 'Median', of: percentile(0.5) },
  sum: { name: 'Total', of: (values) => sum(values) },
  count: { name: 'Count', of: (_, all) => all.length },
  range: { name: 'Range', of: (values) => orNull(most(values) - least(values)) },
  delta: { name: 'Delta', of: (values) => delta(values) },
  diff: { name: 'Difference', of: (values) => (values.length ? (values.at(-1) ?? 0) - (values[0] ?? 0) : null) },
  diffperc: { name: 'Difference percent', of: (values) => (values[0] ? ((values.at(-1) ?? 0) - values[0]) / values[0] : null) },
  step: { name: 'Step', of: (values) => orNull(least(values.slice(1).map((value, i) => Math.abs(value - (values[i] ?? 0))))) },
  logmin: { name: 'Min (above zero)', of: (values) => orNull(least(values.filter((value) => value > 0))) },
  variance: { name: 'Variance', of: variance },
  stdDev: { name: 'StdDev', of: (values) => { const found = variance(values); return found === null ? null : Math.sqrt(found); } },
  distinctCount: { name: 'Distinct Count', of: (_, all) => new Set(all).size },
  changeCount: { name: 'Change Count', of: (_, all) => all.slice(1).filter((value, i) => value !== all[i]).length },
  allValues: { name: 'All values', of: (_, all) => all.length },
  uniqueValues: { name: 'All unique values', of: (_, all) => new Set(all).size },
  allIsNull: { name: 'All nulls', of: (values) => values.length === 0 },
  allIsZero: { name: 'All zeros', of: (values) => values.length > 0 && values.every((value) => value === 0) },
};

/** Older names of the same. */
const OLD: Record<string, string> = { avg: 'mean', current: 'lastNotNull', total: 'sum', lastNotZero: 'lastNotNull', stddev: 'stdDev' };

function known(calc: string): Calc | undefined {
  const share = /^p(\d{1,2})$/.exec(calc);
  if (share) return { name: `${share[1]}th %`, of: percentile(Number(share[1]) / 100) };
  return CALCS[OLD[calc] ?? calc];
}

export function isCalc(calc: string): boolean {
  return known(calc) !== undefined;
}

export function calcName(calc: string): string {
  return known(calc)?.name ?? calc;
}

export function reduceField(one: Field, calc: string): Cell {
  const found = known(calc) ?? CALCS.lastNotNull;
  if (one.type !== 'number') {
    const filled = one.values.filter((value) => value !== null);
    if (calc.startsWith('first')) return filled[0] ?? null;
    if (calc === 'count' || calc === 'distinctCount' || calc === 'changeCount') return found?.of([], one.values) ?? null;
    return filled.at(-1) ?? null;
  }
  const numbers = one.values.filter((value): value is number => typeof value === 'number' && !Number.isNaN(value));
  return found?.of(numbers, one.values) ?? null;
}
