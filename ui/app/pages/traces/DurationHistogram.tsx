import { Tooltip } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { memo, useMemo } from 'react';
import { useBrush } from '../../components/useBrush';
import { durationAt, durationsOf, shareOf } from '../../lib/durations';
import { duration, integer } from '../../lib/format';
import { logTicks } from '../../lib/scale';
import type { Selection } from '../../lib/selection';
import type { Found } from '../../lib/tempo';
import type { Window } from '../../lib/time';

const HEIGHT = 120;
const BOTTOM = 18;
const TOP = 8;
const FOOT = HEIGHT - BOTTOM - 4;

type Props = { found: readonly Found[]; window: Window; selection: Selection | undefined; onSelect: (selection: Selection) => void };

/** Traces by their duration (logarithmic). A click chooses one bar, a drag a stretch, at any time of the chart beside it. */
export const DurationHistogram = memo(function DurationHistogram({ found, window, selection, onSelect }: Props) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const { lowMs, highMs, bars } = useMemo(() => durationsOf(found), [found]);
  const most = bars.reduce((sum, bar) => Math.max(sum, bar.total), 0);
  const choose = (minMs: number, maxMs: number) => onSelect({ fromMs: window.startMs, toMs: window.endMs, minMs, maxMs });
  const brush = useBrush(width, (from, to) => choose(durationAt(from, lowMs, highMs), durationAt(to, lowMs, highMs)));
  const x = (ms: number) => shareOf(ms, lowMs, highMs) * width;
  const chosen = brush.shown ?? (selection && bars.length ? { x: x(selection.minMs), width: Math.max(1, x(selection.maxMs) - x(selection.minMs)) } : undefined);
  const step = bars.length ? width / bars.length : 0;
  const size = (count: number) => (count > 0 ? Math.max(1, (count / most) * (FOOT - TOP)) : 0);
  return (
    <div ref={ref} className="durations">
      <svg width={width} height={HEIGHT} role="img" aria-label="Traces by duration" {...brush.handlers}>
        <line x1={0} x2={width} y1={FOOT + 0.5} y2={FOOT + 0.5} stroke="var(--line-strong)" />
        {bars.map((bar, i) =>
          bar.total > 0 ? (
            <Tooltip key={i} openDelay={0} label={`${duration(bar.minMs)} – ${duration(bar.maxMs)}: ${integer(bar.total)} traces${bar.failed ? `, ${integer(bar.failed)} with errors` : ''}`}>
              <g className="bar" onClick={() => choose(bar.minMs, bar.maxMs)}>
                <rect x={i * step} y={TOP} width={step} height={FOOT - TOP} fill="transparent" />
                <rect x={i * step + 0.5} y={FOOT - size(bar.total)} width={Math.max(1, step - 1)} height={size(bar.total)} fill="var(--accent)" fillOpacity={0.55} />
                {bar.failed ? <rect x={i * step + 0.5} y={FOOT - size(bar.failed)} width={Math.max(1, step - 1)} height={size(bar.failed)} fill="var(--bar-error)" /> : null}
              </g>
            </Tooltip>
          ) : null,
        )}
        {(bars.length ? logTicks(lowMs, highMs) : []).map((tick) => (
          <text key={tick} x={Math.min(width - 14, Math.max(14, x(tick)))} y={HEIGHT - 4} textAnchor="middle" className="axis-text">{duration(tick)}</text>
        ))}
        {chosen ? <rect x={chosen.x} y={TOP} width={chosen.width} height={FOOT - TOP} className="brush" /> : null}
      </svg>
    </div>
  );
});
