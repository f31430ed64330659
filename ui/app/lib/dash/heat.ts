/** A heatmap's cells: buckets as they came, or counted from the values of ordinary series. */
import { type Frame, numberFields, timeField } from './frames';
import { type Json, num, obj, str } from './json';
import { niceSize } from './transform/compute';

export type Heat = { times: number[]; rows: string[]; cells: (number | null)[][]; max: number; stepMs: number };

export function heatOf(frames: readonly Frame[], options: Json, startMs: number, endMs: number): Heat {
  return options.calculate === true ? counted(frames, options, startMs, endMs) : given(frames);
}

function given(frames: readonly Frame[]): Heat {
  const single = frames.find((one) => one.meta?.kind === 'heatmap');
  const columns = (single ? numberFields(single) : frames.flatMap((one) => numberFields(one))).map((field) => ({ name: field.legend ?? field.name, values: field.values }));
  const timed = frames.filter((one) => timeField(one));
  const times = [...new Set(timed.flatMap((one) => timeField(one)?.values as number[]))].sort((a, b) => a - b);
  const cells = columns.map((column, i) => {
    const own = (single ? timeField(single) : timeField(timed[i] ?? timed[0] as Frame))?.values ?? [];
    const at = new Map(own.map((ms, row) => [ms, column.values[row]]));
    return times.map((ms) => {
      const value = at.get(ms);
      return typeof value === 'number' ? value : null;
    });
  });
  return done(times, columns.map((column) => column.name), cells);
}

const COLUMNS = 60;

function counted(frames: readonly Frame[], options: Json, startMs: number, endMs: number): Heat {
  const points = frames.flatMap((one) => {
    const times = timeField(one)?.values ?? [];
    return numberFields(one).flatMap((field) => field.values.flatMap((value, row): [number, number][] => (typeof value === 'number' && Number.isFinite(value) ? [[times[row] as number, value]] : [])));
  });
  if (points.length === 0) return done([], [], []);
  const low = points.reduce((least, [, value]) => Math.min(least, value), Infinity);
  const high = points.reduce((most, [, value]) => Math.max(most, value), -Infinity);
  const buckets = obj(obj(options.calculation).yBuckets);
  const wanted = num(buckets.value);
  const size = str(buckets.mode) === 'size' && wanted ? wanted : niceSize((high - low) / (wanted ?? 12));
  const first = Math.floor(low / size);
  const count = Math.max(1, Math.floor(high / size) - first + 1);
  const stepMs = Math.max(1000, (endMs - startMs) / COLUMNS);
  const times = Array.from({ length: COLUMNS }, (_, i) => startMs + i * stepMs);
  const cells = Array.from({ length: count }, () => new Array<number | null>(COLUMNS).fill(null));
  for (const [ms, value] of points) {
    const column = Math.min(COLUMNS - 1, Math.floor((ms - startMs) / stepMs));
    const row = cells[Math.floor(value / size) - first];
    if (row && column >= 0) row[column] = (row[column] ?? 0) + 1;
  }
  return done(times, cells.map((_, i) => String(Number(((first + i + 1) * size).toPrecision(10)))), cells);
}

function done(times: number[], rows: string[], cells: (number | null)[][]): Heat {
  const max = cells.reduce((most, row) => row.reduce<number>((inner, value) => Math.max(inner, value ?? 0), most), 0);
  const gaps = times.slice(1).map((ms, i) => ms - (times[i] ?? ms));
  return { times, rows, cells, max, stepMs: gaps.length ? gaps.reduce((a, b) => Math.min(a, b)) : 60_000 };
}
