/** Links from one signal to another, and which foreign links may be followed. */
import { type Term, buildLogQL, encodeTerms } from './logql';
import type { Labels } from './prom';
import { around } from './time';

export type To = { to: string; search: Record<string, string>; params?: Record<string, string> };

/** Before and after an alert's start: long enough to see what was normal, and what broke. */
const BEFORE_MS = 5 * 60_000;
const AFTER_MS = 10 * 60_000;

/** Labels under which rules name a service. */
const SERVICE_KEYS = ['service_name', 'service', 'service.name', 'job'] as const;

export function serviceOf(labels: Labels): string {
  for (const key of SERVICE_KEYS) {
    const value = labels[key];
    // `job` is `namespace/name` if the resource has a namespace.
    if (value) return key === 'job' ? (value.split('/').pop() ?? value) : value;
  }
  return '';
}

export function logsAt(service: string, atMs: number, level = ''): To {
  return { to: '/logs', search: { ...around(atMs, BEFORE_MS, AFTER_MS), ...(service ? { service } : {}), ...(level ? { level } : {}) } };
}

export function tracesAt(service: string, atMs: number, status = ''): To {
  return { to: '/traces', search: { ...around(atMs, BEFORE_MS, AFTER_MS), ...(service ? { service } : {}), ...(status ? { status } : {}) } };
}

export function metricsAt(expr: string, atMs: number): To {
  return { to: '/metrics', search: { ...around(atMs, BEFORE_MS, AFTER_MS), ...(expr ? { q: expr } : {}) } };
}

export function logsOfTrace(traceId: string, startMs: number, endMs: number): To {
  const terms: Term[] = [{ key: 'trace_id', op: '=', value: traceId }];
  return { to: '/logs', search: { from: String(Math.floor(startMs - 60_000)), to: String(Math.ceil(endMs + 60_000)), terms: encodeTerms(terms) } };
}

export function logQueryOfTrace(traceId: string): string {
  return buildLogQL({ service: '', level: '', text: '', terms: [{ key: 'trace_id', op: '=', value: traceId }] });
}

/** Only http, https and paths of this server: a label may say `javascript:`. */
export function safeHref(text: string): string | undefined {
  const given = text.trim();
  if (/^\/(?![/\\])/.test(given)) return given;
  if (!/^https?:\/\//i.test(given)) return undefined;
  try {
    const url = new URL(given);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : undefined;
  } catch {
    return undefined;
  }
}
