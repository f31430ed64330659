/** A directed graph laid out in layers from left to right: who is called stands right of who calls. */

export type GraphNode = { id: string; title: string; label: string; /** Share of errors, 0 to 1. */ bad: number };
export type GraphEdge = { from: string; to: string; label: string; bad: number; weight?: number };
export type Placed = { node: GraphNode; x: number; y: number };

export type Layout = { nodes: Placed[]; layers: number; rows: number };

const SWEEPS = 6;

export function layOutGraph(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): Layout {
  const known = new Set(nodes.map((node) => node.id));
  const real = edges.filter((edge) => edge.from !== edge.to && known.has(edge.from) && known.has(edge.to));
  const depth = depths(nodes, real);
  const layers: string[][] = [];
  for (const node of nodes) {
    const at = depth.get(node.id) ?? 0;
    (layers[at] ??= []).push(node.id);
  }
  for (let i = 0; i < layers.length; i += 1) layers[i] ??= [];
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) order(layers, real, sweep % 2 === 0);
  const rows = Math.max(1, ...layers.map((layer) => layer.length));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const placed = layers.flatMap((layer, x) => layer.map((id, i): Placed => ({ node: byId.get(id) as GraphNode, x, y: (rows - layer.length) / 2 + i })));
  return { nodes: placed, layers: Math.max(1, layers.length), rows };
}

/** The longest way from a source; edges that close a cycle do not count. */
function depths(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): Map<string, number> {
  const out = new Map<string, string[]>();
  const into = new Map<string, number>();
  for (const { from, to } of edges) {
    out.set(from, [...(out.get(from) ?? []), to]);
    into.set(to, (into.get(to) ?? 0) + 1);
  }
  const depth = new Map<string, number>();
  const left = new Map(nodes.map((node) => [node.id, into.get(node.id) ?? 0]));
  const queue = nodes.filter((node) => !into.get(node.id)).map((node) => node.id);
  const done = new Set<string>();
  while (done.size < nodes.length) {
    // A cycle has no source: the one with the fewest callers left begins it.
    const id = queue.shift() ?? [...left].filter(([one]) => !done.has(one)).sort((a, b) => a[1] - b[1])[0]?.[0];
    if (id === undefined) break;
    if (done.has(id)) continue;
    done.add(id);
    const at = depth.get(id) ?? 0;
    depth.set(id, at);
    for (const to of out.get(id) ?? []) {
      if (done.has(to)) continue;
      depth.set(to, Math.max(depth.get(to) ?? 0, at + 1));
      const rest = (left.get(to) ?? 1) - 1;
      left.set(to, rest);
      if (rest <= 0) queue.push(to);
    }
  }
  return depth;
}

/** Each node goes to the middle of its neighbours in the layer before (or behind). */
function order(layers: string[][], edges: readonly GraphEdge[], forward: boolean): void {
  const place = new Map<string, number>();
  const note = (layer: readonly string[]) => layer.forEach((id, i) => place.set(id, i - layer.length / 2));
  layers.forEach(note);
  const indices = layers.map((_, i) => i);
  for (const i of forward ? indices : indices.reverse()) {
    const layer = layers[i] ?? [];
    const middle = (id: string) => {
      const near = edges.filter((edge) => (forward ? edge.to : edge.from) === id).map((edge) => place.get(forward ? edge.from : edge.to) ?? 0);
      return near.length ? near.reduce((sum, one) => sum + one, 0) / near.length : (place.get(id) ?? 0);
    };
    const wanted = new Map(layer.map((id) => [id, middle(id)]));
    layer.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) || (a < b ? -1 : 1));
    note(layer);
  }
}

export type Point = { x: number; y: number };
export type Rect = { x: number; y: number; width: number; height: number };
/** A curve with the text that belongs to it. */
export type Labelled = { curve: readonly [Point, Point, Point, Point]; text: string; important: boolean };

const CHAR_PX = 6;
const LINE_PX = 13;
/** Where on a curve a text may stand, the best first. */
const TRIES = [0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78, 0.14, 0.86] as const;

/** A place for each text that covers neither a box nor another text. What finds none is left out, unless it is important. */
export function placeLabels(list: readonly Labelled[], boxes: readonly Rect[]): (Point | undefined)[] {
  const taken: Rect[] = [...boxes];
  const out = new Array<Point | undefined>(list.length).fill(undefined);
  const order = list.map((_, i) => i).sort((a, b) => Number(list[b]?.important) - Number(list[a]?.important));
  for (const i of order) {
    const one = list[i];
    if (!one?.text) continue;
    const tries = TRIES.map((t) => pointAt(one.curve, t)).map((at) => ({ at, rect: rectOf(at, one.text) }));
    const free = tries.find(({ rect }) => !taken.some((other) => overlap(rect, other) > 0));
    const chosen = free ?? (one.important ? [...tries].sort((a, b) => covered(a.rect, taken) - covered(b.rect, taken))[0] : undefined);
    if (!chosen) continue;
    taken.push(chosen.rect);
    out[i] = chosen.at;
  }
  return out;
}

function pointAt([a, b, c, d]: Labelled['curve'], t: number): Point {
  const u = 1 - t;
  const mix = (p: number, q: number, r: number, s: number) => u * u * u * p + 3 * u * u * t * q + 3 * u * t * t * r + t * t * t * s;
  return { x: mix(a.x, b.x, c.x, d.x), y: mix(a.y, b.y, c.y, d.y) };
}

function rectOf(at: Point, text: string): Rect {
  const width = text.length * CHAR_PX;
  return { x: at.x - width / 2, y: at.y - LINE_PX, width, height: LINE_PX };
}

function overlap(a: Rect, b: Rect): number {
  const w = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const h = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return w > 0 && h > 0 ? w * h : 0;
}

const covered = (rect: Rect, taken: readonly Rect[]) => taken.reduce((sum, other) => sum + overlap(rect, other), 0);
