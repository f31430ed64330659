import { Tooltip } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { memo } from 'react';
import { useBrush } from '../../components/useBrush';
import { type Bucket, stack, totals } from '../../lib/histogram';
import { count, integer } from '../../lib/format';
import { type Severity, severityColor } from '../../lib/severity';
import { clock, dateTime } from '../../lib/time';
import { useRange } from '../../state/range';

const HEIGHT = 72;

/** Lines over time by level. A click looks closer at one bar, a drag at a stretch of time. */
export const Histogram = memo(function Histogram({ buckets, loading, error }: { buckets: readonly Bucket[]; loading: boolean; error: Error | null }) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const { setRange } = useRange();
  const max = buckets.reduce((most, bucket) => Math.max(most, bucket.total), 0);
  const sums = totals(buckets);
  const all = sums.reduce((sum, one) => sum + one.count, 0);
  const step = buckets.length ? width / buckets.length : 0;
  const [first, last] = [buckets[0]?.startMs ?? 0, buckets.at(-1)?.endMs ?? 1];
  const brush = useBrush(width, (from, to) => setRange({ from: String(Math.round(first + from * (last - first))), to: String(Math.round(first + to * (last - first))) }));
  return (
    <div className="histogram" data-loading={loading}>
      <div className="histogram-legend">
        <span>
          <b>{error ? '–' : integer(all)}</b> <span className="muted">{error ? 'volume is not known' : 'lines'}</span>
        </span>
        {sums.map((one) => (
          <span key={one.severity} className="legend-item">
            <i style={{ background: `var(--bar-${one.severity})` }} />
            <span style={{ color: severityColor(one.severity) }}>{one.severity}</span> {count(one.count)}
          </span>
        ))}
        {max > 0 ? <span className="faint histogram-max">peak {count(max)} per bar</span> : null}
      </div>
      <div ref={ref} className="histogram-plot">
        <svg width={width} height={HEIGHT} role="img" aria-label="Lines over time by level" {...brush.handlers}>
          <line x1={0} x2={width} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} stroke="var(--line-strong)" />
          {buckets.map((bucket, i) =>
            bucket.total > 0 ? (
              <Tooltip key={bucket.startMs} label={<BucketText bucket={bucket} />} openDelay={0} multiline>
                <g className="bar" onClick={() => setRange({ from: String(bucket.startMs), to: String(bucket.endMs) })}>
                  <rect x={i * step} y={0} width={step} height={HEIGHT} fill="transparent" />
                  {stack(bucket, max, HEIGHT - 4).map((part) => (
                    <rect key={part.severity} x={i * step + 0.5} y={part.y + 3} width={Math.max(1, step - 1)} height={part.height} fill={`var(--bar-${part.severity})`} />
                  ))}
                </g>
              </Tooltip>
            ) : null,
          )}
          {brush.shown ? <rect x={brush.shown.x} y={0} width={brush.shown.width} height={HEIGHT} className="brush" /> : null}
        </svg>
      </div>
      <div className="histogram-axis faint">
        {axis(buckets).map((ms, i) => (
          <span key={`${i}-${ms}`}>{clock(ms)}</span>
        ))}
      </div>
    </div>
  );
});

function BucketText({ bucket }: { bucket: Bucket }) {
  return (
    <>
      <div>
        {dateTime(bucket.startMs)} – {clock(bucket.endMs)}
      </div>
      {(Object.entries(bucket.counts) as [Severity, number][]).map(([severity, n]) => (
        <div key={severity}>
          {severity}: {integer(n)}
        </div>
      ))}
    </>
  );
}

function axis(buckets: readonly Bucket[]): number[] {
  const first = buckets[0];
  const last = buckets.at(-1);
  if (!first || !last) return [];
  return [0, 0.25, 0.5, 0.75, 1].map((part) => first.startMs + part * (last.endMs - first.startMs));
}
