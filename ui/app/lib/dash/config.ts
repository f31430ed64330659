/** Field configuration: defaults, overrides, value mappings, and what a value looks like in the end. */
import { type Cell, type Field, type Frame, displayName } from './frames';
import { type Json, clone, num, obj, objs, str } from './json';
import type { FieldConfig, Override } from './model';
import { fieldColor, namedColor } from './color';
import { isCalc, reduceField } from './reduce';
import { dateText } from './interpolate';
import { formatUnit } from './units';
import { asRegex } from './variables';

/** The frames with a configuration in each field. Names that overrides set do not change what later ones match. */
export function configure(frames: readonly Frame[], config: FieldConfig): Frame[] {
  return frames.map((one) => ({
    ...one,
    fields: one.fields.map((field) => {
      const own = clone({ ...config.defaults, ...withoutEmpty(field.config), custom: { ...obj(config.defaults.custom), ...obj(field.config.custom) } });
      for (const override of config.overrides) {
        if (!matches(override, field, one, frames)) continue;
        for (const property of override.properties) setPath(own, property.id, property.value);
      }
      return { ...field, config: own };
    }),
  }));
}

function withoutEmpty(config: Json): Json {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

function setPath(config: Json, id: string, value: unknown): void {
  const [head = '', ...rest] = id.split('.');
  if (rest.length === 0) {
    config[head] = value;
    return;
  }
  const inner = { ...obj(config[head]) };
  setPath(inner, rest.join('.'), value);
  config[head] = inner;
}

export const MATCHERS: readonly string[] = ['byName', 'byNames', 'byRegexp', 'byRegexpOrNames', 'byType', 'byTypes', 'byFrameRefID', 'byValue', 'numeric', 'time', 'first', 'firstTimeField'];

export function matches(override: Override, field: Field, owner: Frame, frames: readonly Frame[]): boolean {
  const { id, options } = override.matcher;
  const name = displayName(field, owner, frames.length);
  const named = (wanted: string) => wanted === name || wanted === field.name;
  switch (id) {
    case 'byName':
      return named(str(options));
    case 'byNames': {
      const { names, mode } = obj(options);
      const among = (Array.isArray(names) ? names : []).some((one) => named(str(one)));
      return mode === 'exclude' ? !among && field.type !== 'time' : among;
    }
    case 'byRegexp':
      return searchRegex(str(options))?.test(name) ?? false;
    case 'byRegexpOrNames':
      return (searchRegex(str(obj(options).pattern))?.test(name) ?? false) || (Array.isArray(obj(options).names) && (obj(options).names as unknown[]).some((one) => named(str(one))));
    case 'byType':
      return field.type === options;
    case 'byTypes':
      return Array.isArray(options) && options.includes(field.type);
    case 'numeric':
      return field.type === 'number';
    case 'time':
    case 'firstTimeField':
      return field.type === 'time';
    case 'first':
      return owner.fields[0] === field;
    case 'byFrameRefID':
      return owner.refId === options;
    case 'byValue': {
      const { reducer, op, value } = obj(options);
      const reduced = reduceField(field, str(reducer, 'lastNotNull'));
      return field.type === 'number' && typeof reduced === 'number' && compare(reduced, str(op), num(value) ?? 0);
    }
    default:
      return false;
  }
}

/** A pattern without slashes is a regex that may match anywhere. */
function searchRegex(text: string): RegExp | undefined {
  if (/^\//.test(text)) return asRegex(text);
  try {
    return new RegExp(text);
  } catch {
    return undefined;
  }
}

export function compare(a: number, op: string, b: number): boolean {
  switch (op) {
    case '>':
    case 'gt':
    case 'greater':
      return a > b;
    case '>=':
    case 'gte':
    case 'greaterOrEqual':
      return a >= b;
    case '<':
    case 'lt':
    case 'lower':
      return a < b;
    case '<=':
    case 'lte':
    case 'lowerOrEqual':
      return a <= b;
    case '!=':
    case 'neq':
    case 'notEqual':
      return a !== b;
    default:
      return a === b;
  }
}

export type Look = { text: string; color: string; percent: number; mapped: boolean };

export function rangeOf(field: Field): { min: number; max: number } {
  const low = num(field.config.min);
  const high = num(field.config.max);
  let min = Infinity;
  let max = -Infinity;
  if (low === undefined || high === undefined) {
    for (const value of field.values) {
      if (typeof value !== 'number' || !Number.isFinite(value)) continue;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  const percent = field.config.unit === 'percent' ? 100 : field.config.unit === 'percentunit' ? 1 : undefined;
  const least = low ?? (percent !== undefined || min > 0 || min === Infinity ? 0 : min);
  const most = high ?? (percent !== undefined ? Math.max(percent, max) : max === -Infinity ? 100 : max);
  return { min: least, max: most > least ? most : least + 1 };
}

/** One value as a panel shows it. */
export function look(field: Field, value: Cell, index = 0, range = rangeOf(field)): Look {
  const { config } = field;
  const mapping = mapValue(objs(config.mappings), value);
  const number = typeof value === 'number' ? value : null;
  const percent = number === null ? 0 : Math.min(1, Math.max(0, (number - range.min) / (range.max - range.min)));
  const color = mapping?.color ? namedColor(mapping.color) : fieldColor(config, index, number, range.min, range.max);
  const affixes = obj(config.affixes);
  const text = mapping?.text ?? `${str(affixes.prefix)}${plainText(field, value)}${str(affixes.postfix)}`;
  return { text, color, percent, mapped: mapping !== undefined };
}

function plainText(field: Field, value: Cell): string {
  const { config } = field;
  if (value === null || value === undefined) return str(config.noValue, '–');
  const unit = str(config.unit);
  if (typeof value === 'number') {
    if (field.type === 'time' && !unit) return dateText(value, 'YYYY-MM-DD HH:mm:ss');
    const { text, prefix = '', suffix = '' } = formatUnit(value, unit, num(config.decimals));
    return `${prefix}${text}${suffix}`;
  }
  return String(value);
}

export type Mapped = { text?: string; color?: string };

export function mapValue(mappings: readonly Json[], value: Cell): Mapped | undefined {
  for (const mapping of mappings) {
    const options = obj(mapping.options);
    const found = mapOne(str(mapping.type), options, value);
    if (found) {
      const text = str(found.text);
      return { ...(text ? { text } : {}), ...(found.color ? { color: str(found.color) } : {}) };
    }
  }
  return undefined;
}

function mapOne(type: string, options: Json, value: Cell): Json | undefined {
  const result = obj(options.result);
  switch (type) {
    case 'value':
      return value !== null && Object.hasOwn(options, String(value)) ? obj(options[String(value)]) : undefined;
    case 'range':
      return typeof value === 'number' && value >= (num(options.from) ?? -Infinity) && value <= (num(options.to) ?? Infinity) ? result : undefined;
    case 'regex': {
      const pattern = asRegex(str(options.pattern));
      const text = str(result.text);
      return value !== null && pattern?.test(String(value)) ? { ...result, ...(text ? { text: String(value).replace(pattern, text) } : {}) } : undefined;
    }
    case 'special':
      return isSpecial(str(options.match), value) ? result : undefined;
    default:
      return undefined;
  }
}

function isSpecial(match: string, value: Cell): boolean {
  const nan = typeof value === 'number' && Number.isNaN(value);
  switch (match) {
    case 'true':
    case 'false':
      return String(value) === match;
    case 'null':
      return value === null;
    case 'nan':
      return nan;
    case 'null+nan':
      return value === null || nan;
    case 'empty':
      return value === '' || value === null;
    default:
      return false;
  }
}

export type Reduced = { field: Field; owner: Frame; value: Cell; name: string; series: number[]; index: number };

/** What stat, gauge, bar gauge and pie show: a number of each field, or every row of it. */
export function reduceFrames(frames: readonly Frame[], options: Json): Reduced[] {
  const reduce = obj(options.reduceOptions);
  const calc = (Array.isArray(reduce.calcs) ? reduce.calcs : []).map((one) => str(one)).find(isCalc) ?? 'lastNotNull';
  const pattern = str(reduce.fields);
  const out: Reduced[] = [];
  for (const owner of frames) {
    for (const field of owner.fields) {
      if (obj(obj(field.config.custom).hideFrom).viz === true) continue;
      const name = displayName(field, owner, frames.length);
      if (pattern ? !(asRegex(pattern)?.test(name) || pattern === name || pattern === '.*') : field.type !== 'number') continue;
      if (reduce.values === true) {
        const label = owner.fields.find((one) => one.type === 'string' && one !== field);
        const rows = field.values.slice(0, num(reduce.limit) ?? 25);
        rows.forEach((value, row) => out.push({ field, owner, value, name: label ? str(label.values[row]) : name, series: [], index: out.length }));
      } else {
        const series = field.values.filter((value): value is number => typeof value === 'number');
        out.push({ field, owner, value: reduceField(field, calc), name, series, index: out.length });
      }
    }
  }
  return out;
}
