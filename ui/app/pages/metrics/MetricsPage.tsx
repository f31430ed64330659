import { ActionIcon, Button, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { Icon } from '../../components/Icon';
import { QueryField } from '../../components/editor/QueryField';
import { Empty } from '../../components/States';
import { QUERIES_MAX, type Query, queriesOf, queriesPatch } from '../../lib/queries';
import { useSearchAll, useSetSearch } from '../../state/search';
import { MetricBrowser } from './MetricBrowser';
import { Result } from './Result';

export default function MetricsPage() {
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const queries = queriesOf(search);
  const browsing = search.names !== '0';
  const view = search.view === 'table' || search.view === 'heatmap' ? search.view : 'graph';
  const set = (list: readonly Query[], how: 'push' | 'replace' = 'push') => setSearch(queriesPatch(list), how);
  const change = (at: number, patch: Partial<Query>) => set(queries.map((one, i) => (i === at ? { ...one, ...patch } : one)));
  const asked = queries.filter((one) => one.text && !one.off);
  /** A chosen metric goes into the empty row, else it takes the place of the only one. */
  const pick = (name: string) => {
    const empty = queries.findIndex((one) => !one.text);
    change(empty >= 0 ? empty : queries.length - 1, { text: suggestion(name), off: false });
  };
  return (
    <div className="metrics" data-browsing={browsing}>
      {browsing ? <MetricBrowser onPick={pick} current={queries.map((one) => one.text).join(' ')} /> : null}
      <div className="page">
        {queries.map((one, i) => (
          <QueryRow key={one.key} query={one} letter={String.fromCharCode(65 + i)} alone={queries.length === 1} search={i === 0} onChange={(patch) => change(i, patch)} onRemove={() => set(queries.filter((_, at) => at !== i))} />
        ))}
        <div className="metrics-tools">
          {queries.length < QUERIES_MAX ? <Button variant="default" leftSection={<Icon name="plus" size={12} />} onClick={() => set([...queries, { key: `q${queries.length + 1}`, text: '', off: false }], 'replace')}>Query</Button> : null}
          <Button variant="default" onClick={() => setSearch({ names: browsing ? '0' : undefined }, 'replace')} aria-pressed={browsing}>Metrics</Button>
          <SegmentedControl value={view} onChange={(value) => setSearch({ view: value === 'graph' ? undefined : value }, 'replace')} data={[{ value: 'graph', label: 'Graph' }, { value: 'table', label: 'Table' }, { value: 'heatmap', label: 'Heatmap' }]} />
          {view === 'graph' ? <Button variant={search.ex === '0' ? 'default' : 'light'} aria-pressed={search.ex !== '0'} onClick={() => setSearch({ ex: search.ex === '0' ? undefined : '0' }, 'replace')}>Exemplars</Button> : null}
        </div>
        {asked.length ? <Result queries={asked} view={view} /> : <Empty title="Choose a metric or write PromQL">Press / to go to the editor; Enter runs the query.</Empty>}
      </div>
    </div>
  );
}

type RowProps = { query: Query; letter: string; alone: boolean; search: boolean; onChange: (patch: Partial<Query>) => void; onRemove: () => void };

function QueryRow({ query, letter, alone, search, onChange, onRemove }: RowProps) {
  const [text, setText] = useState(query.text);
  const run = (given: string) => onChange({ text: given });
  return (
    <div className="metrics-query">
      {alone ? null : (
        <Button variant={query.off ? 'default' : 'light'} px={9} aria-pressed={!query.off} aria-label={`Query ${letter}`} onClick={() => onChange({ off: !query.off })}>{letter}</Button>
      )}
      <QueryField language="promql" label={search ? 'PromQL' : `PromQL ${letter}`} search={search} value={query.text} onSubmit={run} onType={setText} />
      <Button onClick={() => run(text.trim())}>Run</Button>
      {alone ? null : <ActionIcon aria-label={`Remove query ${letter}`} onClick={onRemove}><Icon name="close" size={12} /></ActionIcon>}
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
