import { useMemo } from 'react';
import '../styles/viz.css';
import { type GraphEdge, type GraphNode, type Labelled, type Placed, type Point, layOutGraph, placeLabels } from '../lib/graph';

type Props = { nodes: readonly GraphNode[]; edges: readonly GraphEdge[]; width: number; height: number; selected?: string; onNode?: (id: string) => void; onEdge?: (edge: GraphEdge) => void };

const BOX_W = 132;
const BOX_H = 40;
/** From here on an arrow fails. */
const BAD_MIN = 0.01;

const labelOf = (edge: GraphEdge) => edge.label.slice(0, 30);

/** Boxes and arrows. A box or an arrow that fails is red and says how much of it. */
export function Graph({ nodes, edges, width, height, selected, onNode, onEdge }: Props) {
  const layout = useMemo(() => layOutGraph(nodes, edges), [nodes, edges]);
  const w = Math.max(width, layout.layers * (BOX_W + 56));
  const h = Math.max(height - 4, layout.rows * (BOX_H + 14));
  const at = (placed: Placed) => ({ x: ((placed.x + 0.5) / layout.layers) * w, y: ((placed.y + 0.5) / layout.rows) * h });
  const places = new Map(layout.nodes.map((placed) => [placed.node.id, at(placed)]));
  const near = (edge: GraphEdge) => selected === undefined || edge.from === selected || edge.to === selected;
  const arrows = edges.flatMap((edge): ArrowProps[] => {
    const [from, to] = [places.get(edge.from), places.get(edge.to)];
    return from && to && edge.from !== edge.to ? [{ edge, from, to, faded: !near(edge), ...(onEdge ? { onClick: () => onEdge(edge) } : {}) }] : [];
  });
  const boxes = [...places.values()].map(({ x, y }) => ({ x: x - BOX_W / 2, y: y - BOX_H / 2, width: BOX_W, height: BOX_H }));
  const labels = placeLabels(arrows.map((arrow) => ({ curve: curveOf(arrow), text: labelOf(arrow.edge), important: arrow.edge.bad > BAD_MIN })), boxes);
  return (
    <div className="graph" style={{ height }} tabIndex={0} role="group" aria-label={`Graph of ${nodes.length} nodes and ${edges.length} edges`}>
      <svg width={w} height={h}>
        <defs>
          {['line-strong', 'bar-error'].map((color) => (
            <marker key={color} id={`arrow-${color}`} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto-start-reverse">
              <path d="M0 0 8 4 0 8z" fill={`var(--${color})`} />
            </marker>
          ))}
        </defs>
        {arrows.map((arrow) => <Arrow key={`${arrow.edge.from}>${arrow.edge.to}`} {...arrow} />)}
        {layout.nodes.map((placed) => {
          const { x, y } = at(placed);
          const { node } = placed;
          return (
            <g
              key={node.id}
              className="graph-node"
              data-selected={selected === node.id || undefined}
              data-bad={node.bad > 0.01 || undefined}
              transform={`translate(${x - BOX_W / 2} ${y - BOX_H / 2})`}
              {...(onNode ? { role: 'button', tabIndex: 0, onClick: () => onNode(node.id), onKeyDown: (event: React.KeyboardEvent) => (event.key === 'Enter' ? onNode(node.id) : undefined) } : {})}
            >
              <rect width={BOX_W} height={BOX_H} rx={5} />
              {node.bad > 0 ? <rect className="graph-bad" y={BOX_H - 4} width={Math.max(3, BOX_W * Math.min(1, node.bad))} height={4} /> : null}
              <text x={BOX_W / 2} y={17} textAnchor="middle" className="graph-title">{node.title.length > 19 ? `${node.title.slice(0, 18)}…` : node.title}</text>
              <text x={BOX_W / 2} y={31} textAnchor="middle" className="graph-label">{node.label.slice(0, 24)}</text>
            </g>
          );
        })}
        {arrows.map((arrow, i) => (labels[i] ? <ArrowLabel key={`${arrow.edge.from}>${arrow.edge.to}`} arrow={arrow} at={labels[i]} /> : null))}
      </svg>
    </div>
  );
}

type ArrowProps = { edge: GraphEdge; from: Point; to: Point; faded: boolean; onClick?: () => void };

/** Where an arrow leaves and arrives; one that goes back does so below the boxes. */
function ends({ from, to }: ArrowProps) {
  const back = to.x <= from.x;
  return {
    back,
    x1: from.x + (back ? 0 : BOX_W / 2),
    x2: to.x - (back ? 0 : BOX_W / 2),
    y1: from.y + (back ? BOX_H / 2 : 0),
    y2: to.y + (back ? BOX_H / 2 : 0),
  };
}

/** From one box to the other, as a cubic curve. */
function curveOf(props: ArrowProps): Labelled['curve'] {
  const { back, x1, x2, y1, y2 } = ends(props);
  const from = { x: x1, y: y1 };
  return back ? [from, { x: x1, y: y1 + 50 }, { x: x2, y: y2 + 50 }, { x: x2, y: y2 }] : [from, { x: x1 + 40, y: y1 }, { x: x2 - 40, y: y2 }, { x: x2 - 3, y: y2 }];
}

function Arrow(props: ArrowProps) {
  const { edge, faded, onClick } = props;
  const [from, bend, into, to] = curveOf(props);
  const path = `M${from.x} ${from.y}C${bend.x} ${bend.y} ${into.x} ${into.y} ${to.x} ${to.y}`;
  const bad = edge.bad > BAD_MIN;
  return (
    <g className="graph-edge" data-bad={bad || undefined} opacity={faded ? 0.25 : 1} onClick={onClick} style={onClick ? { cursor: 'pointer' } : undefined}>
      <path d={path} fill="none" stroke="transparent" strokeWidth={12} />
      <path d={path} fill="none" stroke={`var(--${bad ? 'bar-error' : 'line-strong'})`} strokeWidth={Math.min(6, 1.2 + (edge.weight ?? 0) * 4)} markerEnd={`url(#arrow-${bad ? 'bar-error' : 'line-strong'})`} />
      <title>{`${edge.from} → ${edge.to}: ${edge.label}`}</title>
    </g>
  );
}

function ArrowLabel({ arrow: { edge, faded, onClick }, at }: { arrow: ArrowProps; at: Point }) {
  return (
    <g className="graph-edge" data-bad={edge.bad > BAD_MIN || undefined} opacity={faded ? 0.25 : 1} onClick={onClick} style={onClick ? { cursor: 'pointer' } : undefined}>
      <text x={at.x} y={at.y - 3} textAnchor="middle" className="graph-label">{labelOf(edge)}</text>
    </g>
  );
}
