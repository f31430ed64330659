/** What came in and what it costs, from the APIs that know a part of it each. */
import { getJson } from './api';
import { type Sample, sumBy } from './exposition';
import { nanos } from './loki';
import type { Labels } from './prom';
import * as signalbox from './signalbox';

export type Protocol = { name: string; requests: number; refused: number };

/** Requests of each way in since the process started. */
export function protocols(samples: readonly Sample[]): Protocol[] {
  const rows = new Map<string, Protocol>();
  for (const { labels, value } of sumBy(samples, 'signalbox_collector_requests_total', ['protocol', 'transport', 'code'])) {
    const name = [labels.protocol || 'other', labels.transport].filter(Boolean).join(' over ');
    const row = rows.get(name) ?? { name, requests: 0, refused: 0 };
    row.requests += value;
    // A gRPC code is below 17, zero is success; others are statuses of HTTP.
    const code = Number(labels.code);
    if (code >= 400 || (code > 0 && code < 17)) row.refused += value;
    rows.set(name, row);
  }
  return [...rows.values()].filter((row) => row.requests > 0).sort((a, b) => b.requests - a.requests);
}

export type ServiceIntake = { name: string; logs: number; bytes: number | null; spans: number; series: number | null };

/** Lines, spans and series of each service. Bytes of lines are Loki's to know; what does not answer leaves a gap, not an error. */
export async function byService(startMs: number, endMs: number, signal?: AbortSignal): Promise<ServiceIntake[]> {
  const [services, sizes, counted] = await Promise.all([
    signalbox.services(startMs, endMs, signal),
    logBytes(startMs, endMs, signal).catch(() => undefined),
    cardinality(signal, 1_000).catch(() => undefined),
  ]);
  const series = new Map(counted?.byService.map((row) => [row.name, row.value]));
  const rows = services.map((one): ServiceIntake => ({ name: one.name, logs: one.logs, bytes: sizes ? (sizes.get(one.name) ?? 0) : null, spans: one.spans, series: counted ? (series.get(one.name) ?? 0) : null }));
  return rows.sort((a, b) => b.logs + b.spans - a.logs - a.spans);
}

async function logBytes(startMs: number, endMs: number, signal?: AbortSignal): Promise<Map<string, number>> {
  const params = { query: '{service_name=~".+"}', start: nanos(startMs), end: nanos(endMs), targetLabels: 'service_name', limit: 1_000 };
  const answer = await getJson<{ data?: { result?: { metric: Labels; value: [number, string] }[] } }>('/loki/api/v1/index/volume', params, signal);
  return new Map((answer.data?.result ?? []).map((one) => [one.metric.service_name ?? '', Number(one.value[1])]));
}

type Row = { name: string; value: number };
export type Cardinality = { series: number; lists: { title: string; metric: boolean; rows: Row[] }[]; byService: Row[] };

export async function cardinality(signal?: AbortSignal, limit = 10): Promise<Cardinality> {
  const answer = await getJson<{ data?: Record<string, Row[] | undefined> & { headStats?: { numSeries: number } } }>('/api/v1/status/tsdb', { limit }, signal);
  const { data } = answer;
  const list = (key: string): Row[] => (data?.[key] as Row[] | undefined) ?? [];
  return {
    series: data?.headStats?.numSeries ?? 0,
    lists: [
      { title: 'Metrics with most series', metric: true, rows: list('seriesCountByMetricName') },
      { title: 'Labels with most values', metric: false, rows: list('labelValueCountByLabelName') },
      { title: 'Label values with most series', metric: false, rows: list('seriesCountByLabelValuePair') },
    ],
    byService: list('seriesCountByService'),
  };
}
