/** `$name`, `${name}`, `${name:format}`, `${name.field}` and `[[name:format]]` in queries, titles and links. */

export type Value = string | readonly string[];
export type Scope = {
  /** Values of variables by name. */
  values: ReadonlyMap<string, VariableValue>;
  /** `__interval`, `__range`, … */
  builtins: Readonly<Record<string, string>>;
};
export type VariableValue = {
  value: Value;
  /** What is shown. */
  text: Value;
  /** "All" is chosen; the value holds everything or the all value. */
  all: boolean;
  /** A text that goes in as it is: constants, and the all value that somebody wrote. */
  literal?: boolean;
};

const PATTERN = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}/g;

export type Escape = 'promql' | 'logql' | 'none';

export function interpolate(text: string, scope: Scope, escape: Escape = 'none'): string {
  if (!text.includes('$') && !text.includes('[[')) return text;
  return text.replace(PATTERN, (whole, bare?: string, square?: string, squareFormat?: string, braced?: string, path?: string, format?: string) => {
    const name = bare ?? square ?? braced ?? '';
    const builtin = scope.builtins[path ? `${name}.${path}` : name] ?? scope.builtins[name];
    if (builtin !== undefined) return formatBuiltin(builtin, format);
    const found = scope.values.get(name);
    if (!found) return whole;
    const value = path === 'text' ? found.text : found.value;
    return formatValue(value, found, format ?? squareFormat, escape);
  });
}

/** Names of variables a text uses. */
export function usedNames(text: string): string[] {
  return [...text.matchAll(PATTERN)].map((match) => match[1] ?? match[2] ?? match[4] ?? '');
}

function formatBuiltin(value: string, format: string | undefined): string {
  if (format === undefined || !/^\d+$/.test(value)) return value;
  const [name, ...rest] = format.split(':');
  if (name === 'date') return dateText(Number(value), rest.join(':') || 'iso');
  return value;
}

export function dateText(ms: number, pattern: string): string {
  const at = new Date(ms);
  if (pattern === 'iso' || pattern === 'YYYY-MM-DDTHH:mm:ss.SSS[Z]') return at.toISOString();
  if (pattern === 'seconds') return String(Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, '0');
  const parts: Record<string, string> = {
    YYYY: String(at.getFullYear()), YY: two(at.getFullYear() % 100), MM: two(at.getMonth() + 1), DD: two(at.getDate()), HH: two(at.getHours()), hh: two(at.getHours() % 12 || 12), mm: two(at.getMinutes()), ss: two(at.getSeconds()), SSS: String(at.getMilliseconds()).padStart(3, '0'), A: at.getHours() < 12 ? 'AM' : 'PM',
    MMM: at.toLocaleString('en', { month: 'short' }), ddd: at.toLocaleString('en', { weekday: 'short' }), D: String(at.getDate()), H: String(at.getHours()), h: String(at.getHours() % 12 || 12), M: String(at.getMonth() + 1),
  };
  return pattern.replace(/\[([^\]]*)\]|YYYY|YY|MMM|MM|M|ddd|DD|D|HH|H|hh|h|mm|ss|SSS|A/g, (token, literal?: string) => literal ?? parts[token] ?? token);
}

function formatValue(value: Value, found: VariableValue, format: string | undefined, escape: Escape): string {
  const list = typeof value === 'string' ? [value] : [...value];
  if (found.literal && (format === undefined || format === 'raw')) return list.join(',');
  switch (format) {
    case undefined:
      return byDefault(value, escape);
    case 'raw':
    case 'csv':
      return list.join(',');
    case 'regex':
      return list.length === 1 ? escapeRegex(list[0] ?? '') : `(${list.map(escapeRegex).join('|')})`;
    case 'pipe':
      return list.join('|');
    case 'glob':
      return list.length > 1 ? `{${list.join(',')}}` : (list[0] ?? '');
    case 'json':
      return JSON.stringify(typeof value === 'string' ? value : list);
    case 'doublequote':
      return list.map((one) => `"${one.replace(/"/g, '\\"')}"`).join(',');
    case 'singlequote':
      return list.map((one) => `'${one.replace(/'/g, "\\'")}'`).join(',');
    case 'sqlstring':
      return list.map((one) => `'${one.replace(/'/g, "''")}'`).join(',');
    case 'lucene':
      return list.length > 1 ? `(${list.map((one) => JSON.stringify(one)).join(' OR ')})` : (list[0] ?? '').replace(/([!*+\-=<>\s&|()[\]{}^~?:\\/"])/g, '\\$1');
    case 'percentencode':
      return encodeURIComponent(list.length > 1 ? `{${list.join(',')}}` : (list[0] ?? ''));
    case 'uriencode':
      return encodeURI(list.join(','));
    case 'distributed':
      return list.join(',');
    case 'text':
      return typeof found.text === 'string' ? found.text : found.text.join(' + ');
    default:
      return byDefault(value, escape);
  }
}

/** In PromQL and LogQL a list becomes an alternative, escaped for a regex inside of a quoted text. */
function byDefault(value: Value, escape: Escape): string {
  if (escape === 'none') return typeof value === 'string' ? value : value.length > 1 ? `{${value.join(',')}}` : (value[0] ?? '');
  if (typeof value === 'string') return escape === 'promql' ? value.replace(/\\/g, '\\\\').replace(/"/g, '\\"') : value;
  const escaped = value.map((one) => escapeRegex(one).replace(/\\/g, '\\\\'));
  return escaped.length === 1 ? (escaped[0] ?? '') : `(${escaped.join('|')})`;
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$*+?.()|[\]{}]/g, '\\$&');
}
