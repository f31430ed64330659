/** Columns made of columns. */
import { type Cell, type Field, type Frame, displayName, field, frame, numberFields, timeField } from '../frames';
import { dateText } from '../interpolate';
import { type Json, num, obj, objs, str, strs } from '../json';
import { reduceField, calcName } from '../reduce';
import { joinByField } from './join';

export function calculateField(frames: readonly Frame[], options: Json): Frame[] {
  const mode = str(options.mode, 'reduceRow');
  // Over several series of one time the rows have to meet first.
  const timed = frames.length > 1 && frames.every((one) => timeField(one));
  const joined = timed ? joinByField(frames, {}) : frames;
  return joined.map((one) => {
    const made = mode === 'binary' ? binary(one, obj(options.binary), options, joined.length) : mode === 'unary' ? unary(one, obj(options.unary), joined.length) : mode === 'index' ? rowIndex(one, obj(options.index)) : reduceRow(one, obj(options.reduce), joined.length);
    if (!made) return one;
    const alias = str(options.alias);
    if (alias) Object.assign(made, { name: alias });
    if (options.replaceFields === true) return { ...one, fields: [...one.fields.filter((candidate) => candidate.type === 'time'), made] };
    return { ...one, fields: [...one.fields, made] };
  });
}

type Operand = { values: (row: number) => number | null; name: string };

function operand(one: Frame, given: unknown, frames: number): Operand {
  const wanted = typeof given === 'object' && given ? str(obj(obj(given).matcher).options ?? obj(given).fixed) : str(given);
  const found = one.fields.find((candidate) => candidate.name === wanted || displayName(candidate, one, frames) === wanted);
  if (found) return { name: wanted, values: (row) => numeric(found.values[row] ?? null) };
  const fixed = num(wanted);
  return { name: wanted, values: () => fixed ?? null };
}

function numeric(value: Cell): number | null {
  return typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : value === null ? null : (num(value) ?? null);
}

const OPERATORS: Record<string, (a: number, b: number) => number> = {
  '+': (a, b) => a + b, '-': (a, b) => a - b, '*': (a, b) => a * b, '/': (a, b) => a / b, '^': (a, b) => a ** b, '%': (a, b) => a % b,
  '=': (a, b) => Number(a === b), '!=': (a, b) => Number(a !== b), '>': (a, b) => Number(a > b), '>=': (a, b) => Number(a >= b), '<': (a, b) => Number(a < b), '<=': (a, b) => Number(a <= b),
};

function binary(one: Frame, given: Json, options: Json, frames: number): Field | undefined {
  const apply = OPERATORS[str(given.operator, '+')];
  if (!apply) return undefined;
  const left = operand(one, given.left, frames);
  const right = operand(one, given.right ?? options.right, frames);
  const values = Array.from({ length: one.length }, (_, row) => {
    const [a, b] = [left.values(row), right.values(row)];
    return a === null || b === null ? null : apply(a, b);
  });
  return field(`${left.name} ${str(given.operator, '+')} ${right.name}`, 'number', values);
}

const UNARY: Record<string, (a: number) => number> = { abs: Math.abs, exp: Math.exp, ln: Math.log, floor: Math.floor, ceil: Math.ceil, round: Math.round };

function unary(one: Frame, given: Json, frames: number): Field | undefined {
  const apply = UNARY[str(given.operator)];
  if (!apply) return undefined;
  const source = operand(one, given.fieldName, frames);
  const values = Array.from({ length: one.length }, (_, row) => {
    const a = source.values(row);
    return a === null ? null : apply(a);
  });
  return field(`${str(given.operator)}(${source.name})`, 'number', values);
}

function rowIndex(one: Frame, given: Json): Field {
  const last = Math.max(1, one.length - 1);
  return field('Row', 'number', Array.from({ length: one.length }, (_, row) => (given.asPercentile ? row / last : row)));
}

function reduceRow(one: Frame, given: Json, frames: number): Field {
  const wanted = strs(given.include);
  const sources = numberFields(one).filter((candidate) => wanted.length === 0 || wanted.includes(displayName(candidate, one, frames)) || wanted.includes(candidate.name));
  const reducer = str(given.reducer, 'sum');
  const values = Array.from({ length: one.length }, (_, row) => reduceField(field('', 'number', sources.map((source) => source.values[row] ?? null)), reducer));
  return field(calcName(reducer), 'number', values);
}

export function convertFieldType(frames: readonly Frame[], options: Json): Frame[] {
  const conversions = objs(options.conversions);
  return frames.map((one) => ({
    ...one,
    fields: one.fields.map((given) => {
      const found = conversions.find((entry) => str(entry.targetField) === displayName(given, one, frames.length) || str(entry.targetField) === given.name);
      if (!found) return given;
      const type = str(found.destinationType);
      if (type === 'number') return { ...given, type: 'number' as const, values: given.values.map(numeric) };
      if (type === 'time') return { ...given, type: 'time' as const, values: given.values.map((value) => (typeof value === 'number' ? value : value === null ? null : Date.parse(String(value)) || null)) };
      if (type === 'string') return { ...given, type: 'string' as const, values: given.values.map((value) => (value === null ? null : String(value))) };
      if (type === 'boolean') return { ...given, type: 'boolean' as const, values: given.values.map((value) => (value === null ? null : Boolean(value) && value !== 'false')) };
      return given;
    }),
  }));
}

export function formatTime(frames: readonly Frame[], options: Json): Frame[] {
  const wanted = str(options.timeField);
  const pattern = str(options.outputFormat, 'YYYY-MM-DD HH:mm:ss');
  return frames.map((one) => ({
    ...one,
    fields: one.fields.map((given) => (displayName(given, one, frames.length) === wanted || given.name === wanted ? { ...given, type: 'string' as const, values: given.values.map((value) => (typeof value === 'number' ? dateText(value, pattern) : value)) } : given)),
  }));
}

/** Counts per bucket of every number column. */
export function histogram(frames: readonly Frame[], options: Json): Frame[] {
  const fields = frames.flatMap((one) => numberFields(one).map((given) => ({ given, name: displayName(given, one, frames.length) })));
  const all = fields.flatMap(({ given }) => given.values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value)));
  if (all.length === 0) return [];
  const min = all.reduce((a, b) => Math.min(a, b));
  const max = all.reduce((a, b) => Math.max(a, b));
  const size = num(options.bucketSize) || niceSize((max - min) / (num(options.bucketCount) ?? 30));
  const offset = num(options.bucketOffset) ?? 0;
  const first = Math.floor((min - offset) / size) * size + offset;
  const count = Math.max(1, Math.floor((max - first) / size) + 1);
  const counts = (values: readonly Cell[]) => {
    const out = new Array<number>(count).fill(0);
    for (const value of values) if (typeof value === 'number' && Number.isFinite(value)) out[Math.floor((value - first) / size)] = (out[Math.floor((value - first) / size)] ?? 0) + 1;
    return out;
  };
  const edges = Array.from({ length: count }, (_, i) => first + i * size);
  const columns = options.combine === true ? [field('Count', 'number', counts(all))] : fields.map(({ given, name }) => field(name, 'number', counts(given.values), { config: { ...given.config, unit: undefined } }));
  const unit = fields[0]?.given.config.unit;
  return [frame('', 'Histogram', [field('xMin', 'number', edges, { config: { unit } }), field('xMax', 'number', edges.map((edge) => edge + size), { config: { unit } }), ...columns])];
}

export function niceSize(rough: number): number {
  if (!(rough > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 2.5, 5, 10].find((n) => n * power >= rough) ?? 10) * power;
}

/** A column of names and a column of values become one row. */
export function rowsToFields(frames: readonly Frame[], options: Json): Frame[] {
  const mappings = objs(options.mappings);
  const wanted = (handler: string) => str(mappings.find((one) => one.handlerKey === handler)?.fieldName);
  return frames.map((one) => {
    const names = one.fields.find((given) => given.name === wanted('field.name')) ?? one.fields.find((given) => given.type === 'string');
    const values = one.fields.find((given) => given.name === wanted('field.value')) ?? one.fields.find((given) => given.type === 'number');
    if (!names || !values) return one;
    return frame(one.refId, one.name, names.values.map((name, row) => field(String(name), values.type, [values.values[row] ?? null], { config: { ...values.config } })));
  });
}
