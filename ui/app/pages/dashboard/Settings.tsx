import { Button, Checkbox, SegmentedControl, Select, TagsInput, TextInput, Textarea } from '@mantine/core';
import { useState } from 'react';
import { type Json, num, str, strs } from '../../lib/dash/json';
import type { Dashboard, Variable } from '../../lib/dash/model';
import { readDashboard } from '../../lib/dash/migrate';
import { REFRESH } from '../../lib/time';
import { JsonField } from './editor/JsonField';
import type { DialogProps } from './Dialogs';

type Change = (make: (now: Dashboard) => Dashboard) => void;

export function Settings({ dashboard, editing, variables }: DialogProps) {
  const [tab, setTab] = useState('general');
  const problems = new Map(variables.list.map((one) => [one.variable.name, one.error]));
  return (
    <div className="settings">
      <SegmentedControl value={tab} onChange={setTab} data={[{ value: 'general', label: 'General' }, { value: 'variables', label: `Variables ${dashboard.templating.list.length}` }, { value: 'links', label: 'Links and annotations' }, { value: 'json', label: 'JSON model' }]} />
      {tab === 'general' ? <General dashboard={dashboard} change={editing.change} /> : null}
      {tab === 'variables' ? <VariableList dashboard={dashboard} change={editing.change} problems={problems} /> : null}
      {tab === 'links' ? (
        <>
          <h3 className="section-title">Links</h3>
          <JsonField label="Links" value={dashboard.links} rows={7} onApply={(links) => editing.change((now) => ({ ...now, links: links as Json[] }))} />
          <h3 className="section-title">Annotations</h3>
          <JsonField label="Annotations" value={dashboard.annotations.list} rows={9} onApply={(list) => editing.change((now) => ({ ...now, annotations: { list: list as Json[] } }))} />
        </>
      ) : null}
      {tab === 'json' ? <JsonField label="JSON model" value={dashboard} rows={24} onApply={(next) => editing.change(() => readDashboard(next))} /> : null}
      <p className="muted">Changes count for this page until they are saved (Edit, Save).</p>
    </div>
  );
}

function General({ dashboard, change }: { dashboard: Dashboard; change: Change }) {
  const set = (patch: Partial<Dashboard>) => change((now) => ({ ...now, ...patch }) as Dashboard);
  return (
    <div className="settings-form">
      <TextInput label="Title" value={dashboard.title} onChange={(event) => set({ title: event.currentTarget.value })} />
      <Textarea label="Description" size="xs" value={str(dashboard.description)} onChange={(event) => set({ description: event.currentTarget.value })} />
      <TagsInput label="Tags" size="xs" value={strs(dashboard.tags)} onChange={(tags) => set({ tags })} />
      <TextInput label="From" value={dashboard.time.from} onChange={(event) => set({ time: { ...dashboard.time, from: event.currentTarget.value } })} />
      <TextInput label="To" value={dashboard.time.to} onChange={(event) => set({ time: { ...dashboard.time, to: event.currentTarget.value } })} />
      <Select label="Refresh" data={REFRESH.filter((one) => one.value !== 'off').map(({ value, label }) => ({ value, label }))} value={str(dashboard.refresh) || null} placeholder="off" onChange={(value) => set({ refresh: value ?? '' })} clearable />
      <Checkbox size="xs" label="One cursor for all panels" checked={(num(dashboard.graphTooltip) ?? 0) > 0} onChange={(event) => set({ graphTooltip: event.currentTarget.checked ? 1 : 0 })} />
    </div>
  );
}

const TYPES = ['query', 'custom', 'textbox', 'constant', 'interval', 'datasource', 'adhoc'];

function VariableList({ dashboard, change, problems }: { dashboard: Dashboard; change: Change; problems: ReadonlyMap<string, string | undefined> }) {
  const set = (make: (list: Variable[]) => Variable[]) => change((now) => ({ ...now, templating: { list: make(now.templating.list) } }));
  const patch = (at: number, next: Json) => set((list) => list.map((one, i) => (i === at ? ({ ...one, ...next } as Variable) : one)));
  return (
    <div className="queries">
      {dashboard.templating.list.map((one, i) => (
        <div key={i} className="query-row">
          <div className="query-row-options">
            <TextInput label="Name" value={one.name} onChange={(event) => patch(i, { name: event.currentTarget.value.replace(/\W/g, '_') })} w={130} />
            <TextInput label="Label" value={str(one.label)} onChange={(event) => patch(i, { label: event.currentTarget.value })} w={130} />
            <Select label="Type" data={TYPES} value={one.type} onChange={(type) => patch(i, { type: type ?? 'query' })} w={120} allowDeselect={false} />
            <TextInput label={one.type === 'custom' ? 'Values' : 'Query'} value={typeof one.query === 'string' ? one.query : str((one.query as Json | undefined)?.query)} placeholder="label_values(up, job)" onChange={(event) => patch(i, { query: event.currentTarget.value })} style={{ flex: 1, minWidth: 200 }} styles={{ input: { fontFamily: 'var(--mono)' } }} error={problems.get(one.name)} />
            <TextInput label="Regex" value={str(one.regex)} onChange={(event) => patch(i, { regex: event.currentTarget.value })} w={130} />
          </div>
          <div className="query-row-options">
            <Checkbox size="xs" label="Several" checked={one.multi === true} onChange={(event) => patch(i, { multi: event.currentTarget.checked })} />
            <Checkbox size="xs" label="All" checked={one.includeAll === true} onChange={(event) => patch(i, { includeAll: event.currentTarget.checked })} />
            <Checkbox size="xs" label="Hidden" checked={one.hide === 2} onChange={(event) => patch(i, { hide: event.currentTarget.checked ? 2 : 0 })} />
            <Button size="compact-xs" variant="default" ml="auto" onClick={() => set((list) => list.filter((_, at) => at !== i))}>Remove</Button>
          </div>
        </div>
      ))}
      <Button variant="default" onClick={() => set((list) => [...list, { name: `variable${list.length + 1}`, type: 'query', query: '', refresh: 2, sort: 1, datasource: { type: 'prometheus', uid: 'signalbox' } }])}>Add a variable</Button>
    </div>
  );
}
