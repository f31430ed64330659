/** A part of the scatter that was chosen: a stretch of time and of durations, as it stands in the URL. */
import type { Found } from './tempo';

export type Selection = { fromMs: number; toMs: number; minMs: number; maxMs: number };

export function parseSelection(text: string | undefined): Selection | undefined {
  const [fromMs, toMs, minMs, maxMs] = (text ?? '').split(',').map(Number);
  if (fromMs === undefined || toMs === undefined || minMs === undefined || maxMs === undefined) return undefined;
  return [fromMs, toMs, minMs, maxMs].every(Number.isFinite) && fromMs < toMs && minMs < maxMs ? { fromMs, toMs, minMs, maxMs } : undefined;
}

export function selectionText(selection: Selection): string {
  return [Math.round(selection.fromMs), Math.round(selection.toMs), round(selection.minMs), round(selection.maxMs)].join(',');
}

const round = (ms: number) => Number(ms.toPrecision(4));

export function within(found: readonly Found[], { fromMs, toMs, minMs, maxMs }: Selection): Found[] {
  return found.filter((one) => one.startMs >= fromMs && one.startMs <= toMs && one.durationMs >= minMs && one.durationMs <= maxMs);
}

/** TraceQL of spans as long as what was chosen. */
export function selectionQuery({ minMs, maxMs }: Selection): string {
  return `{ duration >= ${micros(minMs)} && duration <= ${micros(maxMs)} }`;
}

const micros = (ms: number) => `${Math.max(0, Math.round(ms * 1000))}us`;

/** A query that is one condition on spans can be what both sides are taken from; of others nothing is known. */
export function singleCondition(query: string): string {
  const text = query.trim();
  return /^\{[^{}|]*\}$/.test(text) && text !== '{}' && !/trace|root|nested/i.test(text) ? text : '';
}
