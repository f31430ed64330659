/**
 * Signalbox's own JSON endpoints. Everything else the app reads is Prometheus, Loki and Tempo. Unless said otherwise a number
 * that is not known is `null`, lists are never `null`, times end in `_ms` (unix milliseconds), and `X-Scope-OrgID` chooses the
 * tenant. Errors are `{"error": "text"}` with a fitting status.
 *
 * GET /api/signalbox/services?start=<unix s>&end=<unix s>
 *   {"services": [{
 *      "name": "cart",
 *      "spans": 1200,               server and consumer spans (root spans too) in the window
 *      "errors": 3,                 those with status error
 *      "rate_per_s": 13.3,          spans / window
 *      "error_ratio": 0.0025,       errors / spans, null if spans = 0
 *      "p50_ms": 4.1, "p95_ms": 19.0, "p99_ms": 44.0,      of those spans' duration, null if spans = 0
 *      "logs": 5000, "error_logs": 4,                      severity ERROR and above
 *      "last_seen_ms": 1763930000000,                      newest span or log, null if none
 *      "spark": [12, 13, …]         spans per equal part of the window, oldest first, 30 parts
 *      "spark_errors": [0, 0, …]    errors in the same parts; may be absent
 *   }]}
 *
 * GET /api/signalbox/notifications?limit=<n>
 *   {"channels": [{"name": "demo", "receiver": "chat", "pending": 0, "failed": 0}],      receiver: "chat" is a room of the Chat page, else
 *                                   the kind ("webhook", "slack"); pending and failed: outbox rows waiting and given up, may be absent
 *    "messages": [{                 newest first
 *      "at_ms": …, "channel": "demo", "title": "[FIRING:1] ReviewDown", "text": "…",
 *      "status": "firing" | "resolved",
 *      "labels": {…}, "annotations": {…},
 *      "links": {"logs": "/ui/logs?…", …}                  optional; only http, https and paths of this server are followed
 *   }]}
 *
 * GET /api/signalbox/live           text/event-stream; one JSON object per `data:` line
 *   {"kind": "ingest", "logs": 120, "spans": 300, "samples": 900, "at_ms": …}    about once a second while data comes in
 *   {"kind": "alerts"}                                                            some alert changed its state
 *
 * GET /api/signalbox/status
 *   {"version": "0.1.0", "ready": true, "started_ms": …, "tenants": ["default"],
 *    "storage": {"bytes": …, "logs_bytes": …, …},          any flat objects of numbers and texts: shown as tables, in this order
 *    "heads": {…}, "segments": {…}, "wal": {…},
 *    "quarantined": [{"file": "…", "reason": "…", "at_ms": …}],
 *    "accounting": {…}}
 */
import { type Params, getJson } from './api';

export type Service = {
  name: string;
  spans: number;
  errors: number;
  rate_per_s: number;
  error_ratio: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  logs: number;
  error_logs: number;
  last_seen_ms: number | null;
  spark: number[];
  spark_errors?: number[];
};

export type Message = {
  at_ms: number;
  channel: string;
  title: string;
  text: string;
  status: 'firing' | 'resolved';
  labels: Record<string, string>;
  annotations: Record<string, string>;
  links?: Record<string, string>;
};

export type Channel = { name: string; receiver: string; pending?: number; failed?: number };
export type Notifications = { channels: Channel[]; messages: Message[] };

export type LiveEvent =
  | { kind: 'ingest'; logs: number; spans: number; samples: number; at_ms: number }
  | { kind: 'alerts' };

export type Status = {
  version: string;
  ready: boolean;
  started_ms?: number;
  tenants: string[] | number;
  quarantined: unknown[];
  [section: string]: unknown;
};

export const LIVE_PATH = '/api/signalbox/live';

export async function services(startMs: number, endMs: number, signal?: AbortSignal): Promise<Service[]> {
  const params: Params = { start: Math.floor(startMs / 1000), end: Math.ceil(endMs / 1000) };
  const answer = await getJson<{ services?: Service[] }>('/api/signalbox/services', params, signal);
  return answer.services ?? [];
}

export type MapService = { name: string; versions: string[]; instances: string[]; languages: string[]; namespaces: string[]; signals: string[]; calls: string[]; called_by: string[] };
export type MapEdge = { client: string; server: string; kind: string; calls: number; failed: number; rate_per_s: number; mean_ms: number; slowest?: { trace_id: string; span_id: string; ms: number } };
export type ServiceMap = { services: MapService[]; edges: MapEdge[] };

/** GET /api/signalbox/map?start&end: who calls whom, and the services with what their resources say. */
export async function serviceMap(startMs: number, endMs: number, signal?: AbortSignal): Promise<ServiceMap> {
  const params: Params = { start: Math.floor(startMs / 1000), end: Math.ceil(endMs / 1000) };
  const answer = await getJson<Partial<ServiceMap>>('/api/signalbox/map', params, signal);
  return { services: answer.services ?? [], edges: answer.edges ?? [] };
}

export type DifferenceValue = { attribute: string; type: string; value: string; selected: number; others: number; effect: number; p: number; significant: boolean; explained_by?: { attribute: string; value: string } };
export type DifferenceAnswer = { selected: number; others: number; truncated: boolean; values: DifferenceValue[] };

/** GET /api/signalbox/difference?q&selection&start&end: attributes that tell the selected spans from the others. */
export async function difference(q: string, selection: string, startMs: number, endMs: number, signal?: AbortSignal): Promise<DifferenceAnswer> {
  const params: Params = { ...(q ? { q } : {}), selection, start: Math.floor(startMs / 1000), end: Math.ceil(endMs / 1000), limit: 12 };
  const answer = await getJson<Partial<DifferenceAnswer>>('/api/signalbox/difference', params, signal);
  return { selected: answer.selected ?? 0, others: answer.others ?? 0, truncated: answer.truncated ?? false, values: answer.values ?? [] };
}

export async function notifications(limit: number, signal?: AbortSignal): Promise<Notifications> {
  const answer = await getJson<Partial<Notifications>>('/api/signalbox/notifications', { limit }, signal);
  return { channels: answer.channels ?? [], messages: answer.messages ?? [] };
}

export async function status(signal?: AbortSignal): Promise<Status> {
  const answer = await getJson<Status>('/api/signalbox/status', {}, signal);
  return { ...answer, quarantined: answer.quarantined ?? [] };
}

/** An event of the live stream, or nothing if it is not one we know. */
export function parseLive(data: string): LiveEvent | undefined {
  try {
    const event = JSON.parse(data) as LiveEvent;
    return event.kind === 'ingest' || event.kind === 'alerts' ? event : undefined;
  } catch {
    return undefined;
  }
}
