/** Exemplars: single measurements that name the trace they were made in. */
import { getJson } from './api';
import { type Labels, parseValue } from './prom';
import { asTraceId } from './traceql';

export type Exemplar = { ms: number; value: number; traceId: string; spanId: string; labels: Labels };

type Row = { seriesLabels: Labels; exemplars: { labels: Labels; value: string; timestamp: number }[] };

/** Names under which senders put the id of a trace. */
const TRACE_KEYS = ['trace_id', 'traceID', 'traceId', 'TraceID'] as const;
const SPAN_KEYS = ['span_id', 'spanID', 'spanId', 'SpanID'] as const;

export async function exemplars(query: string, startMs: number, endMs: number, signal?: AbortSignal): Promise<Exemplar[]> {
  const answer = await getJson<{ data?: Row[] | null }>('/api/v1/query_exemplars', { query, start: startMs / 1000, end: endMs / 1000 }, signal);
  return readExemplars(answer.data ?? []);
}

/** Those that lead to a trace, oldest first. */
export function readExemplars(rows: readonly Row[]): Exemplar[] {
  const named = (labels: Labels, keys: readonly string[]) => keys.map((key) => labels[key]).find(Boolean) ?? '';
  return rows.flatMap((row) => row.exemplars.flatMap((one) => {
    const traceId = asTraceId(named(one.labels, TRACE_KEYS));
    return traceId ? [{ ms: one.timestamp * 1000, value: parseValue(one.value), traceId, spanId: named(one.labels, SPAN_KEYS), labels: row.seriesLabels }] : [];
  })).sort((a, b) => a.ms - b.ms);
}

/** Of each stretch of time the largest: those are the ones somebody looks for. */
export function thinned(list: readonly Exemplar[], startMs: number, endMs: number, stretches: number): Exemplar[] {
  const best = new Map<number, Exemplar>();
  const length = Math.max(1, (endMs - startMs) / stretches);
  for (const one of list) {
    if (one.ms < startMs || one.ms > endMs || !Number.isFinite(one.value)) continue;
    const at = Math.floor((one.ms - startMs) / length);
    const known = best.get(at);
    if (!known || known.value < one.value) best.set(at, one);
  }
  return [...best.values()];
}
