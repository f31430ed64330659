import { useMemo } from 'react';
import { type Frame, displayName } from '../../lib/dash/frames';
import { look } from '../../lib/dash/config';
import { Graph } from '../Graph';
import type { GraphEdge, GraphNode } from '../../lib/graph';
import type { VizProps } from './types';

/** Nodes (id, title, mainstat) and edges (source, target) of frames. */
export function NodeGraph({ frames, width, height }: VizProps) {
  const { nodes, edges } = useMemo(() => graphOf(frames), [frames]);
  if (nodes.length === 0) return <div className="viz-none">No data</div>;
  return <Graph nodes={nodes} edges={edges} width={width} height={height} />;
}

function graphOf(frames: readonly Frame[]): { nodes: GraphNode[]; edges: GraphEdge[] } {
  const column = (one: Frame, ...names: string[]) => one.fields.find((field) => names.includes(field.name.toLowerCase()) || names.includes(displayName(field, one, frames.length).toLowerCase()));
  const edges: GraphEdge[] = [];
  const nodes = new Map<string, GraphNode>();
  for (const one of frames) {
    const [source, target] = [column(one, 'source', 'client'), column(one, 'target', 'server')];
    const id = column(one, 'id');
    const stat = column(one, 'mainstat', 'value');
    for (let row = 0; row < one.length; row += 1) {
      const text = stat ? look(stat, stat.values[row] ?? null).text : '';
      if (source && target) {
        const [from, to] = [String(source.values[row]), String(target.values[row])];
        edges.push({ from, to, label: text, bad: 0 });
        for (const name of [from, to]) if (!nodes.has(name)) nodes.set(name, { id: name, title: name, label: '', bad: 0 });
      } else if (id) {
        const title = column(one, 'title');
        nodes.set(String(id.values[row]), { id: String(id.values[row]), title: String(title?.values[row] ?? id.values[row]), label: text, bad: 0 });
      }
    }
  }
  return { nodes: [...nodes.values()], edges };
}
