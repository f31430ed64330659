import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { Chart } from '../../components/Chart';
import { Panel } from '../../components/Panel';
import { Empty, Failure, FailureLine, Rows } from '../../components/States';
import { align } from '../../lib/align';
import { duration } from '../../lib/format';
import { niceStep, queryRange } from '../../lib/prom';
import { useRange } from '../../state/range';
import { useSearchAll, useSetSearch } from '../../state/search';
import { MetricBrowser } from './MetricBrowser';
import { QueryField } from '../../components/editor/QueryField';
import { SeriesTable } from './SeriesTable';

const POINTS_WANTED = 300;
/** More lines than this are a carpet: the first are drawn, all are counted. */
const SERIES_MAX = 60;
const CHART_HEIGHT = 300;

export default function MetricsPage() {
  const search = useSearchAll();
  const setSearch = useSetSearch();
  // Alerts carry a `generatorURL` that says `query`.
  const query = search.q ?? search.query ?? '';
  const browsing = search.names !== '0';
  return (
    <div className="metrics" data-browsing={browsing}>
      {browsing ? <MetricBrowser onPick={(name) => setSearch({ q: suggestion(name), query: undefined })} current={query} /> : null}
      <div className="page">
        <div className="metrics-query">
          <QueryField language="promql" search value={query} onSubmit={(q) => setSearch({ q: q || undefined, query: undefined })} />
          <Button variant="default" onClick={() => setSearch({ names: browsing ? '0' : undefined }, 'replace')} aria-pressed={browsing}>
            Metrics
          </Button>
        </div>
        {query ? <Result query={query} /> : <Empty title="Choose a metric or write PromQL">Press / to go to the editor; Ctrl-Enter runs the query.</Empty>}
      </div>
    </div>
  );
}

/** A counter by itself says nothing; its rate does. */
function suggestion(name: string): string {
  const quoted = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) ? name : `{${JSON.stringify(name)}}`;
  if (/_(total|count|sum)$/.test(name)) return `rate(${quoted}[1m])`;
  if (name.endsWith('_bucket')) return `histogram_quantile(0.95, sum by (le) (rate(${quoted}[1m])))`;
  return quoted;
}

function Result({ query }: { query: string }) {
  const { window, setRange } = useRange();
  const [cursor, setCursor] = useState<number | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
  const stepS = niceStep(window.endMs - window.startMs, POINTS_WANTED);
  const result = useQuery({
    queryKey: ['metrics', query, window, stepS],
    queryFn: ({ signal }) => queryRange(query, window.startMs, window.endMs, stepS, signal),
  });
  const shown = useMemo(() => (result.data?.series ?? []).slice(0, SERIES_MAX), [result.data]);
  const data = useMemo(() => align(shown, stepS * 1000), [shown, stepS]);
  const retry = () => void result.refetch();
  if (!result.data) return result.error ? <Failure error={result.error} retry={retry} /> : <Rows count={10} />;
  const all = result.data.series.length;
  return (
    <Panel title="Result" side={`${all > SERIES_MAX ? `first ${SERIES_MAX} of ` : ''}${all} series, step ${duration(stepS * 1000)}`}>
      {result.error ? <FailureLine error={result.error} retry={retry} /> : null}
      {result.data.warnings.map((warning) => (
        <p key={warning} className="warning-line">{warning}</p>
      ))}
      {all === 0 ? (
        <Empty title="No series">Nothing matches in this time range.</Empty>
      ) : (
        <>
          <Chart
            data={data}
            startMs={window.startMs}
            endMs={window.endMs}
            height={CHART_HEIGHT}
            hidden={hidden}
            onCursor={setCursor}
            onZoom={(from, to) => setRange({ from: String(Math.round(from)), to: String(Math.round(to)) })}
          />
          <SeriesTable series={shown} data={data} cursor={cursor} hidden={hidden} onHidden={setHidden} />
        </>
      )}
    </Panel>
  );
}
