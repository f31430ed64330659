import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';
import { Empty, Failure, FailureLine, Rows } from '../../components/States';
import { useListKeys } from '../../components/useListKeys';
import * as tempo from '../../lib/tempo';
import { buildTraceQL } from '../../lib/traceql';
import type { Window } from '../../lib/time';
import { useRange } from '../../state/range';
import { useGo, useSearchAll, useSetSearch } from '../../state/search';
import { type Selection, parseSelection, selectionText, within } from '../../lib/selection';
import { Difference } from './Difference';
import { DurationHistogram } from './DurationHistogram';
import { ManyFlames } from './ManyFlames';
import { Scatter } from './Scatter';
import { TraceBar, traceFiltersOf } from './TraceBar';
import { TraceTable } from './TraceTable';

const LIMIT = 200;
const NONE: readonly tempo.Found[] = [];

export default function TracesPage() {
  const search = useSearchAll();
  const { window } = useRange();
  const go = useGo();
  const setSearch = useSetSearch();
  const query = search.q ?? buildTraceQL(traceFiltersOf(search));
  const result = useQuery({
    queryKey: ['traces', query, window],
    queryFn: ({ signal }) => tempo.search(query, window.startMs, window.endMs, LIMIT, signal),
  });
  const all = result.data ?? NONE;
  const selection = useMemo(() => parseSelection(search.sel), [search.sel]);
  const found = useMemo(() => (selection ? within(all, selection) : all), [all, selection]);
  const drawn = useMemo(() => (all.length >= LIMIT ? spread(all, window) : window), [all, window]);
  const select = useCallback((next: Selection) => setSearch({ sel: selectionText(next) }, 'replace'), [setSearch]);
  const open = useCallback((index: number) => {
    const row = found[index];
    if (row) go(`/trace/${row.traceId}`);
  }, [found, go]);
  const show = useCallback((index: number) => document.querySelectorAll('[data-row]')[index]?.scrollIntoView({ block: 'nearest' }), []);
  const { active } = useListKeys(found.length, open, show);
  const retry = () => void result.refetch();
  return (
    <div className="page-fixed">
      <TraceBar search={search} query={query} />
      <div className="scroll">
        {result.error && result.data ? <FailureLine error={result.error} retry={retry} /> : null}
        <div className="trace-charts">
          <Scatter found={all} window={drawn} onOpen={(id) => go(`/trace/${id}`)} loading={result.isPending && !result.error} selection={selection} onSelect={select} />
          <DurationHistogram found={all} window={drawn} selection={selection} onSelect={select} />
        </div>
        {selection ? <Difference selection={selection} query={query} matched={found.length} /> : null}
        {result.data ? (
          found.length ? (
            <>
              {search.view === 'flame' ? <ManyFlames found={found} /> : null}
              <TraceTable found={found} active={active} stale={result.isPlaceholderData} />
              <p className="faint end-note">
                {all.length >= LIMIT ? `The newest ${LIMIT} traces that match; narrow the search or the time range to see others.` : `${found.length} traces match.`}
              </p>
            </>
          ) : (
            <Empty title="No trace matches">Widen the time range, or take a filter away.</Empty>
          )
        ) : result.error ? (
          <Failure error={result.error} retry={retry} />
        ) : (
          <Rows count={14} />
        )}
      </div>
    </div>
  );
}

/** When only the newest are listed they would crowd at the right edge; then the chart spans what is listed. */
function spread(found: readonly tempo.Found[], window: Window): Window {
  const oldest = found.at(-1)?.startMs ?? window.startMs;
  return { startMs: Math.min(oldest, window.endMs - 1_000), endMs: window.endMs };
}
