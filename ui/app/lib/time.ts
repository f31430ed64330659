/** Time ranges as they stand in the URL, and how they become instants. */

/** `now`, `now-15m`, unix milliseconds, or an ISO time. */
export type Range = { from: string; to: string };
export type Window = { startMs: number; endMs: number };

export const DEFAULT_RANGE: Range = { from: 'now-15m', to: 'now' };

export const PRESETS: readonly { from: string; label: string }[] = [
  { from: 'now-5m', label: 'Last 5 minutes' },
  { from: 'now-15m', label: 'Last 15 minutes' },
  { from: 'now-30m', label: 'Last 30 minutes' },
  { from: 'now-1h', label: 'Last hour' },
  { from: 'now-3h', label: 'Last 3 hours' },
  { from: 'now-6h', label: 'Last 6 hours' },
  { from: 'now-12h', label: 'Last 12 hours' },
  { from: 'now-24h', label: 'Last 24 hours' },
  { from: 'now-2d', label: 'Last 2 days' },
  { from: 'now-7d', label: 'Last 7 days' },
  { from: 'now-30d', label: 'Last 30 days' },
];

export const REFRESH: readonly { value: string; label: string; ms: number }[] = [
  { value: 'off', label: 'Off', ms: 0 },
  { value: 'live', label: 'Live', ms: 0 },
  { value: '5s', label: '5 s', ms: 5_000 },
  { value: '10s', label: '10 s', ms: 10_000 },
  { value: '30s', label: '30 s', ms: 30_000 },
  { value: '1m', label: '1 min', ms: 60_000 },
  { value: '5m', label: '5 min', ms: 300_000 },
];

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, M: 2_592_000_000, y: 31_536_000_000 };

/** One end of a range as unix milliseconds, or nothing if the text is not a time. */
export function instant(text: string, nowMs: number): number | undefined {
  const given = text.trim();
  if (given === 'now') return nowMs;
  const rounded = /^(now(?:-\d{1,6}[smhdwMy])?)\/([smhdwMy])$/.exec(given);
  if (rounded) return startOf(instant(rounded[1] ?? '', nowMs) ?? nowMs, rounded[2] ?? 'd');
  const back = /^now-(\d{1,6})([smhdwMy])$/.exec(given);
  if (back) return nowMs - Number(back[1]) * (UNIT_MS[back[2] ?? ''] ?? 0);
  if (/^\d{9,11}$/.test(given)) return Number(given) * 1000;
  if (/^\d{12,14}$/.test(given)) return Number(given);
  const parsed = /^\d{4}-\d\d-\d\d/.test(given) ? Date.parse(given.replace(' ', 'T')) : NaN;
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** The beginning of the hour, day, week … in this browser's time zone. */
function startOf(ms: number, unit: string): number {
  const at = new Date(ms);
  if (unit === 's') at.setMilliseconds(0);
  else if (unit === 'm') at.setSeconds(0, 0);
  else if (unit === 'h') at.setMinutes(0, 0, 0);
  else {
    at.setHours(0, 0, 0, 0);
    if (unit === 'w') at.setDate(at.getDate() - ((at.getDay() + 6) % 7));
    if (unit === 'M' || unit === 'y') at.setDate(1);
    if (unit === 'y') at.setMonth(0);
  }
  return at.getTime();
}

/** The end of a range that is rounded is the end of that unit, which may lie ahead. */
function endInstant(text: string, nowMs: number): number | undefined {
  const unit = /^now.*\/([smhdwMy])$/.exec(text.trim())?.[1];
  const start = instant(text, nowMs);
  return start === undefined || !unit ? start : startOf(start + (UNIT_MS[unit] ?? 0) * (unit === 'M' ? 1.05 : unit === 'y' ? 1.01 : 1), unit) - 1;
}

/** The window of a range; what cannot be read falls back to the default, since a URL is somebody's typing. */
export function resolve(range: Range, nowMs: number): Window {
  const startMs = instant(range.from, nowMs);
  const endMs = endInstant(range.to, nowMs);
  if (startMs === undefined || endMs === undefined || startMs >= endMs) {
    return { startMs: nowMs - 15 * 60_000, endMs: nowMs };
  }
  return { startMs, endMs };
}

export function isValid(range: Range, nowMs: number): boolean {
  const startMs = instant(range.from, nowMs);
  const endMs = instant(range.to, nowMs);
  return startMs !== undefined && endMs !== undefined && startMs < endMs;
}

export function isRelative(range: Range): boolean {
  return range.to === 'now';
}

/** A range as the picker's button says it. */
export function describe(range: Range): string {
  const preset = PRESETS.find((one) => one.from === range.from && range.to === 'now');
  if (preset) return preset.label;
  if (/^now/.test(range.from) || /^now/.test(range.to)) return `${range.from} to ${range.to}`;
  const now = Date.now();
  const { startMs, endMs } = resolve(range, now);
  const sameDay = dayText(startMs) === dayText(endMs);
  return `${dayText(startMs)} ${clock(startMs)} – ${sameDay ? '' : `${dayText(endMs)} `}${clock(endMs)}`;
}

export function around(atMs: number, beforeMs: number, afterMs: number): Range {
  return { from: String(Math.floor(atMs - beforeMs)), to: String(Math.ceil(atMs + afterMs)) };
}

const two = (n: number) => String(n).padStart(2, '0');

export function dayText(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

export function clock(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

export function clockMillis(ms: number): string {
  return `${clock(ms)}.${String(Math.floor(ms) % 1000).padStart(3, '0')}`;
}

export function dateTime(ms: number): string {
  return `${dayText(ms)} ${clock(ms)}`;
}

/** `12 s ago`, for things one glances at. */
export function ago(ms: number, nowMs: number): string {
  const s = Math.max(0, Math.round((nowMs - ms) / 1000));
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86_400)} d ago`;
}
