import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { Suspense, lazy, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Empty, Failure, Rows } from '../../components/States';
import { sourceNames } from '../../lib/dash/datasource';
import { clone, str } from '../../lib/dash/json';
import { freePlace } from '../../lib/dash/layout';
import { type Dashboard, type Panel, allPanels, asPanel, nextId } from '../../lib/dash/model';
import { type Mark, annotations } from '../../lib/dash/query';
import { REFRESH } from '../../lib/time';
import { useRange } from '../../state/range';
import { useSearchAll, useSetSearch } from '../../state/search';
import { DashboardBar } from './DashboardBar';
import { Grid } from './Grid';
import type { PanelActions } from './PanelFrame';
import { ViewPanel } from './ViewPanel';
import { type Editing, useDashboard } from './useDashboard';
import { VariableBar } from './VariableBar';
import { type Variables, useVariables } from './useVariables';

const PanelEditor = lazy(() => import('./PanelEditor'));
const Dialogs = lazy(() => import('./Dialogs'));

export default function DashboardPage() {
  const { uid = '' } = useParams({ strict: false }) as { uid?: string };
  const editing = useDashboard(uid);
  const variables = useVariables(uid, editing.dashboard);
  const search = useSearchAll();
  useOwnTime(uid, editing.dashboard, search);
  useLeaveWarning(editing.changed);
  const { dashboard } = editing;
  useEffect(() => {
    if (dashboard) document.title = `${dashboard.title} · Signalbox`;
  }, [dashboard]);
  if (!dashboard) return <div className="page">{editing.error ? <Failure error={editing.error} retry={editing.reload} /> : editing.stored ? <Empty title="There is nothing in this dashboard" /> : <Rows count={10} />}</div>;
  return <Loaded key={uid} uid={uid} editing={editing} dashboard={dashboard} variables={variables} />;
}

/** A dashboard that is opened without a time range shows its own. */
function useOwnTime(uid: string, dashboard: Dashboard | undefined, search: Record<string, string>) {
  const setSearch = useSetSearch();
  const done = useRef('');
  useEffect(() => {
    if (!dashboard || done.current === uid) return;
    done.current = uid;
    if (search.from) return;
    const refresh = str(dashboard.refresh);
    setSearch({ from: dashboard.time.from, to: dashboard.time.to === 'now' ? undefined : dashboard.time.to, refresh: REFRESH.some((one) => one.value === refresh) ? refresh : undefined }, 'replace');
  }, [uid, dashboard, search.from, setSearch]);
}

function useLeaveWarning(changed: boolean) {
  useEffect(() => {
    if (!changed) return undefined;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [changed]);
}

function Loaded({ uid, editing, dashboard, variables }: { uid: string; editing: Editing; dashboard: Dashboard; variables: Variables }) {
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const [folded, setFolded] = useState<ReadonlyMap<number, boolean>>(new Map());
  const { scope } = variables;
  const marks = useMarks(uid, dashboard, variables);
  const edit = search.edit === '1';
  const { change } = editing;
  const actions = useMemo<PanelActions>(
    () => ({
      view: (id) => setSearch({ viewPanel: String(id) }),
      edit: (id) => setSearch({ editPanel: String(id), edit: '1' }),
      inspect: (id) => setSearch({ inspect: String(id) }, 'replace'),
      duplicate: (id) => {
        change((now) => duplicated(now, id));
        setSearch({ edit: '1' }, 'replace');
      },
      remove: (id) => change((now) => ({ ...now, panels: now.panels.filter((panel) => panel.id !== id) })),
    }),
    [change, setSearch],
  );
  const add = useCallback(() => {
    const panel = newPanel(dashboard);
    change((now) => ({ ...now, panels: [...now.panels, panel] }));
    setSearch({ edit: '1', editPanel: String(panel.id) });
  }, [change, dashboard, setSearch]);
  const fold = useCallback((id: number, closed: boolean) => setFolded((now) => new Map(now).set(id, closed)), []);
  const move = useCallback((panels: Panel[]) => change((now) => ({ ...now, panels })), [change]);
  const find = (id: string | undefined) => (id ? [...allPanels(dashboard), ...dashboard.panels.flatMap((panel) => panel.panels ?? [])].find((panel) => String(panel.id) === id) : undefined);
  const edited = find(search.editPanel);
  const viewed = find(search.viewPanel);
  return (
    <div className="page-fixed">
      <DashboardBar editing={editing} dashboard={dashboard} edit={edit} scope={scope} onAdd={add} />
      <VariableBar list={variables.list} />
      {variables.error ? <Failure error={variables.error} /> : null}
      <div className="dash-page">
        {!scope ? (
          <Rows count={8} />
        ) : edited ? (
          <Suspense fallback={<Rows count={8} />}>
            <PanelEditor key={edited.id} panel={edited} dashboard={dashboard} scope={scope} variables={variables.list} marks={marks} onChange={(make) => editing.changePanel(edited.id, make)} onClose={() => setSearch({ editPanel: undefined })} />
          </Suspense>
        ) : viewed ? (
          <ViewPanel panel={viewed} dashboard={dashboard} scope={scope} variables={variables.list} marks={marks} actions={actions} onClose={() => setSearch({ viewPanel: undefined })} />
        ) : dashboard.panels.length === 0 ? (
          <Empty title="This dashboard has no panels" action={<button type="button" className="text-button" onClick={add}>Add a panel</button>} />
        ) : (
          <Grid dashboard={dashboard} scope={scope} variables={variables.list} marks={marks} editing={edit} actions={actions} onMove={move} folded={folded} onFold={fold} />
        )}
      </div>
      {search.dialog || search.inspect ? (
        <Suspense>
          <Dialogs which={search.dialog ?? 'inspect'} editing={editing} dashboard={dashboard} inspected={find(search.inspect)} variables={variables} onClose={() => setSearch({ dialog: undefined, inspect: undefined }, 'replace')} />
        </Suspense>
      ) : null}
    </div>
  );
}

function useMarks(uid: string, dashboard: Dashboard, variables: Variables): readonly Mark[] {
  const { window } = useRange();
  const { list } = dashboard.annotations;
  const { scope } = variables;
  const query = useQuery({
    queryKey: ['annotations', uid, list, window],
    queryFn: ({ signal }) => annotations(list, { startMs: window.startMs, endMs: window.endMs, scope: scope ?? { values: new Map(), builtins: {} }, names: sourceNames(dashboard), points: 250, adhoc: [], signal }),
    enabled: scope !== undefined && list.some((one) => one.enable !== false),
  });
  return query.data ?? NONE;
}

const NONE: readonly Mark[] = [];

function duplicated(dashboard: Dashboard, id: number): Dashboard {
  const found = allPanels(dashboard).find((panel) => panel.id === id);
  if (!found) return dashboard;
  const copy: Panel = { ...clone(found), id: nextId(dashboard), title: found.title ? `${found.title} (copy)` : '' };
  copy.gridPos = freePlace(dashboard, found.gridPos.w, found.gridPos.h);
  return { ...dashboard, panels: [...dashboard.panels, copy] };
}

function newPanel(dashboard: Dashboard): Panel {
  const id = nextId(dashboard);
  return asPanel({ id, type: 'timeseries', title: 'New panel', gridPos: freePlace(dashboard, 12, 8), datasource: { type: 'prometheus', uid: 'signalbox' }, targets: [{ refId: 'A', expr: '' }], fieldConfig: { defaults: {}, overrides: [] }, options: {} }, id);
}
