/**
 * The one place that talks to the server: `request` is the only `fetch`, `follow` the only event stream, `socketUrl` the
 * only websocket address. The dialects (prom.ts, loki.ts, tempo.ts, signalbox.ts) build paths and read answers.
 */

export type Params = Record<string, string | number | readonly string[] | undefined>;

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly path: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

const TOKEN_KEY = 'signalbox.token';
const TENANT_KEY = 'signalbox.tenant';

/** The bearer token lives as long as the tab; the tenant is a setting of this browser. */
export const credentials = {
  token: () => read('session', TOKEN_KEY),
  tenant: () => read('local', TENANT_KEY),
  setToken: (value: string) => write('session', TOKEN_KEY, value),
  setTenant: (value: string) => write('local', TENANT_KEY, value),
};

type Listener = () => void;
const unauthorized = new Set<Listener>();

/** Calls back when the server wants a token; returns how to stop. */
export function onUnauthorized(listener: Listener): () => void {
  unauthorized.add(listener);
  return () => unauthorized.delete(listener);
}

export type Asked = { path: string; params: Params };
const ASKED_MAX = 60;
let asked: Asked[] = [];

/** What was read since the page was opened, the newest first, each request once: for whoever wants to do the same elsewhere. */
export function askedLately(): readonly Asked[] {
  const seen = new Set<string>();
  return asked.filter(({ path, params }) => {
    const key = `${path}?${String(params.query ?? params.q ?? '')}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** Another page asks other things. */
export function forgetAsked(): void {
  asked = [];
}

export type Sent = { method: 'POST' | 'PUT' | 'DELETE'; body?: unknown };

export async function request(path: string, params: Params = {}, signal?: AbortSignal, accept = 'application/json', sent?: Sent): Promise<Response> {
  const query = encodeParams(params);
  if (!sent) asked = [{ path, params }, ...asked].slice(0, ASKED_MAX);
  const body = sent?.body === undefined ? undefined : JSON.stringify(sent.body);
  let response: Response;
  try {
    response = await fetch(query ? `${path}?${query}` : path, {
      headers: { ...headers(accept), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      credentials: 'same-origin',
      ...(sent ? { method: sent.method } : {}),
      ...(body === undefined ? {} : { body }),
      ...(signal ? { signal } : {}),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, 'the server does not answer', path);
  }
  if (response.status === 401) unauthorized.forEach((listener) => listener());
  if (!response.ok) throw new ApiError(response.status, await explain(response), path);
  return response;
}

export async function getJson<T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> {
  const response = await request(path, params, signal);
  try {
    return (await response.json()) as T;
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(response.status, 'the answer is not JSON', path);
  }
}

/** Changes something; whatever the server answers as JSON comes back. */
export async function sendJson<T>(method: Sent['method'], path: string, body?: unknown): Promise<T> {
  const response = await request(path, {}, undefined, 'application/json', { method, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

/** Server-sent events over `fetch`, because `EventSource` cannot send a token. Ends when the server ends the stream. */
export async function follow(path: string, signal: AbortSignal, opened: () => void, on: (data: string) => void): Promise<void> {
  const response = await request(path, {}, signal, 'text/event-stream');
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  opened();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const { events, rest: tail } = splitEvents(rest + value);
    rest = tail;
    events.forEach(on);
  }
}

/** The `data:` of each complete event of a stream, and what is left over. */
export function splitEvents(text: string): { events: string[]; rest: string } {
  const blocks = text.replace(/\r\n?/g, '\n').split('\n\n');
  const rest = blocks.pop() ?? '';
  const events = blocks
    .map((block) =>
      block
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5).trimStart())
        .join('\n'),
    )
    .filter((data) => data !== '');
  return { events, rest };
}

export function socketUrl(path: string, params: Params): string {
  const url = new URL(path, window.location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = encodeParams(params);
  return url.toString();
}

/** A browser's websocket cannot carry a token or a tenant header; then callers poll instead. */
export function socketsAllowed(): boolean {
  return credentials.token() === '' && credentials.tenant() === '';
}

export function encodeParams(params: Params): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined) continue;
    if (Array.isArray(value)) value.forEach((one) => query.append(key, one));
    else query.append(key, String(value));
  }
  return query.toString();
}

function headers(accept: string): Record<string, string> {
  const token = credentials.token();
  const tenant = credentials.tenant();
  return {
    Accept: accept,
    ...(token ? { Authorization: `Bearer ${token}` } : {}),
    ...(tenant ? { 'X-Scope-OrgID': tenant } : {}),
  };
}

/** Prometheus answers errors as JSON, Loki and Tempo as text. */
async function explain(response: Response): Promise<string> {
  const text = (await response.text().catch(() => '')).trim();
  try {
    const body = JSON.parse(text) as { error?: unknown; message?: unknown };
    const said = body.error ?? body.message;
    if (typeof said === 'string' && said) return said;
  } catch {
    // Not JSON: the text is the message.
  }
  if (text && !text.startsWith('<')) return text.slice(0, 600);
  return `the server answered ${response.status}${response.statusText ? ` ${response.statusText}` : ''}`;
}

function read(kind: 'session' | 'local', key: string): string {
  try {
    return (kind === 'session' ? sessionStorage : localStorage).getItem(key) ?? '';
  } catch {
    return '';
  }
}

function write(kind: 'session' | 'local', key: string, value: string): void {
  try {
    const store = kind === 'session' ? sessionStorage : localStorage;
    if (value) store.setItem(key, value);
    else store.removeItem(key);
  } catch {
    // Storage is blocked: the value lasts until the next request only.
  }
}
