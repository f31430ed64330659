/** The Prometheus HTTP API: queries, names, rules and alerts. */
import { getJson } from './api';

export type Labels = Record<string, string>;
export type Point = [number, number];
export type Series = { labels: Labels; points: Point[] };

export type RuleAlert = { labels: Labels; annotations: Labels; state: string; activeAt: string; value: string };
export type Rule = {
  type: 'alerting' | 'recording';
  name: string;
  query: string;
  state?: 'firing' | 'pending' | 'inactive';
  health: string;
  lastError?: string;
  lastEvaluation?: string;
  evaluationTime?: number;
  duration?: number;
  labels?: Labels;
  annotations?: Labels;
  alerts?: RuleAlert[];
};
export type RuleGroup = { name: string; file: string; interval: number; rules: Rule[] };

type Answer<T> = { status: string; data: T; warnings?: string[] };
type Sample = [number, string];
type Result =
  | { resultType: 'matrix'; result: { metric: Labels; values?: Sample[] }[] }
  | { resultType: 'vector'; result: { metric: Labels; value?: Sample }[] }
  | { resultType: 'scalar' | 'string'; result: Sample };

export type Queried = { series: Series[]; warnings: string[] };

export async function queryRange(query: string, startMs: number, endMs: number, stepS: number, signal?: AbortSignal): Promise<Queried> {
  const params = { query, start: startMs / 1000, end: endMs / 1000, step: stepS };
  return readResult(await getJson<Answer<Result>>('/api/v1/query_range', params, signal));
}

export async function queryInstant(query: string, timeMs: number, signal?: AbortSignal): Promise<Queried> {
  return readResult(await getJson<Answer<Result>>('/api/v1/query', { query, time: timeMs / 1000 }, signal));
}

export async function labelValues(name: string, match?: string, signal?: AbortSignal): Promise<string[]> {
  const params = { 'match[]': match };
  const answer = await getJson<Answer<string[] | null>>(`/api/v1/label/${encodeURIComponent(name)}/values`, params, signal);
  return answer.data ?? [];
}

export type Metadata = Record<string, { type: string; help: string; unit: string }[]>;

export async function metadata(signal?: AbortSignal): Promise<Metadata> {
  return (await getJson<Answer<Metadata | null>>('/api/v1/metadata', {}, signal)).data ?? {};
}

export async function rules(signal?: AbortSignal): Promise<RuleGroup[]> {
  const answer = await getJson<Answer<{ groups?: RuleGroup[] } | null>>('/api/v1/rules', {}, signal);
  return answer.data?.groups ?? [];
}

export async function alerts(signal?: AbortSignal): Promise<RuleAlert[]> {
  const answer = await getJson<Answer<{ alerts?: RuleAlert[] } | null>>('/api/v1/alerts', {}, signal);
  return answer.data?.alerts ?? [];
}

/** Every result shape as series; a scalar is a series without labels. */
export function readResult(answer: Answer<Result>): Queried {
  const { data, warnings = [] } = answer;
  if (data.resultType === 'matrix') {
    return { series: data.result.map((s) => ({ labels: s.metric, points: (s.values ?? []).map(point) })), warnings };
  }
  if (data.resultType === 'vector') {
    return { series: data.result.map((s) => ({ labels: s.metric, points: s.value ? [point(s.value)] : [] })), warnings };
  }
  return { series: [{ labels: {}, points: [point(data.result)] }], warnings };
}

function point([time, value]: Sample): Point {
  return [time * 1000, parseValue(value)];
}

/** Go's number texts: `+Inf` and `-Inf` are not what JavaScript parses. */
export function parseValue(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return Number(text);
}

/** A step that gives about `points` points, never more than the API allows, from a ladder people can read. */
export function niceStep(rangeMs: number, points: number): number {
  const wanted = rangeMs / 1000 / Math.max(1, points);
  const ladder = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  return ladder.find((step) => step >= wanted) ?? Math.ceil(wanted / 86400) * 86400;
}

/** `name{a="b"}` as PromQL prints it. */
export function seriesName(labels: Labels): string {
  const { __name__: name = '', ...rest } = labels;
  const pairs = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  if (pairs.length === 0) return name || '{}';
  return `${name}{${pairs.join(', ')}}`;
}

/** The labels in which the series differ, so that a legend says what matters. */
export function distinguishing(series: readonly Series[]): string[] {
  const keys = new Set(series.flatMap((s) => Object.keys(s.labels)));
  return [...keys].filter((key) => new Set(series.map((s) => s.labels[key])).size > 1).sort();
}

export function legendName(labels: Labels, keys: readonly string[]): string {
  if (keys.length === 0) return seriesName(labels);
  return keys.map((key) => (key === '__name__' ? (labels[key] ?? '') : `${key}=${labels[key] ?? ''}`)).join(' ');
}
