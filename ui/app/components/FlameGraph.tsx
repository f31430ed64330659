import { type CSSProperties, useMemo, useState } from 'react';
import { serviceColor } from '../lib/colors';
import { type FlameNode, findNode, layOutFlame } from '../lib/flame';
import { count, duration, percent } from '../lib/format';

const ROW = 20;
/** In less than this no word stands. */
const NAMED_MIN = 0.022;

type Props = { root: FlameNode; services: readonly string[]; title: string; onChoose?: (node: FlameNode) => void };

/** A box is as wide as the time spent in it and below it; a click makes it the whole width. */
export function FlameGraph({ root, services, title, onChoose }: Props) {
  const [zoom, setZoom] = useState('');
  const top = useMemo(() => (zoom ? findNode(root, zoom) : undefined) ?? root, [root, zoom]);
  const boxes = useMemo(() => layOutFlame(top), [top]);
  const depth = boxes.reduce((most, box) => Math.max(most, box.depth), 0);
  return (
    <div className="flame" role="group" aria-label={title} tabIndex={0}>
      <div className="flame-boxes" style={{ height: (depth + 1) * ROW }}>
        {boxes.map(({ node, depth: row, left, width }) => (
          <button
            key={`${node.key}/${row}`}
            type="button"
            className="flame-box"
            data-error={node.errors > 0 || undefined}
            data-root={row === 0 || undefined}
            title={textOf(node, root)}
            {...(node.service && width <= NAMED_MIN ? { 'aria-label': `${node.service} ${node.name}` } : {})}
            style={{ left: `${left * 100}%`, width: `${width * 100}%`, top: row * ROW, ...(node.service ? { '--of-service': serviceColor(services, node.service) } : {}) } as CSSProperties}
            onClick={() => {
              setZoom(node === top && zoom ? '' : node.key);
              onChoose?.(node);
            }}
          >
            {node.service ? (width > NAMED_MIN ? `${node.errors ? '▲ ' : ''}${node.name}` : '') : title}
            {width > 0.12 ? <span className="flame-time"> {duration(node.totalMs)}</span> : null}
          </button>
        ))}
      </div>
      {zoom ? <button type="button" className="text-button" onClick={() => setZoom('')}>Show all</button> : null}
    </div>
  );
}

function textOf(node: FlameNode, root: FlameNode): string {
  const name = node.service ? `${node.service} ${node.name}` : 'All';
  return `${name}\n${duration(node.totalMs)} (${percent(root.totalMs ? node.totalMs / root.totalMs : 0)}), itself ${duration(node.selfMs)}\n${count(node.count)} spans, ${count(node.errors)} with errors`;
}
