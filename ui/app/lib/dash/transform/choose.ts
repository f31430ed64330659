/** Which columns and rows stay, in which order, under which name. */
import { compare } from '../config';
import { type Cell, type Field, type Frame, displayName } from '../frames';
import { type Json, arr, num, obj, objs, str, strs } from '../json';
import { asRegex } from '../variables';

export function rows(one: Frame, keep: readonly number[]): Frame {
  return { ...one, length: keep.length, fields: one.fields.map((field) => ({ ...field, values: keep.map((row) => field.values[row] ?? null) })) };
}

const renamed = (field: Field, name: string): Field => ({ ...field, config: { ...field.config, displayName: name } });

export function organize(frames: readonly Frame[], options: Json): Frame[] {
  const excluded = obj(options.excludeByName);
  const included = obj(options.includeByName);
  const order = obj(options.indexByName);
  const names = obj(options.renameByName);
  return frames.map((one) => {
    const named = one.fields.map((field, at) => ({ field, at, name: displayName(field, one, frames.length) }));
    const onlyIncluded = Object.values(included).some((value) => value === true);
    const of = (table: Json, entry: { field: Field; name: string }) => table[entry.name] ?? table[entry.field.name];
    const kept = named.filter((entry) => of(excluded, entry) !== true && (!onlyIncluded || of(included, entry) === true));
    const rank = (entry: (typeof named)[number]) => num(of(order, entry)) ?? 1000 + entry.at;
    if (Object.keys(order).length) kept.sort((a, b) => rank(a) - rank(b));
    return { ...one, fields: kept.map((entry) => (str(of(names, entry)) ? renamed(entry.field, str(of(names, entry))) : entry.field)) };
  });
}

export function renameByRegex(frames: readonly Frame[], options: Json): Frame[] {
  const pattern = loose(str(options.regex));
  if (!pattern) return [...frames];
  return frames.map((one) => ({
    ...one,
    fields: one.fields.map((field) => {
      if (field.type === 'time') return field;
      const name = displayName(field, one, frames.length);
      return pattern.test(name) ? renamed(field, name.replace(pattern, str(options.renamePattern))) : field;
    }),
  }));
}

function loose(text: string): RegExp | undefined {
  if (text.startsWith('/')) return asRegex(text);
  try {
    return new RegExp(text);
  } catch {
    return undefined;
  }
}

export function filterByName(frames: readonly Frame[], options: Json): Frame[] {
  const matcher = (given: unknown): ((name: string) => boolean) | undefined => {
    const { names, pattern } = obj(given);
    if (!names && !pattern) return undefined;
    const regex = pattern ? loose(str(pattern)) : undefined;
    return (name) => strs(names).includes(name) || (regex?.test(name) ?? false);
  };
  const include = matcher(options.include);
  const exclude = matcher(options.exclude);
  return frames.map((one) => ({
    ...one,
    fields: one.fields.filter((field) => {
      const name = displayName(field, one, frames.length);
      return (!include || include(name)) && !exclude?.(name);
    }),
  })).filter((one) => one.fields.length > 0);
}

export function filterByRefId(frames: readonly Frame[], options: Json): Frame[] {
  const wanted = str(options.include);
  const pattern = wanted ? loose(`^(?:${wanted.replace(/^\/|\/$/g, '')})$`) : undefined;
  return pattern ? frames.filter((one) => pattern.test(one.refId)) : [...frames];
}

export function filterByValue(frames: readonly Frame[], options: Json): Frame[] {
  const filters = objs(options.filters);
  const all = options.match === 'all';
  const include = options.type !== 'exclude';
  return frames.map((one) => {
    const tests = filters.flatMap((filter) => {
      const field = one.fields.find((candidate) => candidate.name === filter.fieldName || displayName(candidate, one, frames.length) === filter.fieldName);
      return field ? [(row: number) => holds(field.values[row] ?? null, obj(filter.config))] : [];
    });
    if (tests.length === 0) return one;
    const keep = Array.from({ length: one.length }, (_, row) => row).filter((row) => (all ? tests.every((test) => test(row)) : tests.some((test) => test(row))) === include);
    return rows(one, keep);
  });
}

function holds(value: Cell, config: Json): boolean {
  const options = obj(config.options);
  switch (str(config.id)) {
    case 'isNull':
      return value === null;
    case 'isNotNull':
      return value !== null;
    case 'regex':
      return loose(str(options.value))?.test(String(value ?? '')) ?? false;
    case 'equal':
      return String(value) === str(options.value);
    case 'notEqual':
      return String(value) !== str(options.value);
    case 'substring':
      return String(value ?? '').toLowerCase().includes(str(options.value).toLowerCase());
    case 'between':
      return typeof value === 'number' && value >= (num(options.from) ?? -Infinity) && value <= (num(options.to) ?? Infinity);
    default:
      return typeof value === 'number' && compare(value, str(config.id), num(options.value) ?? 0);
  }
}

export function limit(frames: readonly Frame[], options: Json): Frame[] {
  const most = num(options.limitField) ?? 10;
  return frames.map((one) => rows(one, Array.from({ length: Math.min(most, one.length) }, (_, row) => row)));
}

export function sortBy(frames: readonly Frame[], options: Json): Frame[] {
  const [by] = objs(arr(options.sort).length ? options.sort : options.fields);
  const wanted = str(by?.field ?? by?.displayName);
  if (!wanted) return [...frames];
  return frames.map((one) => sortFrame(one, wanted, by?.desc === true, frames.length));
}

export function sortFrame(one: Frame, wanted: string, desc: boolean, frames: number): Frame {
  const field = one.fields.find((candidate) => candidate.name === wanted || displayName(candidate, one, frames) === wanted);
  if (!field) return one;
  const order = Array.from({ length: one.length }, (_, row) => row).sort((a, b) => compareCells(field.values[a] ?? null, field.values[b] ?? null));
  return rows(one, desc ? order.reverse() : order);
}

/** Nothing comes first; numbers by size, texts as people sort them. */
export function compareCells(a: Cell, b: Cell): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}
