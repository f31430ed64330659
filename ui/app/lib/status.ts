/** The status answer as sections of rows: the server may add figures without a change here. */
import { bytes, duration, integer } from './format';
import type { Status } from './signalbox';
import { dateTime } from './time';

export type StatusRow = { name: string; value: string };
export type StatusSection = { title: string; rows: StatusRow[] };

/** Shown by the page itself. */
const HEAD_KEYS = new Set(['version', 'ready', 'started_ms', 'tenants', 'quarantined']);

export function statusSections(status: Status): StatusSection[] {
  const sections: StatusSection[] = [];
  const loose: StatusRow[] = [];
  for (const [key, value] of Object.entries(status)) {
    if (HEAD_KEYS.has(key) || value === null || value === undefined) continue;
    if (typeof value === 'object') sections.push({ title: words(key), rows: flatten(value as object, '') });
    else loose.push({ name: words(key), value: valueText(key, value) });
  }
  return loose.length ? [{ title: 'Server', rows: loose }, ...sections] : sections;
}

const ROWS_MAX = 400;

function flatten(value: object, prefix: string): StatusRow[] {
  const rows: StatusRow[] = [];
  for (const [key, inner] of Object.entries(value)) {
    const own = Array.isArray(value) ? itemName(inner, key) : words(key);
    const name = prefix ? `${prefix} / ${own}` : own;
    if (inner !== null && typeof inner === 'object') rows.push(...flatten(inner as object, name));
    else rows.push({ name, value: valueText(key, inner) });
    if (rows.length >= ROWS_MAX) break;
  }
  return rows.slice(0, ROWS_MAX);
}

/** Storage reports one item per tenant and signal: those names, not the place in the list. */
function itemName(item: unknown, index: string): string {
  if (typeof item !== 'object' || item === null) return index;
  const { tenant, signal } = item as Record<string, unknown>;
  return [tenant, signal].filter((part) => typeof part === 'string').join(' ') || index;
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
