import { Tooltip } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { duration } from '../../lib/format';
import { logScale, logTicks } from '../../lib/scale';
import type { Found } from '../../lib/tempo';
import { type Window, clock } from '../../lib/time';

const HEIGHT = 120;
const LEFT = 56;
const BOTTOM = 18;

/** Each trace a dot, time across and duration up (logarithmic): outliers and outages are shapes. */
export function Scatter({ found, window, onOpen, loading }: { found: readonly Found[]; window: Window; onOpen: (id: string) => void; loading: boolean }) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const inner = Math.max(0, width - LEFT - 16);
  const durations = found.map((one) => Math.max(one.durationMs, 0.01));
  const low = Math.min(...durations, 10);
  const high = Math.max(...durations, low * 10);
  const y = logScale(low / 1.3, high * 1.3, HEIGHT - BOTTOM - 4, 8);
  const { startMs, endMs } = window;
  // A trace may have started just outside of the window that found it.
  const x = (ms: number) => LEFT + Math.min(1, Math.max(0, (ms - startMs) / (endMs - startMs))) * inner;
  return (
    <div ref={ref} className="scatter" data-loading={loading}>
      <svg width={width} height={HEIGHT} role="img" aria-label="Duration of traces over time">
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
      </svg>
    </div>
  );
}
