/**
 * Many spans as few boxes: spans with the same service and name below the same parents are one node, in one trace or in many.
 * What a span spent itself is its time without the time in which a child ran.
 */
import type { Span } from './trace';

export type FlameNode = {
  /** Services and names from the root to here: the same in another trace. */
  key: string;
  service: string;
  name: string;
  count: number;
  errors: number;
  totalMs: number;
  selfMs: number;
  children: FlameNode[];
};

type Building = FlameNode & { below: Map<string, Building> };

/** One tree over all traces; its root stands for all of them. */
export function flameOf(traces: readonly (readonly Span[])[]): FlameNode {
  const root = building('', '', '');
  for (const spans of traces) addTrace(root, spans);
  root.count = traces.length;
  return finished(root);
}

function building(key: string, service: string, name: string): Building {
  return { key, service, name, count: 0, errors: 0, totalMs: 0, selfMs: 0, children: [], below: new Map() };
}

function addTrace(root: Building, spans: readonly Span[]): void {
  const ids = new Set(spans.map((span) => span.id));
  const children = childrenOf(spans);
  const stack = spans.filter((span) => !span.parentId || !ids.has(span.parentId) || span.parentId === span.id).map((span) => ({ span, into: root }));
  for (const { span } of stack) root.totalMs += span.durationMs;
  const seen = new Set<Span>();
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { span, into } = next;
    // A circle of parents, or an id that came twice.
    if (seen.has(span)) continue;
    seen.add(span);
    const at = `${span.service}\u0000${span.name}`;
    const node = into.below.get(at) ?? building(`${into.key}\u0001${at}`, span.service, span.name);
    into.below.set(at, node);
    const below = children.get(span.id) ?? [];
    node.count += 1;
    node.errors += span.error ? 1 : 0;
    node.totalMs += span.durationMs;
    node.selfMs += selfTime(span, below);
    for (const child of below) stack.push({ span: child, into: node });
  }
}

export function childrenOf(spans: readonly Span[]): Map<string, Span[]> {
  const children = new Map<string, Span[]>();
  for (const span of spans) {
    if (!span.parentId || span.parentId === span.id) continue;
    const known = children.get(span.parentId);
    if (known) known.push(span);
    else children.set(span.parentId, [span]);
  }
  return children;
}

/** The span's time in which none of its children ran. */
export function selfTime(span: Span, children: readonly Span[]): number {
  const end = span.startMs + span.durationMs;
  const parts = children.map((child) => [Math.max(span.startMs, child.startMs), Math.min(end, child.startMs + child.durationMs)] as const).filter(([from, to]) => to > from).sort((a, b) => a[0] - b[0]);
  let covered = 0;
  let until = span.startMs;
  for (const [from, to] of parts) {
    if (to <= until) continue;
    covered += to - Math.max(from, until);
    until = to;
  }
  return Math.max(0, span.durationMs - covered);
}

function finished(node: Building): FlameNode {
  const { below, ...rest } = node;
  return { ...rest, children: [...below.values()].map(finished).sort((a, b) => b.totalMs - a.totalMs) };
}

export type FlameBox = { node: FlameNode; depth: number; left: number; width: number };

/** Thinner than this nobody can hit. */
const WIDTH_MIN = 0.0012;
const DEPTH_MAX = 60;

/** Where boxes lie, shares of the width from 0 to 1. Children that ran side by side share their parent's width. */
export function layOutFlame(root: FlameNode): FlameBox[] {
  const boxes: FlameBox[] = [];
  const stack: FlameBox[] = [{ node: root, depth: 0, left: 0, width: 1 }];
  for (let box = stack.pop(); box; box = stack.pop()) {
    boxes.push(box);
    if (box.depth >= DEPTH_MAX) continue;
    const { node } = box;
    const sum = node.children.reduce((all, child) => all + child.totalMs, 0);
    const whole = Math.max(sum, node.totalMs);
    if (whole <= 0) continue;
    let { left } = box;
    for (const child of node.children) {
      const width = (child.totalMs / whole) * box.width;
      if (width >= WIDTH_MIN) stack.push({ node: child, depth: box.depth + 1, left, width });
      left += width;
    }
  }
  return boxes;
}

export function findNode(root: FlameNode, key: string): FlameNode | undefined {
  const stack = [root];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (node.key === key) return node;
    stack.push(...node.children);
  }
  return undefined;
}

export type Share = { service: string; name: string; spans: number; errors: number; selfMs: number; longestMs: number };

/** Who spent the time itself: by service, or by service and operation. */
export function breakdown(spans: readonly Span[], by: 'service' | 'operation'): Share[] {
  const children = childrenOf(spans);
  const shares = new Map<string, Share>();
  for (const span of spans) {
    const name = by === 'service' ? '' : span.name;
    const key = `${span.service}\u0000${name}`;
    const share = shares.get(key) ?? { service: span.service, name, spans: 0, errors: 0, selfMs: 0, longestMs: 0 };
    share.spans += 1;
    share.errors += span.error ? 1 : 0;
    share.selfMs += selfTime(span, children.get(span.id) ?? []);
    share.longestMs = Math.max(share.longestMs, span.durationMs);
    shares.set(key, share);
  }
  return [...shares.values()].sort((a, b) => b.selfMs - a.selfMs);
}

/** The spans in which a trace enters a service, and all below them. */
export function below(spans: readonly Span[], service: string): Span[] {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const children = childrenOf(spans);
  const stack = spans.filter((span) => span.service === service && byId.get(span.parentId)?.service !== service);
  const kept = new Set<Span>();
  for (let span = stack.pop(); span; span = stack.pop()) {
    if (kept.has(span)) continue;
    kept.add(span);
    stack.push(...(children.get(span.id) ?? []));
  }
  return [...kept];
}

export type Side = { count: number; totalMs: number; selfMs: number; errors: number };
export type DiffRow = { key: string; depth: number; service: string; name: string; a: Side | undefined; b: Side | undefined; deltaMs: number };

/** Two trees beside each other, in the order of the time they took; a side that lacks a node has nothing there. */
export function diffFlames(a: FlameNode, b: FlameNode): DiffRow[] {
  const rows: DiffRow[] = [];
  const visit = (left: FlameNode | undefined, right: FlameNode | undefined, depth: number) => {
    const node = left ?? right;
    if (!node || depth > DEPTH_MAX) return;
    if (depth >= 0) rows.push({ key: node.key, depth, service: node.service, name: node.name, a: left, b: right, deltaMs: (right?.totalMs ?? 0) - (left?.totalMs ?? 0) });
    const keys = new Set([...(left?.children ?? []), ...(right?.children ?? [])].map((child) => child.key));
    const pairs = [...keys].map((key) => [left?.children.find((child) => child.key === key), right?.children.find((child) => child.key === key)] as const);
    pairs.sort((one, two) => Math.max(two[0]?.totalMs ?? 0, two[1]?.totalMs ?? 0) - Math.max(one[0]?.totalMs ?? 0, one[1]?.totalMs ?? 0));
    for (const [one, two] of pairs) visit(one, two, depth + 1);
  };
  visit(a, b, -1);
  return rows;
}

/** Attributes that stand once on each side and differ; what is an id differs always and says nothing. */
export function diffAttributes(a: readonly Span[], b: readonly Span[], limit = 40): { where: string; key: string; a: string; b: string }[] {
  const out: { where: string; key: string; a: string; b: string }[] = [];
  const left = valuesByPlace(a);
  const right = valuesByPlace(b);
  for (const [place, values] of left) {
    const others = right.get(place);
    if (!others) continue;
    for (const [key, value] of values) {
      const other = others.get(key);
      if (other !== undefined && other !== value && value !== '' && other !== '' && !looksLikeId(value)) out.push({ where: place.replace('\u0000', ' '), key, a: value, b: other });
      if (out.length >= limit) return out;
    }
  }
  return out;
}

/** By service and name; an attribute with several values there has none. */
function valuesByPlace(spans: readonly Span[]): Map<string, Map<string, string>> {
  const places = new Map<string, Map<string, string>>();
  for (const span of spans) {
    const place = `${span.service}\u0000${span.name}`;
    const values = places.get(place) ?? new Map<string, string>();
    for (const { key, value } of [...span.attributes, ...span.resource]) values.set(key, values.has(key) && values.get(key) !== value ? '' : value);
    places.set(place, values);
  }
  return places;
}

function looksLikeId(value: string): boolean {
  return /^[0-9a-f-]{12,}$/i.test(value) || /\d{9,}/.test(value);
}
