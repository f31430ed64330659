/** The Tempo HTTP API: search, one trace, tags. */
import { getJson } from './api';
import type { Series } from './prom';
import { type Trace, readTrace } from './trace';

export type Found = {
  traceId: string;
  rootService: string;
  rootName: string;
  startMs: number;
  durationMs: number;
  matched: number;
  services: { name: string; spans: number; errors: number }[];
};

type SpanSet = { matched?: number; spans?: unknown[] };
type Row = {
  traceID: string;
  rootServiceName?: string;
  rootTraceName?: string;
  startTimeUnixNano?: string;
  durationMs?: number;
  durationNanos?: string;
  spanSet?: SpanSet;
  spanSets?: SpanSet[];
  serviceStats?: Record<string, { spanCount?: number; errorCount?: number }>;
};

export async function search(q: string, startMs: number, endMs: number, limit: number, signal?: AbortSignal): Promise<Found[]> {
  const params = { q, start: Math.floor(startMs / 1000), end: Math.ceil(endMs / 1000), limit, spss: 3 };
  const answer = await getJson<{ traces?: Row[] | null }>('/api/search', params, signal);
  return (answer.traces ?? []).map(readRow).sort((a, b) => b.startMs - a.startMs);
}

function readRow(row: Row): Found {
  const sets = row.spanSets ?? (row.spanSet ? [row.spanSet] : []);
  return {
    traceId: row.traceID.padStart(32, '0'),
    rootService: row.rootServiceName ?? '',
    rootName: row.rootTraceName ?? '',
    startMs: Number(BigInt(row.startTimeUnixNano ?? '0') / 1000n) / 1000,
    durationMs: row.durationNanos ? Number(row.durationNanos) / 1e6 : (row.durationMs ?? 0),
    matched: sets.reduce((sum, set) => sum + (set.matched ?? set.spans?.length ?? 0), 0),
    services: Object.entries(row.serviceStats ?? {}).map(([name, s]) => ({ name, spans: s.spanCount ?? 0, errors: s.errorCount ?? 0 })),
  };
}

export async function trace(id: string, signal?: AbortSignal): Promise<Trace> {
  return readTrace(await getJson<unknown>(`/api/v2/traces/${encodeURIComponent(id)}`, {}, signal));
}

type Metric = { labels?: { key: string; value: Record<string, unknown> }[]; samples?: { timestampMs: string; value?: number }[] };

/** TraceQL metrics as series. */
export async function metrics(q: string, startMs: number, endMs: number, stepS: number, signal?: AbortSignal): Promise<Series[]> {
  const params = { q, start: Math.floor(startMs / 1000), end: Math.ceil(endMs / 1000), step: `${stepS}s` };
  const answer = await getJson<{ series?: Metric[] | null }>('/api/metrics/query_range', params, signal);
  return (answer.series ?? []).map((one) => ({
    labels: Object.fromEntries((one.labels ?? []).map(({ key, value }) => [key, String(Object.values(value)[0] ?? '')])),
    points: (one.samples ?? []).map((sample): [number, number] => [Number(sample.timestampMs), sample.value ?? 0]),
  }));
}

export async function tagValues(tag: string, signal?: AbortSignal): Promise<string[]> {
  const path = `/api/v2/search/tag/${encodeURIComponent(tag)}/values`;
  const answer = await getJson<{ tagValues?: { value: string }[] | null }>(path, {}, signal);
  return (answer.tagValues ?? []).map((one) => one.value);
}

/** Names one can search by, with their scope. */
export async function tagNames(signal?: AbortSignal): Promise<string[]> {
  const answer = await getJson<{ scopes?: { name: string; tags?: string[] | null }[] | null }>('/api/v2/search/tags', {}, signal);
  return (answer.scopes ?? []).flatMap((scope) => (scope.name === 'intrinsic' ? [] : (scope.tags ?? []).map((tag) => `${scope.name}.${tag}`)));
}
