/** Variables of a dashboard: what may be chosen, and what is chosen. */
import { type Json, num, obj, objs, str, strs } from './json';
import { type Scope, type VariableValue, interpolate } from './interpolate';
import type { Dashboard, Variable } from './model';

export type Option = { text: string; value: string };
export type Resolved = { variable: Variable; options: Option[]; value: VariableValue; error?: string };

/** What asks the server; the page hands it in. */
export type Lookup = (variable: Variable, scope: Scope) => Promise<Option[]>;

export const ALL = '$__all';

/** In order of appearance, each with the ones before it in its scope; unrelated ones wait for no one else than those. */
export async function resolveVariables(dashboard: Dashboard, chosen: Readonly<Record<string, string[]>>, builtins: Scope['builtins'], lookup: Lookup): Promise<Resolved[]> {
  const values = new Map<string, VariableValue>();
  const done: Resolved[] = [];
  for (const variable of dashboard.templating.list) {
    const resolved = await resolveOne(variable, chosen[variable.name], { values, builtins }, lookup);
    values.set(variable.name, resolved.value);
    done.push(resolved);
  }
  return done;
}

async function resolveOne(variable: Variable, chosen: string[] | undefined, scope: Scope, lookup: Lookup): Promise<Resolved> {
  let options: Option[] = [];
  let error: string | undefined;
  try {
    options = await optionsOf(variable, scope, lookup);
  } catch (cause) {
    error = cause instanceof Error ? cause.message : String(cause);
  }
  const value = choose(variable, options, chosen, scope);
  return { variable, options, value, ...(error ? { error } : {}) };
}

async function optionsOf(variable: Variable, scope: Scope, lookup: Lookup): Promise<Option[]> {
  switch (variable.type) {
    case 'query':
      return sorted(filtered(await lookup(variable, scope), interpolate(str(variable.regex), scope)), num(variable.sort) ?? 0);
    case 'custom':
      return customOptions(interpolate(str(variable.query), scope));
    case 'interval':
      return intervalOptions(variable);
    case 'switch':
      return [{ text: 'on', value: str(variable.enabledValue, 'true') }, { text: 'off', value: str(variable.disabledValue, 'false') }];
    case 'datasource':
      return [{ text: `Signalbox (${str(variable.query, 'prometheus')})`, value: 'signalbox' }];
    default:
      return [];
  }
}

/** `a, b` or `name : value`; a comma may be escaped. */
export function customOptions(query: string): Option[] {
  return [...query.matchAll(/(?:\\,|[^,])+/g)].map((match) => match[0].replace(/\\,/g, ',').trim()).filter(Boolean).map((part) => {
    const pair = /^(.+?)\s:\s(.+)$/.exec(part);
    return pair ? { text: pair[1]?.trim() ?? '', value: pair[2]?.trim() ?? '' } : { text: part, value: part };
  });
}

function intervalOptions(variable: Variable): Option[] {
  const listed = customOptions(str(variable.query));
  return variable.auto ? [{ text: 'auto', value: `$__auto_interval_${variable.name}` }, ...listed] : listed;
}

/** A regex keeps what matches; groups `text` and `value`, or the first group, say what of it. */
export function filtered(options: readonly Option[], regex: string): Option[] {
  const pattern = asRegex(regex);
  if (!pattern) return unique(options);
  const found = options.flatMap((option): Option[] => {
    const match = pattern.exec(option.text);
    pattern.lastIndex = 0;
    if (!match) return [];
    const { text, value } = match.groups ?? {};
    if (text ?? value) return [{ text: text ?? value ?? '', value: value ?? text ?? '' }];
    const first = match[1];
    return first === undefined ? [option] : [{ text: first, value: first }];
  });
  return unique(found);
}

export function asRegex(text: string): RegExp | undefined {
  const given = text.trim();
  if (!given) return undefined;
  const delimited = /^\/(.*?)\/([gimsuy]*)$/s.exec(given);
  try {
    return delimited ? new RegExp(delimited[1] ?? '', (delimited[2] ?? '').replace('g', '')) : new RegExp(`^${given}$`);
  } catch {
    return undefined;
  }
}

function unique(options: readonly Option[]): Option[] {
  const seen = new Set<string>();
  return options.filter((option) => !seen.has(option.value) && seen.add(option.value));
}

/** Grafana's numbers of orders. */
function sorted(options: Option[], sort: number): Option[] {
  const firstNumber = (text: string) => Number(/-?\d+(\.\d+)?/.exec(text)?.[0] ?? NaN);
  const compare: ((a: Option, b: Option) => number) | undefined =
    sort === 1 || sort === 2 ? (a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)
    : sort === 3 || sort === 4 ? (a, b) => firstNumber(a.text) - firstNumber(b.text)
    : sort === 5 || sort === 6 ? (a, b) => a.text.toLowerCase().localeCompare(b.text.toLowerCase())
    : sort === 7 || sort === 8 ? (a, b) => a.text.localeCompare(b.text, undefined, { numeric: true })
    : undefined;
  if (!compare) return options;
  options.sort(compare);
  return sort % 2 === 0 ? options.reverse() : options;
}

function choose(variable: Variable, options: readonly Option[], chosen: string[] | undefined, scope: Scope): VariableValue {
  if (variable.type === 'constant') return { value: str(variable.query), text: str(variable.query), all: false, literal: true };
  if (variable.type === 'textbox') {
    const text = chosen?.[0] ?? str(obj(variable.current).value, str(variable.query));
    return { value: text, text, all: false };
  }
  if (variable.type === 'adhoc' || variable.type === 'groupby') return { value: '', text: '', all: false };
  const current = obj(variable.current).value;
  const saved = Array.isArray(current) ? strs(current) : current === undefined || current === null ? [] : [str(current)];
  let wanted = (chosen ?? saved).filter((one) => one === ALL || one === 'All' || options.length === 0 || options.some((option) => option.value === one) || chosen !== undefined);
  if (variable.type === 'datasource') wanted = ['signalbox'];
  if (wanted.length === 0) wanted = variable.includeAll && !options[0] ? [ALL] : options[0] ? [variable.includeAll && saved.includes(ALL) ? ALL : options[0].value] : variable.includeAll ? [ALL] : [];
  if (variable.includeAll && wanted.some((one) => one === ALL || (one === 'All' && !options.some((option) => option.value === 'All')))) return everything(variable, options);
  const texts = wanted.map((one) => options.find((option) => option.value === one)?.text ?? one);
  if (variable.multi) return { value: wanted, text: texts, all: false };
  return { value: autoInterval(wanted[0] ?? '', scope), text: texts[0] ?? '', all: false };
}

function autoInterval(value: string, scope: Scope): string {
  return value.startsWith('$__auto_interval') ? (scope.builtins.__interval ?? '1m') : value;
}

function everything(variable: Variable, options: readonly Option[]): VariableValue {
  const own = str(variable.allValue);
  if (own) return { value: own, text: 'All', all: true, literal: true };
  return { value: options.map((option) => option.value), text: 'All', all: true };
}

/** What a query variable asks, in any of the shapes it had. */
export type VariableQuery =
  | { kind: 'values'; label: string; selector: string }
  | { kind: 'names'; selector: string }
  | { kind: 'metrics'; regex: string }
  | { kind: 'result'; expr: string }
  | { kind: 'series'; selector: string }
  | { kind: 'unknown'; text: string };

export function variableQuery(variable: Variable): VariableQuery {
  const query = variable.query;
  if (typeof query === 'string') return parseQuery(query);
  const given = obj(query);
  if (typeof given.query === 'string' && given.query) return parseQuery(given.query);
  if (typeof given.expr === 'string' && given.expr) return parseQuery(given.expr);
  // Loki's and Tempo's editors write members.
  if (given.label !== undefined) return given.label ? { kind: 'values', label: str(given.label), selector: str(given.stream) || str(given.metric) } : { kind: 'names', selector: '' };
  return { kind: 'unknown', text: JSON.stringify(given).slice(0, 200) };
}

function parseQuery(text: string): VariableQuery {
  const query = text.trim();
  const call = /^(label_values|label_names|metrics|query_result|series_query)\s*\(([\s\S]*)\)\s*$/.exec(query);
  // A bare name lists its series, for a regex to pick from.
  if (!call) return /^\s*\{|\w\{|^[a-zA-Z_:][\w:]*$/.test(query) ? { kind: 'series', selector: query } : { kind: 'unknown', text: query };
  const inside = (call[2] ?? '').trim();
  switch (call[1]) {
    case 'label_names':
      return { kind: 'names', selector: inside };
    case 'metrics':
      return { kind: 'metrics', regex: inside };
    case 'query_result':
      return { kind: 'result', expr: inside };
    default: {
      // The label is what follows the last comma outside of braces.
      const split = /^([\s\S]+),\s*("?[\w.:$-]+"?|\$\{[^}]+\})\s*$/.exec(inside);
      if (split && balanced(split[1] ?? '')) return { kind: 'values', label: unquote(split[2] ?? ''), selector: (split[1] ?? '').trim() };
      return { kind: 'values', label: unquote(inside), selector: '' };
    }
  }
}

function balanced(text: string): boolean {
  return (text.match(/[{(]/g)?.length ?? 0) === (text.match(/[})]/g)?.length ?? 0);
}

function unquote(text: string): string {
  return text.trim().replace(/^"(.*)"$/, '$1');
}

/** `a{…} 1.5 1700000000000`, as `query_result` lists series for a regex to pick from. */
export function resultText(labels: Record<string, string>, value: string, ms: number): string {
  const { __name__: name = '', ...rest } = labels;
  const pairs = Object.entries(rest).map(([key, one]) => `${key}=${JSON.stringify(one)}`);
  return `${name}{${pairs.join(',')}} ${value} ${ms}`;
}

/** Filters of ad-hoc variables, for those queries they apply to. */
export function adhocFilters(variables: readonly Resolved[]): { key: string; operator: string; value: string }[] {
  return variables.filter((one) => one.variable.type === 'adhoc').flatMap((one) => [...objs(one.variable.filters), ...objs(one.variable.baseFilters)]).map((one) => ({ key: str(one.key), operator: str(one.operator, '='), value: str(one.value) })).filter((one) => one.key);
}

export function fromUrl(search: Readonly<Record<string, string>>): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  for (const [key, value] of Object.entries(search)) if (key.startsWith('var-')) out[key.slice(4)] = splitValues(value);
  return out;
}

/** Several values in one parameter: our search keeps one text a name. */
export function splitValues(text: string): string[] {
  return text === '' ? [] : text.split(/(?<!\\)\|/).map((part) => part.replace(/\\\|/g, '|'));
}

export function joinValues(values: readonly string[]): string {
  return values.map((value) => value.replace(/\|/g, '\\|')).join('|');
}

export function isHidden(variable: Json): boolean {
  return variable.hide === 2 || variable.hide === 'hideVariable' || variable.type === 'constant' || variable.type === 'datasource';
}
