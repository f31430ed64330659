import { Tooltip } from '@mantine/core';
import { type PointerEvent, useState } from 'react';
import { useElementSize } from '@mantine/hooks';
import { duration } from '../../lib/format';
import { logScale, logTicks } from '../../lib/scale';
import type { Selection } from '../../lib/selection';
import type { Found } from '../../lib/tempo';
import { type Window, clock } from '../../lib/time';

const HEIGHT = 120;
const LEFT = 56;
const BOTTOM = 18;
const DRAG_MIN_PX = 5;

/** Each trace a dot, time across and duration up (logarithmic): outliers and outages are shapes. */
type Props = { found: readonly Found[]; window: Window; onOpen: (id: string) => void; loading: boolean; selection: Selection | undefined; onSelect: (selection: Selection) => void };

export function Scatter({ found, window, onOpen, loading, selection, onSelect }: Props) {
  const [drag, setDrag] = useState<{ x: number; y: number; toX: number; toY: number }>();
  const { ref, width } = useElementSize<HTMLDivElement>();
  const inner = Math.max(0, width - LEFT - 16);
  const durations = found.map((one) => Math.max(one.durationMs, 0.01));
  const low = Math.min(...durations, 10);
  const high = Math.max(...durations, low * 10);
  const y = logScale(low / 1.3, high * 1.3, HEIGHT - BOTTOM - 4, 8);
  const { startMs, endMs } = window;
  // A trace may have started just outside of the window that found it.
  const x = (ms: number) => LEFT + Math.min(1, Math.max(0, (ms - startMs) / (endMs - startMs))) * inner;
  const [bottom, top] = [Math.log(low / 1.3), Math.log(high * 1.3)];
  const timeAt = (px: number) => startMs + Math.min(1, Math.max(0, (px - LEFT) / Math.max(1, inner))) * (endMs - startMs);
  // The scale's own inverse: logarithmic from the foot of the plot to its top.
  const durationAt = (py: number) => Math.exp(bottom + (1 - Math.min(1, Math.max(0, (py - 8) / (HEIGHT - BOTTOM - 12)))) * (top - bottom));
  const at = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const handlers = {
    onPointerDown: (event: PointerEvent<SVGSVGElement>) => (event.button === 0 ? setDrag({ ...at(event), toX: at(event).x, toY: at(event).y }) : undefined),
    onPointerMove: (event: PointerEvent<SVGSVGElement>) => {
      if (!drag) return;
      const { x: toX, y: toY } = at(event);
      if (event.buttons === 0) setDrag(undefined);
      else setDrag({ ...drag, toX, toY });
      if (Math.abs(toX - drag.x) >= DRAG_MIN_PX && !event.currentTarget.hasPointerCapture(event.pointerId)) event.currentTarget.setPointerCapture(event.pointerId);
    },
    onPointerUp: () => {
      if (drag && Math.abs(drag.toX - drag.x) >= DRAG_MIN_PX && Math.abs(drag.toY - drag.y) >= DRAG_MIN_PX) {
        onSelect({ fromMs: timeAt(Math.min(drag.x, drag.toX)), toMs: timeAt(Math.max(drag.x, drag.toX)), minMs: durationAt(Math.max(drag.y, drag.toY)), maxMs: durationAt(Math.min(drag.y, drag.toY)) });
      }
      setDrag(undefined);
    },
  };
  const box = drag ? { x: Math.min(drag.x, drag.toX), y: Math.min(drag.y, drag.toY), width: Math.abs(drag.toX - drag.x), height: Math.abs(drag.toY - drag.y) } : selection ? { x: x(selection.fromMs), y: y(selection.maxMs), width: x(selection.toMs) - x(selection.fromMs), height: Math.max(1, y(selection.minMs) - y(selection.maxMs)) } : undefined;
  return (
    <div ref={ref} className="scatter" data-loading={loading}>
      <svg width={width} height={HEIGHT} role="img" aria-label="Duration of traces over time" {...handlers}>
        {logTicks(low / 1.3, high * 1.3).map((tick) => (
          <g key={tick}>
            <line x1={LEFT} x2={LEFT + inner} y1={y(tick)} y2={y(tick)} stroke="var(--line)" />
            <text x={LEFT - 8} y={y(tick)} textAnchor="end" dominantBaseline="middle" className="axis-text">
              {duration(tick)}
            </text>
          </g>
        ))}
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <text key={part} x={LEFT + part * inner} y={HEIGHT - 4} textAnchor={part === 0 ? 'start' : part === 1 ? 'end' : 'middle'} className="axis-text">
            {clock(startMs + part * (endMs - startMs))}
          </text>
        ))}
        {width > 0
          ? found.map((one) => {
              const failed = one.services.some((service) => service.errors > 0);
              return (
                <Tooltip key={one.traceId} openDelay={0} label={`${one.rootService} ${one.rootName}, ${duration(one.durationMs)}${failed ? ', with errors' : ''}`}>
                  <g className="dot" transform={`translate(${x(one.startMs)} ${y(Math.max(one.durationMs, 0.01))})`} onClick={() => onOpen(one.traceId)}>
                    {failed ? <path d="M0-5 4.6 3.5H-4.6z" fill="var(--bar-error)" /> : <circle r={3.4} fill="var(--accent)" fillOpacity={0.55} />}
                  </g>
                </Tooltip>
              );
            })
          : null}
        {box ? <rect {...box} className="brush" /> : null}
      </svg>
    </div>
  );
}
