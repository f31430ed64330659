import { useElementSize } from '@mantine/hooks';
import { type UseQueryResult, useQueries } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { Chart } from '../../components/Chart';
import { CopyButton } from '../../components/CopyButton';
import { Panel } from '../../components/Panel';
import { Empty, Failure, Rows } from '../../components/States';
import { Heatmap } from '../../components/viz/Heatmap';
import { TableViz } from '../../components/viz/TableViz';
import { align } from '../../lib/align';
import { curlOf } from '../../lib/curl';
import type { Frame } from '../../lib/dash/frames';
import { asPanel } from '../../lib/dash/model';
import { promFrames } from '../../lib/dash/promFrames';
import { type Exemplar, exemplars } from '../../lib/exemplars';
import { duration } from '../../lib/format';
import { type Queried, type Series, niceStep, queryInstant, queryRange } from '../../lib/prom';
import { type Query, errorPosition } from '../../lib/queries';
import { useRange } from '../../state/range';
import { useSearchAll } from '../../state/search';
import { SeriesTable } from './SeriesTable';

const POINTS_WANTED = 300;
/** More lines than this are a carpet: the first are drawn, all are counted. */
const SERIES_MAX = 60;
const CHART_HEIGHT = 300;

export function Result({ queries, view }: { queries: readonly Query[]; view: 'graph' | 'table' | 'heatmap' }) {
  const { window } = useRange();
  const stepS = niceStep(window.endMs - window.startMs, POINTS_WANTED);
  const once = view === 'table';
  const { list, series } = useQueries({
    combine,
    queries: queries.map((query) => ({
      queryKey: ['metrics', query.text, window, stepS, once],
      queryFn: ({ signal }: { signal: AbortSignal }) => (once ? queryInstant(query.text, window.endMs, signal) : queryRange(query.text, window.startMs, window.endMs, stepS, signal)),
    })),
  });
  const search = useSearchAll();
  const wanted = view === 'graph' && search.ex !== '0';
  const found = useQueries({
    combine: exemplarsOf,
    queries: queries.map((query) => ({ queryKey: ['exemplars', query.text, window], queryFn: ({ signal }: { signal: AbortSignal }) => exemplars(query.text, window.startMs, window.endMs, signal), enabled: wanted, retry: false })),
  });
  const failed = list.flatMap((one, i) => (one.error ? [{ error: one.error, text: queries[i]?.text ?? '', name: queries[i]?.key ?? '', retry: () => void one.refetch() }] : []));
  const known = list.filter((one) => one.data);
  const warnings = [...new Set(list.flatMap((one) => one.data?.warnings ?? []))];
  const letters = queries.map((one) => (one.key === 'q' ? 'A' : String.fromCharCode(64 + Number(one.key.slice(1))))).join(',');
  const params = once ? { query: queries[0]?.text, time: window.endMs / 1000 } : { query: queries[0]?.text, start: window.startMs / 1000, end: window.endMs / 1000, step: stepS };
  return (
    <>
      {failed.map((one) => <Mistake key={one.name} error={one.error} text={one.text} retry={one.retry} />)}
      {known.length === 0 && failed.length === 0 ? <Rows count={10} /> : null}
      {known.length > 0 ? (
        <Panel
          title="Result"
          side={
            <>
              {view === 'table' ? null : `step ${duration(stepS * 1000)}`}
              <CopyButton text={curlOf(once ? '/api/v1/query' : '/api/v1/query_range', params)} label="Copy as curl" />
            </>
          }
        >
          {warnings.map((warning) => (
            <p key={warning} className="warning-line">{warning}</p>
          ))}
          <Drawn results={series} letters={letters} view={view} stepS={stepS} found={wanted ? found : NO_EXEMPLARS} />
        </Panel>
      ) : null}
    </>
  );
}

/** Stable, so that the series stay the same objects until a query answers anew. */
function combine(list: UseQueryResult<Queried>[]) {
  return { list, series: list.map((one) => one.data?.series ?? []) };
}

/** What a query of something else than a histogram has none of is no error here. */
function exemplarsOf(list: UseQueryResult<Exemplar[]>[]) {
  return list.flatMap((one) => one.data ?? []);
}

const NO_EXEMPLARS: Exemplar[] = [];

/** The error, and the place in the query it speaks of. */
function Mistake({ error, text, retry }: { error: Error; text: string; retry: () => void }) {
  const at = errorPosition(error.message, text);
  return (
    <Panel title="Error">
      {at === undefined ? null : (
        <pre className="mistake" aria-label="Where the mistake is">
          {text.slice(0, at)}
          <mark>{text.slice(at, at + 1) || '⏎'}</mark>
          {text.slice(at + 1)}
        </pre>
      )}
      <Failure error={error} retry={retry} />
    </Panel>
  );
}

function Drawn({ results, letters, view, stepS, found }: { results: Series[][]; letters: string; view: 'graph' | 'table' | 'heatmap'; stepS: number; found: readonly Exemplar[] }) {
  const { window, setRange } = useRange();
  const { ref, width } = useElementSize<HTMLDivElement>();
  const [cursor, setCursor] = useState<number | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
  const several = results.length > 1;
  const all = useMemo(() => results.flatMap((series, i) => (several ? series.map((one) => ({ ...one, labels: { query: letters.split(',')[i] ?? '', ...one.labels } })) : series)), [results, letters, several]);
  const shown = useMemo(() => all.slice(0, SERIES_MAX), [all]);
  const data = useMemo(() => align(shown, stepS * 1000), [shown, stepS]);
  const frames = useMemo<Frame[]>(() => promFrames(view === 'table' ? all : (results[0] ?? []), { refId: 'A', format: view === 'table' ? 'table' : 'heatmap', legend: '', stepMs: stepS * 1000, several: false, endMs: window.endMs }), [view, all, results, stepS, window.endMs]);
  const zoom = (from: number, to: number) => setRange({ from: String(Math.round(from)), to: String(Math.round(to)) });
  if (all.length === 0) return <Empty title="No series">Nothing matches in this time range.</Empty>;
  if (view !== 'graph') {
    const Viz = view === 'table' ? TableViz : Heatmap;
    const heat = frames[0]?.meta?.kind === 'heatmap';
    if (view === 'heatmap' && !heat) return <Empty title="These are no buckets of a histogram">A heatmap wants series by le, like sum by (le) (increase(…_bucket[1m])).</Empty>;
    return (
      <div ref={ref} style={{ height: 420, padding: 8 }}>
        {width > 0 ? <Viz panel={PLAIN} frames={frames} width={width} height={404} startMs={window.startMs} endMs={window.endMs} scope={NO_SCOPE} marks={[]} sync={undefined} onZoom={zoom} /> : null}
      </div>
    );
  }
  return (
    <>
      {all.length > SERIES_MAX ? <p className="warning-line">The first {SERIES_MAX} of {all.length} series are drawn.</p> : null}
      <Chart data={data} startMs={window.startMs} endMs={window.endMs} height={CHART_HEIGHT} hidden={hidden} exemplars={found} onCursor={setCursor} onZoom={zoom} />
      <SeriesTable series={shown} data={data} cursor={cursor} hidden={hidden} onHidden={setHidden} />
    </>
  );
}

const PLAIN = asPanel({ type: 'table', options: {} }, 1);
const NO_SCOPE = { values: new Map(), builtins: {} };
