/** `GET /api/signalbox/queries`: what was asked lately (newest first), what of it was slowest, and what runs now. */
import { getJson } from './api';
import type { To } from './links';

export type Asked = { at_ms: number; api: string; path: string; query: string; range_ms?: number; by: string; took_ms: number; state: 'running' | 'done' | 'left'; status?: number };
export type QueryLog = { recent: Asked[]; slowest: Asked[] };

export async function queries(signal?: AbortSignal): Promise<QueryLog> {
  const answer = await getJson<Partial<QueryLog>>('/api/signalbox/queries', {}, signal);
  return { recent: answer.recent ?? [], slowest: answer.slowest ?? [] };
}

const PAGES: Record<string, string> = { Prometheus: '/metrics', Loki: '/logs', Tempo: '/traces' };

/** The page that asks the same, over the time that ended when it was asked. */
export function pageOf(one: Asked): To | undefined {
  const to = PAGES[one.api];
  if (!to || !one.query || !/query|search/.test(one.path) || /\/tags?\//.test(one.path)) return undefined;
  const from = one.range_ms === undefined ? {} : { from: String(one.at_ms - Math.max(one.range_ms, 60_000)), to: String(one.at_ms) };
  return { to, search: { q: one.query, ...from } };
}
