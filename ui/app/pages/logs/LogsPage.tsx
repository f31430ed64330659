import { useCallback, useEffect, useMemo, useState } from 'react';
import { Empty, Failure, FailureLine, Rows } from '../../components/States';
import { useListKeys } from '../../components/useListKeys';
import { SERVICE_LABEL, encodeTerms, withTerm } from '../../lib/logql';
import type { Term } from '../../lib/logql';
import { useRange } from '../../state/range';
import { useSearchAll, useSetSearch } from '../../state/search';
import { patternFilter } from '../../lib/patterns';
import { FieldBar } from './FieldBar';
import { Histogram } from './Histogram';
import { LineDetail } from './LineDetail';
import { LineList, useScrollTo } from './LineList';
import { LogBar } from './LogBar';
import { filtersOf, queryOf, useLines, useVolume } from './useLogs';
import { Patterns } from './Patterns';
import { useTail } from './useTail';

export default function LogsPage() {
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const { hold } = useRange();
  const [scrolled, setScrolled] = useState(false);
  const query = queryOf(search);
  const tailing = search.tail === '1';
  const result = useLines(query);
  const volume = useVolume(query);
  const tail = useTail(query, tailing);
  const lines = tailing ? tail.lines : result.lines;
  const selected = search.line ? lines.find((line) => line.key === search.line) : undefined;

  const reading = scrolled || Boolean(selected);
  useEffect(() => {
    hold(reading);
    return () => hold(false);
  }, [reading, hold]);

  const close = useCallback(() => setSearch({ line: undefined }, 'replace'), [setSearch]);
  const open = useCallback((index: number) => setSearch({ line: lines[index]?.key }, search.line ? 'replace' : 'push'), [setSearch, lines, search.line]);
  const { ref, show } = useScrollTo();
  const { active, setActive } = useListKeys(lines.length, open, show);
  const openRow = useCallback((index: number) => {
    setActive(index);
    open(index);
  }, [setActive, open]);
  const addTerm = useCallback((term: Term) => setSearch({ ...termPatch(search, term), line: undefined }), [search, setSearch]);
  const columns = useMemo(() => (search.cols ? search.cols.split(',') : []), [search.cols]);
  const toggleColumn = useCallback((name: string) => setSearch({ cols: (columns.includes(name) ? columns.filter((one) => one !== name) : [...columns, name].slice(-6)).join(',') || undefined }, 'replace'), [columns, setSearch]);
  const retry = () => void result.refetch();

  const failure = result.error && !tailing ? result.error : undefined;
  return (
    <div className="page-fixed">
      <LogBar search={search} query={query} tail={tail} />
      <Histogram buckets={volume.buckets} loading={volume.isPending && volume.isFetching} error={volume.error} />
      <div className="logs-body" data-detail={selected ? true : undefined} data-fields={search.fields ? true : undefined}>
        {search.fields ? <FieldBar query={query} lines={lines} columns={columns} onColumn={toggleColumn} onTerm={addTerm} /> : null}
        <div className="logs-main">
        {failure && result.data ? <FailureLine error={failure} retry={retry} /> : null}
        {search.view === 'patterns' && !tailing ? (
          <Patterns query={query} onPattern={(pattern) => setSearch({ q: `${query} ${patternFilter(pattern)}`, view: undefined, service: undefined, level: undefined, text: undefined, terms: undefined })} />
        ) : lines.length > 0 ? (
          <LineList
            ref={ref}
            lines={lines}
            active={active}
            selected={selected?.key}
            stale={result.isPlaceholderData && !tailing}
            wrap={search.wrap === '1'}
            columns={columns}
            more={tailing ? undefined : result.more}
            onOpen={openRow}
            onScrolled={setScrolled}
          />
        ) : tailing ? (
          <Empty title={tail.state === 'reconnecting' ? 'The live tail is not connected' : 'Waiting for new lines'}>
            {tail.state === 'reconnecting' ? 'Trying again every two seconds.' : 'Lines appear here as they arrive, newest first.'}
          </Empty>
        ) : failure && !result.data ? (
          <Failure error={failure} retry={retry} />
        ) : result.isPending ? (
          <Rows count={20} height={24} />
        ) : (
          <Empty title="No line matches">Widen the time range, or take a filter away.</Empty>
        )}
        </div>
        {selected ? <LineDetail key={selected.key} line={selected} onClose={close} onTerm={addTerm} /> : null}
      </div>
    </div>
  );
}

/** A filter goes where the reader works: into the boxes, or into the query they wrote. */
function termPatch(search: Record<string, string>, term: Term): Record<string, string | undefined> {
  if (search.q) return { q: withTerm(search.q, term) };
  if (term.key === SERVICE_LABEL && term.op === '=') return { service: term.value };
  const { terms } = filtersOf(search);
  const others = terms.filter((one) => !(one.key === term.key && one.value === term.value));
  return { terms: encodeTerms([...others, term]) };
}
