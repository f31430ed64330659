/** Silences, in Alertmanager's API v2. */
import { getJson, sendJson } from './api';
import type { Labels } from './prom';

export type Matcher = { name: string; value: string; isRegex: boolean; isEqual: boolean };
export type Silence = { id: string; matchers: Matcher[]; startsAt: string; endsAt: string; createdBy: string; comment: string; status: { state: 'active' | 'pending' | 'expired' } };
export type NewSilence = Omit<Silence, 'id' | 'status'> & { id?: string };

export async function list(signal?: AbortSignal): Promise<Silence[]> {
  return (await getJson<Silence[] | null>('/api/v2/silences', {}, signal)) ?? [];
}

export async function create(silence: NewSilence): Promise<string> {
  return (await sendJson<{ silenceID: string }>('POST', '/api/v2/silences', silence)).silenceID;
}

export async function expire(id: string): Promise<void> {
  await sendJson('DELETE', `/api/v2/silence/${encodeURIComponent(id)}`);
}

/** Every label of an alert as a matcher; the ones that change from instance to instance are left out. */
export function matchersOf(labels: Labels): Matcher[] {
  return Object.entries(labels).filter(([name]) => !/^(instance|pod|service_instance_id)$/.test(name)).map(([name, value]) => ({ name, value, isRegex: false, isEqual: true }));
}

export function matcherText({ name, value, isRegex, isEqual }: Matcher): string {
  return `${name}${isEqual === false ? (isRegex ? '!~' : '!=') : isRegex ? '=~' : '='}${JSON.stringify(value)}`;
}

/** `a="x", b=~"y.*"`: what somebody types, or what cannot be read. */
export function readMatchers(text: string): Matcher[] | string {
  const parts = text.split(/[,\n]+(?=(?:[^"]*"[^"]*")*[^"]*$)/).map((part) => part.trim()).filter(Boolean);
  const out: Matcher[] = [];
  for (const part of parts) {
    const match = /^([\w.:-]+)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|(\S*))$/.exec(part);
    if (!match) return `${part} is no matcher: write label="value"`;
    const op = match[2] ?? '=';
    out.push({ name: match[1] ?? '', value: (match[3] ?? match[4] ?? '').replace(/\\(.)/g, '$1'), isRegex: op.endsWith('~'), isEqual: !op.startsWith('!') });
  }
  return out;
}

/** Those of a silence. */
export function parseMatchers(text: string): Matcher[] | string {
  const out = readMatchers(text);
  if (typeof out === 'string') return out;
  if (out.length === 0) return 'at least one matcher is needed';
  // Alertmanager refuses the same: such a silence would hold back everything.
  return out.some((one) => one.isEqual && one.value !== '' && !(one.isRegex && new RegExp(`^(?:${safe(one.value)})$`).test(''))) ? out : 'one matcher must not match an empty value';
}

function safe(pattern: string): string {
  try {
    new RegExp(pattern);
    return pattern;
  } catch {
    return '.+';
  }
}

/** Whether a silence holds back an alert. */
export function silences(silence: Silence, labels: Labels): boolean {
  return silence.status.state === 'active' && matches(silence.matchers, labels);
}

/** A label that is not there is an empty one. */
export function matches(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every((one) => {
    const value = labels[one.name] ?? '';
    const same = one.isRegex ? new RegExp(`^(?:${safe(one.value)})$`).test(value) : value === one.value;
    return same === (one.isEqual !== false);
  });
}
