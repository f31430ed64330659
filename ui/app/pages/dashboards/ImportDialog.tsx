import '../../styles/dashboards.css';
import { Button, Group, Modal, TextInput, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { ReportTable } from '../../components/ReportTable';
import { ApiError } from '../../lib/api';
import { str } from '../../lib/dash/json';
import { readDashboard } from '../../lib/dash/migrate';
import type { Dashboard } from '../../lib/dash/model';
import { reportOf } from '../../lib/dash/report';
import * as dashboards from '../../lib/dashboards';
import { useGo } from '../../state/search';

type Read = { dashboard: Dashboard } | { problem: string } | undefined;

/** A dashboard as Grafana exports it, by file or paste; how faithful it will be shown is told before it is saved. */
export function ImportDialog({ opened, known, onClose }: { opened: boolean; known: readonly dashboards.Summary[]; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Import a dashboard" size="xl">
      {opened ? <Form known={known} onClose={onClose} /> : null}
    </Modal>
  );
}

function Form({ known, onClose }: { known: readonly dashboards.Summary[]; onClose: () => void }) {
  const go = useGo();
  const client = useQueryClient();
  const [text, setText] = useState('');
  const [folder, setFolder] = useState('');
  const read = useMemo<Read>(() => parse(text), [text]);
  const dashboard = read && 'dashboard' in read ? read.dashboard : undefined;
  const report = useMemo(() => (dashboard ? reportOf(dashboard) : undefined), [dashboard]);
  const uid = dashboard ? dashboards.uidOf(str(dashboard.uid) || dashboard.title) : '';
  const replaced = known.find((one) => one.uid === uid);
  const save = useMutation({
    mutationFn: (model: Dashboard) => dashboards.save(uid, { model: { ...model, uid }, folder: folder.trim() || replaced?.folder || '', message: 'imported' }),
    onSuccess: (saved) => {
      void client.invalidateQueries({ queryKey: ['dashboards'] });
      void client.invalidateQueries({ queryKey: ['dashboard', saved.uid] });
      onClose();
      go(`/dashboards/${saved.uid}`, { from: '', to: '' });
    },
  });
  const problem = read && 'problem' in read ? read.problem : save.error ? (save.error instanceof ApiError ? save.error.message : String(save.error)) : '';
  return (
    <>
      <Group mb="xs" gap="sm">
        <label className="file-pick">
          Choose a file
          <input type="file" accept=".json,application/json" onChange={(event) => void event.currentTarget.files?.[0]?.text().then(setText)} />
        </label>
        <span className="muted">or paste what “Export” or “JSON model” gives.</span>
      </Group>
      <Textarea aria-label="Dashboard JSON" value={text} onChange={(event) => setText(event.currentTarget.value)} rows={dashboard ? 3 : 8} styles={{ input: { fontFamily: 'var(--mono)', fontSize: 12 } }} spellCheck={false} data-autofocus />
      {problem ? <p className="span-error" role="alert">{problem}</p> : null}
      {dashboard && report ? (
        <>
          <h3 className="section-title">{dashboard.title}</h3>
          <ReportTable report={report} height={300} />
          {replaced ? <p className="muted">{replaced.shipped ? `“${replaced.title}”, which ships with Signalbox, will be covered by this one.` : `There is a dashboard with this uid: “${replaced.title}” gets a new version.`}</p> : null}
          <Group justify="flex-end" mt="sm">
            <TextInput aria-label="Folder" placeholder="Folder (none)" value={folder} onChange={(event) => setFolder(event.currentTarget.value)} />
            <Button onClick={() => save.mutate(dashboard)} loading={save.isPending}>Import</Button>
          </Group>
        </>
      ) : null}
    </>
  );
}

function parse(text: string): Read {
  if (!text.trim()) return undefined;
  try {
    return { dashboard: readDashboard(JSON.parse(text)) };
  } catch (cause) {
    return { problem: cause instanceof Error ? cause.message : String(cause) };
  }
}
