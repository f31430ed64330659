/** The status answer as sections of rows: the server may add figures without a change here. */
import { bytes, duration, integer } from './format';
import type { Status } from './signalbox';
import { dateTime } from './time';

export type StatusRow = { name: string; values: string[] };
/** `columns` stand above the values when there is more than one. */
export type StatusSection = { title: string; columns?: string[]; rows: StatusRow[] };

/** Shown by the page itself. */
const HEAD_KEYS = new Set(['version', 'ready', 'started_ms', 'tenants', 'quarantined']);

export function statusSections(status: Status): StatusSection[] {
  const sections: StatusSection[] = [];
  const loose: StatusRow[] = [];
  for (const [key, value] of Object.entries(status)) {
    if (HEAD_KEYS.has(key) || value === null || value === undefined) continue;
    if (typeof value === 'object') sections.push(...sectionsOf(words(key), value));
    else loose.push({ name: words(key), values: [valueText(key, value)] });
  }
  return loose.length ? [{ title: 'Server', rows: loose }, ...sections] : sections;
}

const ROWS_MAX = 400;

/** Its figures, then one section for each part with figures of its own. */
function sectionsOf(title: string, value: object): StatusSection[] {
  const rows: StatusRow[] = [];
  const parts: StatusSection[] = [];
  for (const [key, inner] of Object.entries(value)) {
    if (isList(inner)) parts.push(...listSections(words(key), inner));
    else if (inner !== null && typeof inner === 'object') parts.push({ title: words(key), rows: flatten(inner as object, '') });
    else rows.push({ name: words(key), values: [valueText(key, inner)] });
  }
  const own = rows.length || !parts.length ? [{ title, rows: rows.slice(0, ROWS_MAX) }] : [];
  return [...own, ...parts.filter((part) => part.rows.length)];
}

type Item = Record<string, unknown>;

function isList(value: unknown): value is Item[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'object' && item !== null && 'signal' in item);
}

const COLUMNS_MAX = 6;

/** Storage reports one item per tenant and signal: the same figures of each, side by side. */
function listSections(title: string, items: Item[]): StatusSection[] {
  const shown = items.slice(0, COLUMNS_MAX);
  const tenants = new Set(shown.map((item) => item.tenant));
  const name = (item: Item) => [tenants.size > 1 ? item.tenant : undefined, item.signal].filter(Boolean).join(' ');
  const keys = Object.keys(shown[0] ?? {}).filter((key) => key !== 'tenant' && key !== 'signal');
  const text = (key: string, value: unknown) => (Array.isArray(value) ? value.map(String).join(' ') || '–' : valueText(key, value));
  const rows = keys.map((key) => ({ name: words(key), values: shown.map((item) => text(key, item[key])) }));
  return [{ title, columns: shown.map(name), rows }];
}

function flatten(value: object, prefix: string): StatusRow[] {
  const rows: StatusRow[] = [];
  for (const [key, inner] of Object.entries(value)) {
    const name = prefix ? `${prefix} / ${words(key)}` : words(key);
    if (inner !== null && typeof inner === 'object') rows.push(...flatten(inner as object, name));
    else rows.push({ name, values: [valueText(key, inner)] });
    if (rows.length >= ROWS_MAX) break;
  }
  return rows.slice(0, ROWS_MAX);
}

/** The unit is the last word of the name, as everywhere in this project. */
export function valueText(key: string, value: unknown): string {
  if (typeof value === 'number') {
    if (/(^|_)bytes(_max)?$/.test(key)) return bytes(value);
    if (/(^|_)at_ms$|started_ms$|_seen_ms$|^(min|max)_ms$/.test(key) && value > 1e11) return dateTime(value);
    if (/_ms$/.test(key)) return duration(value);
    if (/_(s|seconds)$/.test(key)) return duration(value * 1000);
    return Number.isInteger(value) ? integer(value) : String(value);
  }
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return value === null || value === undefined ? '–' : String(value);
}

export function words(key: string): string {
  const text = key.replace(/_(ms|bytes|s)$/, '').replace(/_/g, ' ');
  const upper: Record<string, string> = { wal: 'WAL', lsn: 'LSN' };
  const done = text.split(' ').map((word) => upper[word] ?? word).join(' ');
  return done.charAt(0).toUpperCase() + done.slice(1);
}
