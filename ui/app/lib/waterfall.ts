/** The waterfall of a trace: which row each span gets, how deep it sits, and where its bar lies. */
import type { Span } from './trace';

export type Row = {
  span: Span;
  depth: number;
  children: number;
  /** Share of the trace's duration, 0 to 1. */
  left: number;
  width: number;
  /** Its parent is not in the trace: the data is incomplete, or still on its way. */
  orphan: boolean;
};

export type Waterfall = { rows: Row[]; startMs: number; durationMs: number; services: string[]; errors: number; depth: number };

/** Depth-first, children by start. Orphans become roots; a cycle is cut where it is met. `collapsed` hides descendants. */
export function layOut(spans: readonly Span[], collapsed: ReadonlySet<string> = new Set()): Waterfall {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const children = new Map<string, Span[]>();
  const roots: Span[] = [];
  for (const span of spans) {
    if (!span.parentId || !byId.has(span.parentId) || span.parentId === span.id) roots.push(span);
    else pushTo(children, span.parentId, span);
  }
  const startMs = spans.reduce((least, span) => Math.min(least, span.startMs), Infinity);
  const endMs = spans.reduce((most, span) => Math.max(most, span.startMs + span.durationMs), -Infinity);
  const durationMs = spans.length ? Math.max(endMs - startMs, 0.001) : 0;
  const rows: Row[] = [];
  const seen = new Set<Span>();
  let depthMax = 0;
  const visit = (root: Span) => {
    const stack: { span: Span; depth: number; hidden: boolean }[] = [{ span: root, depth: 0, hidden: false }];
    for (let next = stack.pop(); next; next = stack.pop()) {
      const { span, depth, hidden } = next;
      if (seen.has(span)) continue;
      seen.add(span);
      depthMax = Math.max(depthMax, depth);
      const below = byStart(children.get(span.id) ?? []);
      if (!hidden) {
        const left = (span.startMs - startMs) / durationMs;
        const width = span.durationMs / durationMs;
        rows.push({ span, depth, children: below.length, left, width, orphan: span.parentId !== '' && depth === 0 });
      }
      for (const child of below.reverse()) stack.push({ span: child, depth: depth + 1, hidden: hidden || collapsed.has(span.id) });
    }
  };
  byStart(roots).forEach(visit);
  // What is left hangs on a cycle and has no root.
  byStart(spans.filter((span) => !seen.has(span))).forEach((span) => {
    if (!seen.has(span)) visit(span);
  });
  return {
    rows,
    startMs: spans.length ? startMs : 0,
    durationMs,
    services: [...new Set(spans.map((span) => span.service))],
    errors: spans.filter((span) => span.error).length,
    depth: depthMax,
  };
}

function pushTo(children: Map<string, Span[]>, parentId: string, span: Span): void {
  const siblings = children.get(parentId);
  if (siblings) siblings.push(span);
  else children.set(parentId, [span]);
}

function byStart(spans: readonly Span[]): Span[] {
  return [...spans].sort((a, b) => a.startMs - b.startMs || b.durationMs - a.durationMs);
}

/** Round times for the ruler: about `count` ticks from 0 to the duration. */
export function ticks(durationMs: number, count: number): number[] {
  if (durationMs <= 0) return [0];
  const rough = durationMs / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough;
  const out: number[] = [];
  for (let i = 0; i * step <= durationMs; i += 1) out.push(i * step);
  return out;
}
