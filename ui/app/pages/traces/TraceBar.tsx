import { Button, Select } from '@mantine/core';
import { QueryField } from '../../components/editor/QueryField';
import { SearchBox } from '../../components/SearchBox';
import { ShareMenu } from '../../components/ShareMenu';
import type { Search } from '../../lib/search';
import { type TraceFilters, asTraceId, traceDuration } from '../../lib/traceql';
import { curlOf } from '../../lib/curl';
import { useServiceNames } from '../../state/queries';
import { useRange } from '../../state/range';
import { useGo, useSetSearch } from '../../state/search';

export function traceFiltersOf(search: Search): TraceFilters {
  const status = search.status === 'error' || search.status === 'ok' || search.status === 'unset' ? search.status : '';
  return { service: search.service ?? '', name: search.name ?? '', status, min: search.min ?? '', max: search.max ?? '' };
}

const STATUSES = [
  { value: 'error', label: 'Error' },
  { value: 'ok', label: 'Ok' },
  { value: 'unset', label: 'Unset' },
];

const DURATIONS = ['10ms', '50ms', '100ms', '250ms', '500ms', '1s', '2s', '5s', '10s'];

export function TraceBar({ search, query }: { search: Search; query: string }) {
  const setSearch = useSetSearch();
  const go = useGo();
  const { window } = useRange();
  const written = search.q !== undefined;
  /** A pasted id is an address, not a search. */
  const openOr = (text: string, otherwise: () => void) => {
    const id = asTraceId(text);
    if (id) go(`/trace/${id}`);
    else otherwise();
  };
  const swap = () =>
    setSearch(written ? { q: undefined } : { q: query, service: undefined, name: undefined, status: undefined, min: undefined, max: undefined });
  return (
    <div className="querybar">
      {written ? (
        <QueryField language="traceql" search value={query} onSubmit={(q) => openOr(q, () => setSearch({ q }))} />
      ) : (
        <Filters search={search} onName={(name) => openOr(name, () => setSearch({ name: name || undefined }))} />
      )}
      <Button variant={written ? 'light' : 'default'} onClick={swap} aria-pressed={written}>
        TraceQL
      </Button>
      <Button variant={search.view === 'flame' ? 'light' : 'default'} aria-pressed={search.view === 'flame'} onClick={() => setSearch({ view: search.view === 'flame' ? undefined : 'flame' }, 'replace')}>Flame graph</Button>
      <ShareMenu curl={() => curlOf('/api/search', { q: query, start: Math.floor(window.startMs / 1000), end: Math.ceil(window.endMs / 1000), limit: 200 })} />
      {written ? null : (
        <div className="terms">
          <button type="button" className="as-query mono clip" title="Edit as TraceQL" onClick={swap}>
            {query}
          </button>
        </div>
      )}
    </div>
  );
}

function Filters({ search, onName }: { search: Search; onName: (name: string) => void }) {
  const setSearch = useSetSearch();
  const names = useServiceNames();
  const filters = traceFiltersOf(search);
  const services = filters.service && !names.includes(filters.service) ? [filters.service, ...names] : names;
  return (
    <>
      <Select aria-label="Service" placeholder="All services" data={services} value={filters.service || null} onChange={(value) => setSearch({ service: value ?? undefined })} searchable clearable w={150} nothingFoundMessage="No such service" />
      <Select aria-label="Status" placeholder="Any status" data={STATUSES} value={filters.status || null} onChange={(value) => setSearch({ status: value ?? undefined })} clearable w={112} />
      <Select
        aria-label="Longer than"
        placeholder="Any duration"
        data={[...new Set([...DURATIONS, ...(traceDuration(filters.min) ? [filters.min] : [])])].map((value) => ({ value, label: `≥ ${value}` }))}
        value={traceDuration(filters.min) ? filters.min : null}
        onChange={(value) => setSearch({ min: value ?? undefined })}
        clearable
        w={122}
      />
      <SearchBox label="Span name or trace id" value={filters.name} onSubmit={onName} placeholder="span name, or a trace id" />
    </>
  );
}
