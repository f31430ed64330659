import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { AppLink } from '../../components/AppLink';
import { Panel } from '../../components/Panel';
import { SearchBox } from '../../components/SearchBox';
import { Empty, Failure, Rows } from '../../components/States';
import { useListKeys } from '../../components/useListKeys';
import { emptyDashboard } from '../../lib/dash/model';
import * as dashboards from '../../lib/dashboards';
import { ago } from '../../lib/time';
import { useRange } from '../../state/range';
import { useGo, useSearchAll, useSetSearch } from '../../state/search';
import { ImportDialog } from './ImportDialog';

export default function DashboardsPage() {
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const go = useGo();
  const found = useQuery({ queryKey: ['dashboards', 'listing'], queryFn: ({ signal }) => dashboards.listing(signal) });
  const { error, refetch } = found;
  const data = found.data?.dashboards;
  const [naming, setNaming] = useState(false);
  const text = search.text ?? '';
  const shown = useMemo(() => filtered(data ?? [], text), [data, text]);
  const folders = useMemo(() => byFolder(shown), [shown]);
  const ordered = folders.flatMap(([, list]) => list);
  const { active } = useListKeys(
    ordered.length,
    (index) => go(`/dashboards/${ordered[index]?.uid ?? ''}`, { from: '', to: '' }),
    (index) => document.querySelectorAll('[data-row]')[index]?.scrollIntoView({ block: 'nearest' }),
  );
  return (
    <div className="page">
      <div className="alerts-bar">
        <SearchBox label="Find a dashboard" value={text} onSubmit={(value) => setSearch({ text: value || undefined }, 'replace')} placeholder="title, folder or tag" />
        <Button variant="default" onClick={() => setSearch({ import: '1' })}>Import</Button>
        <Button onClick={() => setNaming(true)}>New dashboard</Button>
      </div>
      {(found.data?.problems ?? []).map((problem) => <p key={problem} className="span-error mono">{problem}</p>)}
      {data ? (
        folders.length ? (
          folders.map(([folder, list]) => (
            <Panel key={folder} title={folder || 'Dashboards'} side={`${list.length}`}>
              <table className="table">
                <tbody>
                  {list.map((one) => (
                    <Row key={one.uid} one={one} active={ordered[active]?.uid === one.uid} />
                  ))}
                </tbody>
              </table>
            </Panel>
          ))
        ) : (
          <Empty title={data.length ? 'No dashboard matches' : 'There are no dashboards'}>Make a new one, or import one as Grafana exports it.</Empty>
        )
      ) : error ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <Rows count={8} />
      )}
      <NewDialog opened={naming} onClose={() => setNaming(false)} />
      <ImportDialog opened={search.import === '1'} known={data ?? []} onClose={() => setSearch({ import: undefined }, 'replace')} />
    </div>
  );
}

function Row({ one, active }: { one: dashboards.Summary; active: boolean }) {
  const { nowMs } = useRange();
  return (
    <tr className="row-link" data-row data-active={active}>
      <td className="clip">
        <AppLink to="/dashboards/$uid" params={{ uid: one.uid }} search={{ from: '', to: '' }} className="row-target">{one.title}</AppLink>
      </td>
      <td className="clip" style={{ width: '34%' }}>
        <span className="chips">{one.tags.slice(0, 6).map((tag) => <span key={tag} className="chip">{tag}</span>)}</span>
      </td>
      <td className="muted num wide" style={{ width: 150 }}>{one.shipped ? 'ships with Signalbox' : `${ago(one.updated_ms, nowMs)}, v${one.version}`}</td>
    </tr>
  );
}

function filtered(all: readonly dashboards.Summary[], text: string): dashboards.Summary[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((one) => {
    const said = `${one.title} ${one.folder} ${one.tags.join(' ')}`.toLowerCase();
    return words.every((word) => said.includes(word));
  });
}

function byFolder(all: readonly dashboards.Summary[]): [string, dashboards.Summary[]][] {
  const folders = new Map<string, dashboards.Summary[]>();
  for (const one of [...all].sort((a, b) => a.title.localeCompare(b.title))) folders.set(one.folder, [...(folders.get(one.folder) ?? []), one]);
  return [...folders].sort(([a], [b]) => a.localeCompare(b));
}

function NewDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const go = useGo();
  const client = useQueryClient();
  const [title, setTitle] = useState('');
  const [folder, setFolder] = useState('');
  const uid = `${dashboards.uidOf(title)}-${Date.now().toString(36).slice(-5)}`;
  const create = useMutation({
    mutationFn: () => dashboards.save(uid, { model: emptyDashboard(title.trim()), folder: folder.trim(), message: 'created', version: 0 }),
    onSuccess: (saved) => {
      void client.invalidateQueries({ queryKey: ['dashboards'] });
      onClose();
      go(`/dashboards/${saved.uid}`, { from: '', to: '', edit: '1' });
    },
  });
  return (
    <Modal opened={opened} onClose={onClose} title="New dashboard">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (title.trim()) create.mutate();
        }}
      >
        <TextInput label="Title" value={title} onChange={(event) => setTitle(event.currentTarget.value)} data-autofocus size="sm" />
        <TextInput label="Folder" value={folder} onChange={(event) => setFolder(event.currentTarget.value)} mt="sm" size="sm" placeholder="none" />
        {create.error ? <p className="span-error">{create.error.message}</p> : null}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>Cancel</Button>
          <Button type="submit" disabled={!title.trim()} loading={create.isPending}>Create</Button>
        </Group>
      </form>
    </Modal>
  );
}
