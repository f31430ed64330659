/** The Loki HTTP API: lines, volumes, labels and the live tail. */
import { getJson, socketUrl } from './api';
import { type Labels, type Queried, parseValue } from './prom';

/** One log line. `labels` holds stream labels and structured metadata alike: to a reader both are attributes. */
export type Line = { key: string; ns: string; ms: number; text: string; labels: Labels };

type Entry = [string, string, (Labels | { structuredMetadata?: Labels; parsed?: Labels })?];
type Stream = { stream: Labels; values: Entry[] };
type Answer = {
  data:
    | { resultType: 'streams'; result: Stream[] | null }
    | { resultType: 'matrix'; result: { metric: Labels; values: [number, string][] }[] | null }
    | { resultType: 'vector'; result: { metric: Labels; value: [number, string] }[] | null };
};

/** Newest first whichever end is asked first: `forward` answers the oldest lines of the span. */
export async function lines(query: string, startNs: string, endNs: string, limit: number, signal?: AbortSignal, direction: 'backward' | 'forward' = 'backward'): Promise<Line[]> {
  const params = { query, start: startNs, end: endNs, limit, direction };
  const answer = await getJson<Answer>('/loki/api/v1/query_range', params, signal);
  if (answer.data.resultType !== 'streams') throw new Error('this is a metric query; it has no lines to list');
  return readStreams(answer.data.result ?? []);
}

export async function volume(query: string, startMs: number, endMs: number, stepS: number, signal?: AbortSignal): Promise<Queried> {
  const params = { query, start: nanos(startMs), end: nanos(endMs), step: `${stepS}s` };
  const answer = await getJson<Answer>('/loki/api/v1/query_range', params, signal);
  if (answer.data.resultType !== 'matrix') return { series: [], warnings: [] };
  const series = (answer.data.result ?? []).map((one) => ({
    labels: one.metric,
    points: one.values.map(([at, value]): [number, number] => [at * 1000, parseValue(value)]),
  }));
  return { series, warnings: [] };
}

export type DetectedField = { label: string; type: string; cardinality: number; parsers: string[] | null };

/** What is found in lines and attributes of the newest lines that match. */
export async function fields(query: string, startMs: number, endMs: number, signal?: AbortSignal): Promise<DetectedField[]> {
  const params = { query, start: nanos(startMs), end: nanos(endMs), limit: 200 };
  return (await getJson<{ fields?: DetectedField[] | null }>('/loki/api/v1/detected_fields', params, signal)).fields ?? [];
}

/** One number for each label set, over the whole span. */
export async function counts(query: string, atMs: number, signal?: AbortSignal): Promise<{ labels: Labels; value: number }[]> {
  const answer = await getJson<Answer>('/loki/api/v1/query', { query, time: nanos(atMs) }, signal);
  if (answer.data.resultType !== 'vector') return [];
  return (answer.data.result ?? []).map((one) => ({ labels: one.metric, value: parseValue(one.value[1]) }));
}

export type Pattern = { pattern: string; level: string; samples: [number, number][] };

export async function patterns(query: string, startMs: number, endMs: number, stepS: number, signal?: AbortSignal): Promise<Pattern[]> {
  const params = { query, start: nanos(startMs), end: nanos(endMs), step: `${stepS}s` };
  const answer = await getJson<{ data?: { pattern: string; level?: string; samples?: [number, number][] }[] | null }>('/loki/api/v1/patterns', params, signal);
  return (answer.data ?? []).map((one) => ({ pattern: one.pattern, level: one.level ?? '', samples: one.samples ?? [] }));
}

export async function labelValues(name: string, startMs: number, endMs: number, signal?: AbortSignal): Promise<string[]> {
  const path = `/loki/api/v1/label/${encodeURIComponent(name)}/values`;
  const params = { start: nanos(startMs), end: nanos(endMs) };
  return (await getJson<{ data?: string[] | null }>(path, params, signal)).data ?? [];
}

export async function labelNames(startMs: number, endMs: number, signal?: AbortSignal): Promise<string[]> {
  const params = { start: nanos(startMs), end: nanos(endMs) };
  return (await getJson<{ data?: string[] | null }>('/loki/api/v1/labels', params, signal)).data ?? [];
}

/** Follows new lines over the websocket; the returned function stops it. */
export function tail(query: string, startNs: string, on: (lines: Line[], dropped: number) => void, ended: () => void): () => void {
  const socket = new WebSocket(socketUrl('/loki/api/v1/tail', { query, start: startNs, limit: 200 }));
  socket.onmessage = (message) => {
    const frame = parseFrame(message.data);
    if (frame) on(readStreams(frame.streams ?? []), frame.dropped_entries?.length ?? 0);
  };
  socket.onclose = ended;
  return () => {
    socket.onclose = null;
    socket.close();
  };
}

type Frame = { streams?: Stream[]; dropped_entries?: unknown[] | null };

function parseFrame(data: unknown): Frame | undefined {
  try {
    return JSON.parse(String(data)) as Frame;
  } catch {
    return undefined;
  }
}

/** All streams as one list, newest first. Keys come from the content, so that a line keeps its key across refreshes. */
export function readStreams(streams: readonly Stream[]): Line[] {
  const all: Line[] = [];
  const seen = new Map<string, number>();
  for (const stream of streams) {
    const identityHash = hash(JSON.stringify(stream.stream));
    for (const [ns, text, extra] of stream.values) {
      // Lines without labels of their own share those of their stream: a million lines are a million objects less.
      const labels = extra ? { ...stream.stream, ...flatExtra(extra) } : stream.stream;
      const base = `${ns}-${hash(text, identityHash).toString(36)}`;
      const twin = seen.get(base) ?? 0;
      seen.set(base, twin + 1);
      all.push({ key: twin ? `${base}-${twin}` : base, ns, ms: millisOf(ns), text, labels });
    }
  }
  return all.sort((a, b) => compareNanos(b.ns, a.ns));
}

/** Older pages start at the last line's own nanosecond, or twins of it would be lost; so its lines come twice. */
export function joinPages(pages: readonly (readonly Line[])[]): Line[] {
  const known = new Set<string>();
  return pages.flat().filter((line) => !known.has(line.key) && known.add(line.key));
}

/** Joins pages as they come: only what is new is looked at, so that the thousandth page costs what the second did. */
export function pageJoiner(): (pages: readonly (readonly Line[])[]) => readonly Line[] {
  let done: readonly (readonly Line[])[] = [];
  let joined: readonly Line[] = [];
  return (pages) => {
    const grown = done.length > 0 && pages.length > done.length && done.every((page, i) => page === pages[i]);
    if (!grown && pages.length === done.length && done.every((page, i) => page === pages[i])) return joined;
    const fresh = grown ? pages.slice(done.length) : pages;
    const before = grown ? joined : [];
    const last = before.at(-1)?.ns;
    const edge = last === undefined ? [] : before.slice(before.findLastIndex((line) => line.ns !== last) + 1);
    joined = before.concat(joinPages([edge, ...fresh]).slice(edge.length));
    done = pages;
    return joined;
  };
}

/** Milliseconds of a text of nanoseconds; a big integer for each line would be the most expensive part of reading it. */
function millisOf(ns: string): number {
  return ns.length > 6 ? Number(ns.slice(0, -6)) : 0;
}

function hash(text: string, seed = 0x811c9dc5): number {
  let h = seed;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

function flatExtra(extra: Entry[2]): Labels {
  if (!extra) return {};
  const { structuredMetadata, parsed } = extra as { structuredMetadata?: unknown; parsed?: unknown };
  if (typeof structuredMetadata === 'object' || typeof parsed === 'object') {
    return { ...(structuredMetadata as Labels | undefined), ...(parsed as Labels | undefined) };
  }
  return extra as Labels;
}

/** The end of a page is exclusive: one nanosecond after the last line asks for that line again. */
export function justAfter(ns: string): string {
  return (BigInt(ns) + 1n).toString();
}

/** Nanosecond texts are too long for a double; compare them as text, shorter is smaller. */
export function compareNanos(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

export function nanos(ms: number): string {
  return `${Math.floor(ms)}000000`;
}

/** A row is one line high; a stack trace waits in the details. A megabyte of text must not reach the layout. */
const SHOWN_CHARS = 600;

export function firstLine(text: string): string {
  const end = text.indexOf('\n');
  const first = end < 0 ? text : `${text.slice(0, end)} ⏎`;
  return first.length > SHOWN_CHARS ? `${first.slice(0, SHOWN_CHARS)}…` : first;
}
