/** TraceQL from simple filters. */
import { quote } from './logql';

export type TraceFilters = { service: string; name: string; status: string; min: string; max: string };

export function buildTraceQL(filters: TraceFilters): string {
  const parts: string[] = [];
  if (filters.service) parts.push(`resource.service.name = ${quote(filters.service)}`);
  if (filters.name) parts.push(`name =~ ${quote(`.*${escapeRegex(filters.name)}.*`)}`);
  if (filters.status) parts.push(`status = ${filters.status}`);
  const min = traceDuration(filters.min);
  const max = traceDuration(filters.max);
  if (min) parts.push(`duration >= ${min}`);
  if (max) parts.push(`duration <= ${max}`);
  return parts.length ? `{ ${parts.join(' && ')} }` : '{}';
}

/** `100`, `100ms`, `1.5s`: a bare number is milliseconds; anything else is no filter. */
export function traceDuration(text: string): string {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h)?\s*$/.exec(text);
  return match ? `${match[1]}${match[2] ?? 'ms'}` : '';
}

export function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** A trace id pasted into the search box opens that trace. */
export function asTraceId(text: string): string | undefined {
  const id = text.trim().toLowerCase();
  return /^[0-9a-f]{16}$|^[0-9a-f]{32}$/.test(id) ? id.padStart(32, '0') : undefined;
}
