/** The critical path: at each moment the span without which the trace would have ended earlier. */
import type { Span } from './trace';

export type Part = { startMs: number; endMs: number };

/** Stretches of each span that lie on the path from the first root, by span id. */
export function criticalPath(spans: readonly Span[]): Map<string, Part[]> {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const children = new Map<string, Span[]>();
  for (const span of spans) {
    const parent = byId.get(span.parentId);
    if (parent && parent !== span) children.set(parent.id, [...(children.get(parent.id) ?? []), span]);
  }
  const root = spans.filter((span) => !byId.has(span.parentId)).sort((a, b) => b.durationMs - a.durationMs)[0];
  const parts = new Map<string, Part[]>();
  if (root) walk(root, root.startMs + root.durationMs, children, parts);
  return parts;
}

const end = (span: Span) => span.startMs + span.durationMs;

/** From the end backwards: whichever child ended last was waited for; before it began, whichever ended before that. */
function walk(root: Span, untilMs: number, children: ReadonlyMap<string, Span[]>, parts: Map<string, Part[]>): void {
  const stack: { span: Span; until: number }[] = [{ span: root, until: untilMs }];
  const seen = new Set<string>();
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { span, until } = next;
    if (seen.has(span.id)) continue;
    seen.add(span.id);
    let at = until;
    const below = [...(children.get(span.id) ?? [])].sort((a, b) => end(b) - end(a));
    for (const child of below) {
      const childEnd = Math.min(end(child), at);
      if (child.startMs >= at || childEnd <= span.startMs || childEnd <= child.startMs) continue;
      // A child that goes on after its parent holds up nobody there.
      if (end(child) > at + 0.0001 && at !== until) continue;
      add(parts, span.id, childEnd, at);
      stack.push({ span: child, until: childEnd });
      at = Math.max(child.startMs, span.startMs);
      if (at <= span.startMs) break;
    }
    add(parts, span.id, span.startMs, at);
  }
}

function add(parts: Map<string, Part[]>, id: string, startMs: number, endMs: number): void {
  if (endMs <= startMs) return;
  const known = parts.get(id);
  if (known) known.push({ startMs, endMs });
  else parts.set(id, [{ startMs, endMs }]);
}

/** How long each service was what was waited for, the longest first. */
export function pathByService(spans: readonly Span[], parts: ReadonlyMap<string, Part[]>): { service: string; ms: number }[] {
  const sums = new Map<string, number>();
  for (const span of spans) {
    const ms = (parts.get(span.id) ?? []).reduce((sum, part) => sum + part.endMs - part.startMs, 0);
    if (ms > 0) sums.set(span.service, (sums.get(span.service) ?? 0) + ms);
  }
  return [...sums].map(([service, ms]) => ({ service, ms })).sort((a, b) => b.ms - a.ms);
}

/** Spans whose name, service, attributes or events contain all words. */
export function matchingSpans(spans: readonly Span[], text: string): Set<string> {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return new Set();
  return new Set(
    spans.filter((span) => {
      const said = [span.name, span.service, span.kind, span.id, span.statusMessage, ...span.attributes.map((one) => `${one.key}=${one.value}`), ...span.events.map((event) => `${event.name} ${event.attributes.map((one) => one.value).join(' ')}`)].join(' ').toLowerCase();
      return words.every((word) => said.includes(word));
    }).map((span) => span.id),
  );
}
