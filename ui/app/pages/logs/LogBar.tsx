import { Button, Select, Tooltip } from '@mantine/core';
import { Icon } from '../../components/Icon';
import { QueryField } from '../../components/editor/QueryField';
import { SearchBox } from '../../components/SearchBox';
import { type Term, encodeTerms } from '../../lib/logql';
import type { Search } from '../../lib/search';
import { useServiceNames } from '../../state/queries';
import { useSetSearch } from '../../state/search';
import { filtersOf } from './useLogs';
import { LogMenu } from './LogMenu';
import type { Tail } from './useTail';

const LEVELS = [
  { value: 'error', label: 'Error and worse' },
  { value: 'warn', label: 'Warning and worse' },
  { value: 'info', label: 'Info and worse' },
];

/** Either simple filters or LogQL; switching to LogQL starts from what the filters say. */
export function LogBar({ search, query, tail }: { search: Search; query: string; tail: Tail }) {
  const setSearch = useSetSearch();
  const written = search.q !== undefined;
  const edit = () => setSearch(written ? { q: undefined } : { q: query, service: undefined, level: undefined, text: undefined, terms: undefined });
  return (
    <div className="querybar">
      {written ? (
        <QueryField language="logql" search value={query} onSubmit={(q) => setSearch({ q, line: undefined })} />
      ) : (
        <Filters search={search} />
      )}
      <Button variant={written ? 'light' : 'default'} onClick={edit} aria-pressed={written}>
        LogQL
      </Button>
      <Tooltip label={tail.dropped ? `${tail.dropped} lines were dropped: too fast to follow` : 'Follow new lines'}>
        <Button
          variant={search.tail ? 'filled' : 'default'}
          aria-pressed={search.tail === '1'}
          leftSection={<Icon name={search.tail ? 'pause' : 'play'} size={12} />}
          onClick={() => setSearch({ tail: search.tail ? undefined : '1', line: undefined }, 'replace')}
        >
          {tail.state === 'reconnecting' ? 'Reconnecting' : 'Tail'}
        </Button>
      </Tooltip>
      <Views search={search} />
      <LogMenu query={query} />
      {written ? null : <Terms search={search} query={query} onEdit={edit} />}
    </div>
  );
}

/** Lines or patterns; and of the lines, wrapped and with the fields beside them. */
function Views({ search }: { search: Search }) {
  const setSearch = useSetSearch();
  const toggle = (key: string, value = '1') => setSearch({ [key]: search[key] ? undefined : value }, 'replace');
  return (
    <Button.Group>
      <Button variant={search.view === 'patterns' ? 'light' : 'default'} aria-pressed={search.view === 'patterns'} onClick={() => toggle('view', 'patterns')}>Patterns</Button>
      <Button variant={search.fields ? 'light' : 'default'} aria-pressed={search.fields === '1'} onClick={() => toggle('fields')}>Fields</Button>
      <Button variant={search.wrap ? 'light' : 'default'} aria-pressed={search.wrap === '1'} onClick={() => toggle('wrap')}>Wrap</Button>
    </Button.Group>
  );
}

function Filters({ search }: { search: Search }) {
  const setSearch = useSetSearch();
  const names = useServiceNames();
  const { service, level } = filtersOf(search);
  const services = service && !names.includes(service) ? [service, ...names] : names;
  return (
    <>
      <Select
        aria-label="Service"
        placeholder="All services"
        data={services}
        value={service || null}
        onChange={(value) => setSearch({ service: value ?? undefined, line: undefined })}
        searchable
        clearable
        w={168}
        nothingFoundMessage="No such service"
      />
      <Select aria-label="Level" placeholder="All levels" data={LEVELS} value={level || null} onChange={(value) => setSearch({ level: value ?? undefined, line: undefined })} clearable w={152} />
      <SearchBox label="Text" value={search.text ?? ''} onSubmit={(text) => setSearch({ text: text || undefined, line: undefined })} placeholder="words, “a phrase”, -without" />
    </>
  );
}

function Terms({ search, query, onEdit }: { search: Search; query: string; onEdit: () => void }) {
  const setSearch = useSetSearch();
  const { terms } = filtersOf(search);
  const without = (gone: Term) => setSearch({ terms: encodeTerms(terms.filter((term) => term !== gone)) || undefined });
  return (
    <div className="terms">
      {terms.map((term) => (
        <span className="chip" key={`${term.key}${term.op}${term.value}`}>
          <b>{term.key}</b>
          {term.op}
          <span className="clip">{term.value}</span>
          <button type="button" aria-label={`Remove ${term.key}`} onClick={() => without(term)}>
            ×
          </button>
        </span>
      ))}
      <button type="button" className="as-query mono clip" title="Edit as LogQL" onClick={onEdit}>
        {query}
      </button>
    </div>
  );
}

