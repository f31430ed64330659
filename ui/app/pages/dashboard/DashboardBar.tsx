import { ActionIcon, Button, Menu, Tooltip } from '@mantine/core';
import { useEffect } from 'react';
import { AppLink } from '../../components/AppLink';
import { Icon } from '../../components/Icon';
import { ForeignOrOwnLink } from '../../components/viz/VizLink';
import { type Scope, interpolate } from '../../lib/dash/interpolate';
import { objs, str } from '../../lib/dash/json';
import { allVariables, ourPath } from '../../lib/dash/links';
import type { Dashboard } from '../../lib/dash/model';
import { saveFile } from '../../lib/files';
import { useSetSearch } from '../../state/search';
import type { Editing } from './useDashboard';

type Props = { editing: Editing; dashboard: Dashboard; edit: boolean; scope: Scope | undefined; onAdd: () => void };

export function DashboardBar({ editing, dashboard, edit, scope, onAdd }: Props) {
  const setSearch = useSetSearch();
  const { undo } = editing;
  useEffect(() => {
    if (!undo) return undefined;
    const onKey = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && event.target.closest('input, textarea, [contenteditable="true"]');
      if ((event.ctrlKey || event.metaKey) && event.key === 'z' && !typing) undo();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [undo]);
  return (
    <div className="dash-bar">
      <AppLink to="/dashboards" className="muted">Dashboards</AppLink>
      <span className="faint">/</span>
      <h2 className="clip" title={str(dashboard.description) || dashboard.title}>{dashboard.title}</h2>
      {editing.stored?.shipped ? <span className="pill">ships with Signalbox</span> : null}
      {editing.changed ? <span className="pill" data-tone="pending">not saved</span> : null}
      <Links dashboard={dashboard} scope={scope} />
      <span className="dash-bar-end">
        {edit ? (
          <>
            <Button variant="default" onClick={onAdd}>Add panel</Button>
            {undo ? <Tooltip label="Undo (Ctrl-Z)"><Button variant="default" onClick={undo}>Undo</Button></Tooltip> : null}
            {editing.changed ? <Button variant="default" onClick={editing.discard}>Discard</Button> : null}
            <Button onClick={() => setSearch({ dialog: 'save' }, 'replace')} disabled={!editing.changed}>Save</Button>
            <Button variant="default" onClick={() => setSearch({ edit: undefined, editPanel: undefined })}>Done</Button>
          </>
        ) : (
          <Button variant="default" onClick={() => setSearch({ edit: '1' })}>Edit</Button>
        )}
        <Menu position="bottom-end" width={200}>
          <Menu.Target>
            <ActionIcon aria-label="More of this dashboard"><Icon name="more" /></ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => setSearch({ dialog: 'settings' }, 'replace')}>Settings and variables</Menu.Item>
            <Menu.Item onClick={() => setSearch({ dialog: 'history' }, 'replace')}>Versions</Menu.Item>
            <Menu.Item onClick={() => setSearch({ dialog: 'report' }, 'replace')}>Fidelity report</Menu.Item>
            <Menu.Item onClick={() => saveFile(`${dashboard.title}.json`, 'application/json', JSON.stringify(dashboard, null, 2))}>Export as JSON</Menu.Item>
            <Menu.Item onClick={() => void document.documentElement.requestFullscreen?.()}>Full screen</Menu.Item>
            {editing.stored?.shipped ? null : <Menu.Item color="red" onClick={() => setSearch({ dialog: 'delete' }, 'replace')}>Delete</Menu.Item>}
          </Menu.Dropdown>
        </Menu>
      </span>
    </div>
  );
}

function Links({ dashboard, scope }: { dashboard: Dashboard; scope: Scope | undefined }) {
  const links = objs(dashboard.links);
  if (!scope || links.length === 0) return null;
  return (
    <nav className="dash-links" aria-label="Links of this dashboard">
      {links.slice(0, 8).map((link, i) => {
        if (link.type === 'dashboards') {
          const tag = (Array.isArray(link.tags) ? link.tags : []).map((one) => str(one)).join(' ');
          return <AppLink key={i} to="/dashboards" search={tag ? { text: tag } : {}}>{str(link.title) || tag || 'Dashboards'}</AppLink>;
        }
        const extra = [link.keepTime ? `from=${scope.builtins.__from ?? ''}&to=${scope.builtins.__to ?? ''}` : '', link.includeVars ? allVariables(scope) : ''].filter(Boolean).join('&');
        const url = ourPath(interpolate(str(link.url), scope), scope);
        return <ForeignOrOwnLink key={i} href={extra ? `${url}${url.includes('?') ? '&' : '?'}${extra}` : url} title={str(link.tooltip)}>{interpolate(str(link.title), scope) || url}</ForeignOrOwnLink>;
      })}
    </nav>
  );
}
