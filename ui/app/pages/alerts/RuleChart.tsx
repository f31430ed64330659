import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { Chart } from '../../components/Chart';
import { Empty, Failure, Rows } from '../../components/States';
import { align } from '../../lib/align';
import { thresholdOf, withoutComparison } from '../../lib/alerts';
import { type Series, niceStep, queryRange } from '../../lib/prom';
import { useRange } from '../../state/range';
import { useGo } from '../../state/search';

const SPAN_MS = 3_600_000;
const SERIES_MAX = 12;
const NO_HIDDEN: ReadonlySet<number> = new Set();

/** The left side of a rule's comparison over the last hour, with the value it is compared to as a line. */
export function RuleChart({ expr }: { expr: string }) {
  const { nowMs } = useRange();
  const go = useGo();
  const [, setCursor] = useState<number | null>(null);
  const left = withoutComparison(expr);
  const endMs = Math.floor(nowMs / 15_000) * 15_000;
  const startMs = endMs - SPAN_MS;
  const stepS = niceStep(SPAN_MS, 240);
  const found = useQuery({ queryKey: ['rule-chart', left, endMs], queryFn: ({ signal }) => queryRange(left, startMs, endMs, stepS, signal), staleTime: 15_000 });
  const threshold = thresholdOf(expr);
  const series = useMemo<Series[]>(() => {
    const shown = (found.data?.series ?? []).slice(0, SERIES_MAX);
    if (threshold === undefined || shown.length === 0) return shown;
    return [...shown, { labels: { threshold: String(threshold) }, points: [[startMs, threshold], [endMs, threshold]] }];
  }, [found.data, threshold, startMs, endMs]);
  const data = useMemo(() => joined(series, stepS * 1000), [series, stepS]);
  if (found.error) return <Failure error={found.error} />;
  if (!found.data) return <Rows count={4} height={30} />;
  if (series.length === 0) return <Empty title="The expression has no value in the last hour" />;
  const names = series.map((one) => (one.labels.threshold !== undefined ? `threshold ${one.labels.threshold}` : Object.entries(one.labels).filter(([key]) => key !== '__name__').map(([, value]) => value).join(' ') || 'value'));
  return <Chart data={data} startMs={startMs} endMs={endMs} height={150} hidden={NO_HIDDEN} names={names} onCursor={setCursor} onZoom={(from, to) => go('/metrics', { q: left, from: String(Math.round(from)), to: String(Math.round(to)) })} />;
}

/** A threshold has two points only; its line must not break at the gaps of others. */
function joined(series: readonly Series[], stepMs: number) {
  const data = align(series, stepMs);
  series.forEach((one, i) => {
    const level = one.labels.threshold;
    if (level !== undefined) data.values[i] = data.times.map(() => Number(level));
  });
  return data;
}
