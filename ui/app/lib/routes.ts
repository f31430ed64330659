/**
 * Where notifications go. `GET /api/signalbox/routes?labels=<JSON object>`: the tree of routes; with labels each route says
 * whether it matches and whether it takes the alert, and `destinations` says who is told.
 */
import { getJson, sendJson } from './api';
import type { Labels } from './prom';
import { parseMatchers } from './silences';

export type Route = {
  key: string;
  matchers: string[];
  receiver: string;
  continue: boolean;
  group_by: string[];
  group_wait_ms: number;
  group_interval_ms: number;
  repeat_interval_ms: number;
  intervals: string[];
  muted_by: string[];
  matches: boolean;
  takes: boolean;
  routes: Route[];
};
export type Destination = { receiver: string; route: string; group_labels: Labels; muted_by: string[] };
export type Receiver = { name: string; integrations: string[] };
export type Routes = { root: Route | null; destinations: Destination[]; receivers: Receiver[] };

export async function routes(labels: Labels | undefined, signal?: AbortSignal): Promise<Routes> {
  const answer = await getJson<Partial<Routes>>('/api/signalbox/routes', labels ? { labels: JSON.stringify(labels) } : {}, signal);
  return { root: answer.root ?? null, destinations: answer.destinations ?? [], receivers: answer.receivers ?? [] };
}

export type Outcome = { kind: string; delivered: boolean; error?: string };

/** A message that says it is a test, sent now. */
export async function testReceiver(name: string): Promise<Outcome[]> {
  return (await sendJson<{ integrations?: Outcome[] }>('POST', `/api/signalbox/receivers/${encodeURIComponent(name)}/test`)).integrations ?? [];
}

/** Labels as people write them: `alertname="Down", severity=page`; an error text if they are none. */
export function parseLabels(text: string): Labels | string {
  const given = text.trim().replace(/^\{|\}$/g, '').trim();
  if (!given) return {};
  const matchers = parseMatchers(given);
  if (typeof matchers === 'string') return matchers;
  const odd = matchers.find((one) => one.isRegex || one.isEqual === false);
  if (odd) return `${odd.name}: an alert has one value for each label, so write ${odd.name}="…"`;
  return Object.fromEntries(matchers.map((one) => [one.name, one.value]));
}

export function labelsText(labels: Labels): string {
  return Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(', ');
}
