/** Alert rules made here: one group each, in a namespace of their own, by the API Mimir's tools use. */
import { getJson, sendJson } from './api';
import type { Labels } from './prom';
import { readMatchers } from './silences';

/** The namespace of rules made in the interface; groups of files have the name of a file here. */
export const OWN = 'ui';
const PATH = `/config/v1/rules/${OWN}`;

export const LANGUAGES = [
  { value: 'promql', label: 'PromQL' },
  { value: 'logql', label: 'LogQL' },
  { value: 'traceql', label: 'TraceQL' },
] as const;
export type Language = (typeof LANGUAGES)[number]['value'];

/** What the form has; durations as rule files write them, labels as `name="value"`. */
export type Draft = { name: string; language: Language; expr: string; hold: string; every: string; labels: string; summary: string };

export const EMPTY: Draft = { name: '', language: 'promql', expr: '', hold: '0s', every: '15s', labels: 'severity="warning"', summary: '' };

type StoredRule = { alert?: string; expr?: string; language?: Language; for?: string; labels?: Labels; annotations?: Labels };
export type Group = { name: string; interval?: string; rules: StoredRule[] };

const DURATION = /^(\d+(ms|[smhdwy]))+$/;

/** What is wrong with a draft before the server is asked. */
export function problemsOf(draft: Draft): Partial<Record<keyof Draft, string>> {
  const problems: Partial<Record<keyof Draft, string>> = {};
  if (!draft.name.trim()) problems.name = 'an alert has a name';
  if (!draft.expr.trim()) problems.expr = 'what is to be found?';
  for (const key of ['hold', 'every'] as const) if (!DURATION.test(draft[key].trim())) problems[key] = 'a duration, like 30s or 5m';
  const labels = labelsOf(draft.labels);
  if (typeof labels === 'string') problems.labels = labels;
  return problems;
}

function labelsOf(text: string): Labels | string {
  const found = readMatchers(text);
  if (typeof found === 'string') return found.replace('matcher', 'label');
  const wrong = found.find((one) => one.isRegex || !one.isEqual);
  return wrong ? `${wrong.name}: a label is written name="value"` : Object.fromEntries(found.map((one) => [one.name, one.value]));
}

export function groupOf(draft: Draft, others: Labels = {}): Group {
  const labels = labelsOf(draft.labels);
  const annotations: Labels = { ...others, ...(draft.summary.trim() ? { summary: draft.summary.trim() } : {}) };
  const rule: StoredRule = { alert: draft.name.trim(), expr: draft.expr.trim(), language: draft.language };
  if (draft.hold.trim() !== '0s') rule.for = draft.hold.trim();
  if (typeof labels !== 'string' && Object.keys(labels).length) rule.labels = labels;
  if (Object.keys(annotations).length) rule.annotations = annotations;
  return { name: draft.name.trim(), interval: draft.every.trim(), rules: [rule] };
}

/** The form of a group made here, and annotations the form does not show. */
export function draftOf(group: Group): { draft: Draft; others: Labels } {
  const rule = group.rules[0] ?? {};
  const { summary = '', ...others } = rule.annotations ?? {};
  const labels = Object.entries(rule.labels ?? {}).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ');
  return { draft: { name: rule.alert ?? group.name, language: rule.language ?? 'promql', expr: rule.expr ?? '', hold: rule.for ?? '0s', every: group.interval ?? '1m', labels, summary }, others };
}

export function load(name: string, signal?: AbortSignal): Promise<Group> {
  return getJson<Group>(`${PATH}/${encodeURIComponent(name)}`, {}, signal);
}

/** `before`: the name it had; a group is known by its name. */
export async function save(group: Group, before?: string): Promise<void> {
  await sendJson('POST', PATH, group);
  if (before && before !== group.name) await remove(before);
}

export async function remove(name: string): Promise<void> {
  await sendJson('DELETE', `${PATH}/${encodeURIComponent(name)}`);
}
