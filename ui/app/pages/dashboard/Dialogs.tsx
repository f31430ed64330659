/** The dialogs of a dashboard, one row each. */
import { Button, Group, Modal, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { ReportTable } from '../../components/ReportTable';
import type { Dashboard, Panel } from '../../lib/dash/model';
import { reportOf } from '../../lib/dash/report';
import * as dashboards from '../../lib/dashboards';
import { ApiError } from '../../lib/api';
import { useGo } from '../../state/search';
import { History } from './History';
import { Inspect } from './Inspect';
import { Settings } from './Settings';
import type { Editing } from './useDashboard';
import type { Variables } from './useVariables';

export type DialogProps = { editing: Editing; dashboard: Dashboard; inspected: Panel | undefined; variables: Variables; onClose: () => void };

const DIALOGS: Record<string, { title: string; size: string; body: (props: DialogProps) => React.ReactNode }> = {
  save: { title: 'Save the dashboard', size: 'md', body: SaveDialog },
  settings: { title: 'Settings', size: '80%', body: Settings },
  history: { title: 'Versions', size: 'xl', body: History },
  report: { title: 'How faithful this dashboard is shown', size: 'xl', body: ReportDialog },
  delete: { title: 'Delete the dashboard', size: 'md', body: DeleteDialog },
  inspect: { title: 'Inspect', size: '80%', body: Inspect },
};

export default function Dialogs({ which, ...props }: DialogProps & { which: string }) {
  const dialog = DIALOGS[which];
  if (!dialog) return null;
  const Body = dialog.body;
  return (
    <Modal opened onClose={props.onClose} title={dialog.title} size={dialog.size}>
      <Body {...props} />
    </Modal>
  );
}

function SaveDialog({ editing, onClose }: DialogProps) {
  const [message, setMessage] = useState('');
  const [folder, setFolder] = useState(editing.stored?.shipped ? '' : (editing.stored?.folder ?? ''));
  const { save } = editing;
  const conflict = save.error instanceof ApiError && save.error.status === 409;
  const go = (overwrite: boolean) => save.mutate({ message: message.trim(), folder: folder.trim(), overwrite }, { onSuccess: onClose });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        go(false);
      }}
    >
      <TextInput label="What changed" value={message} onChange={(event) => setMessage(event.currentTarget.value)} data-autofocus size="sm" placeholder="optional" />
      <TextInput label="Folder" value={folder} onChange={(event) => setFolder(event.currentTarget.value)} mt="sm" size="sm" placeholder="none" />
      {save.error ? <p className="span-error" role="alert">{save.error.message}</p> : null}
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onClose}>Cancel</Button>
        {conflict ? <Button color="red" onClick={() => go(true)}>Save over it</Button> : null}
        <Button type="submit" loading={save.isPending}>Save</Button>
      </Group>
    </form>
  );
}

function ReportDialog({ dashboard }: DialogProps) {
  const report = useMemo(() => reportOf(dashboard), [dashboard]);
  return <ReportTable report={report} height={480} />;
}

function DeleteDialog({ editing, dashboard, onClose }: DialogProps) {
  const client = useQueryClient();
  const go = useGo();
  const remove = useMutation({
    mutationFn: () => dashboards.remove(editing.stored?.uid ?? ''),
    onSuccess: () => {
      client.removeQueries({ queryKey: ['dashboard', editing.stored?.uid] });
      void client.invalidateQueries({ queryKey: ['dashboards'] });
      go('/dashboards');
    },
  });
  return (
    <>
      <p>“{dashboard.title}” goes with its {editing.stored?.versions.length ?? 0} versions. Export it first if it may be wanted again.</p>
      {remove.error ? <p className="span-error" role="alert">{remove.error.message}</p> : null}
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button color="red" onClick={() => remove.mutate()} loading={remove.isPending}>Delete</Button>
      </Group>
    </>
  );
}
