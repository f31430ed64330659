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
