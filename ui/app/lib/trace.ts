/**
 * One trace as the app draws it, read from Tempo's JSON: Go's protobuf-JSON with base64 ids, enum names and numbers as texts.
 * OTLP's own JSON (hex ids, enum numbers) is accepted too, since proxies and other stores answer that.
 */

export type Attribute = { key: string; value: string };
export type SpanEvent = { ms: number; name: string; attributes: Attribute[] };
export type SpanLink = { traceId: string; spanId: string; attributes: Attribute[] };
export type Kind = 'internal' | 'server' | 'client' | 'producer' | 'consumer' | 'unspecified';

export type Span = {
  id: string;
  parentId: string;
  service: string;
  name: string;
  kind: Kind;
  startMs: number;
  durationMs: number;
  error: boolean;
  statusMessage: string;
  attributes: Attribute[];
  resource: Attribute[];
  scope: string;
  events: SpanEvent[];
  links: SpanLink[];
};

export type Trace = { id: string; spans: Span[] };

type Json = { [key: string]: unknown };

export function readTrace(body: unknown): Trace {
  const root = object(object(body).trace ?? body);
  const batches = list(root.resourceSpans ?? root.batches);
  const spans: Span[] = [];
  let id = '';
  for (const batch of batches.map(object)) {
    const resource = readAttributes(object(batch.resource).attributes);
    const service = resource.find((a) => a.key === 'service.name')?.value ?? 'unknown';
    for (const scoped of list(batch.scopeSpans ?? batch.instrumentationLibrarySpans).map(object)) {
      const scope = text(object(scoped.scope).name);
      for (const span of list(scoped.spans).map(object)) {
        id ||= readId(span.traceId, 16);
        spans.push(readSpan(span, service, resource, scope));
      }
    }
  }
  return { id, spans };
}

function readSpan(span: Json, service: string, resource: Attribute[], scope: string): Span {
  const status = object(span.status);
  return {
    id: readId(span.spanId, 8),
    parentId: readId(span.parentSpanId, 8),
    service,
    name: text(span.name),
    kind: readKind(span.kind),
    startMs: millis(span.startTimeUnixNano),
    durationMs: nanosBetween(span.startTimeUnixNano, span.endTimeUnixNano),
    error: status.code === 'STATUS_CODE_ERROR' || status.code === 2,
    statusMessage: text(status.message),
    attributes: readAttributes(span.attributes),
    resource,
    scope,
    events: list(span.events).map(object).map((event) => ({
      ms: millis(event.timeUnixNano),
      name: text(event.name),
      attributes: readAttributes(event.attributes),
    })),
    links: list(span.links).map(object).map((link) => ({
      traceId: readId(link.traceId, 16),
      spanId: readId(link.spanId, 8),
      attributes: readAttributes(link.attributes),
    })),
  };
}

/** An id as lower-case hex: given as hex, or as the base64 of its bytes. All zeros means none. */
export function readId(value: unknown, bytes: 8 | 16): string {
  const given = text(value);
  if (!given) return '';
  const hex = /^[0-9a-fA-F]+$/.test(given) && given.length === bytes * 2 ? given.toLowerCase() : base64ToHex(given);
  return /^0*$/.test(hex) ? '' : hex.padStart(bytes * 2, '0');
}

function base64ToHex(given: string): string {
  try {
    const raw = atob(given.replace(/-/g, '+').replace(/_/g, '/'));
    return [...raw].map((c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join('');
  } catch {
    return '';
  }
}

const KINDS: readonly Kind[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];

function readKind(value: unknown): Kind {
  if (typeof value === 'number') return KINDS[value] ?? 'unspecified';
  const name = text(value).replace('SPAN_KIND_', '').toLowerCase();
  return KINDS.find((kind) => kind === name) ?? 'unspecified';
}

export function readAttributes(value: unknown): Attribute[] {
  return list(value).map(object).map((pair) => ({ key: text(pair.key), value: readValue(pair.value, 0) }));
}

const VALUE_DEPTH_MAX = 16;

/** An AnyValue as people read it: texts bare, the rest as JSON. */
function readValue(value: unknown, depth: number): string {
  const any = object(value);
  if (depth > VALUE_DEPTH_MAX) return '…';
  if ('stringValue' in any) return text(any.stringValue);
  if ('boolValue' in any) return String(any.boolValue);
  if ('intValue' in any) return String(any.intValue);
  if ('doubleValue' in any) return String(any.doubleValue);
  if ('bytesValue' in any) return text(any.bytesValue);
  if ('arrayValue' in any) return `[${list(object(any.arrayValue).values).map((one) => readValue(one, depth + 1)).join(', ')}]`;
  if ('kvlistValue' in any) {
    const pairs = list(object(any.kvlistValue).values).map(object);
    return `{${pairs.map((pair) => `${text(pair.key)}: ${readValue(pair.value, depth + 1)}`).join(', ')}}`;
  }
  return '';
}

function millis(value: unknown): number {
  return Number(bigint(value) / 1000n) / 1000;
}

function nanosBetween(start: unknown, end: unknown): number {
  return Math.max(0, Number(bigint(end) - bigint(start)) / 1e6);
}

function bigint(value: unknown): bigint {
  try {
    return BigInt(typeof value === 'number' ? Math.round(value) : text(value) || '0');
  } catch {
    return 0n;
  }
}

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}
