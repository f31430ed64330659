/** One dashboard: as it is saved, as it is being changed, and how the change gets saved or undone. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import { readDashboard } from '../../lib/dash/migrate';
import type { Dashboard, Panel } from '../../lib/dash/model';
import * as dashboards from '../../lib/dashboards';

const UNDO_MAX = 50;

export type Editing = {
  stored: dashboards.Stored | undefined;
  dashboard: Dashboard | undefined;
  error: Error | null;
  changed: boolean;
  change: (make: (now: Dashboard) => Dashboard) => void;
  changePanel: (id: number, make: (now: Panel) => Panel) => void;
  undo: (() => void) | undefined;
  discard: () => void;
  save: ReturnType<typeof useSave>;
  reload: () => void;
};

export function useDashboard(uid: string): Editing {
  const query = useQuery({ queryKey: ['dashboard', uid], queryFn: ({ signal }) => dashboards.get(uid, signal), staleTime: Infinity, placeholderData: (previous) => (previous?.uid === uid ? previous : undefined) });
  const read = useMemo(() => readStored(query.data), [query.data]);
  const [drafts, setDrafts] = useState<{ uid: string; list: Dashboard[] }>({ uid, list: [] });
  const list = drafts.uid === uid ? drafts.list : [];
  const dashboard = list.at(-1) ?? read.dashboard;

  const change = useCallback(
    (make: (now: Dashboard) => Dashboard) =>
      setDrafts((now) => {
        const known = now.uid === uid ? now.list : [];
        const base = known.at(-1) ?? read.dashboard;
        return base ? { uid, list: [...known, make(base)].slice(-UNDO_MAX) } : now;
      }),
    [uid, read.dashboard],
  );
  const changePanel = useCallback((id: number, make: (now: Panel) => Panel) => change((now) => ({ ...now, panels: now.panels.map((panel) => mapPanel(panel, id, make)) })), [change]);
  const discard = useCallback(() => setDrafts({ uid, list: [] }), [uid]);
  const save = useSave(uid, dashboard, query.data, discard);
  return {
    stored: query.data,
    dashboard,
    error: query.error ?? read.error ?? null,
    changed: list.length > 0,
    change,
    changePanel,
    undo: list.length > 0 ? () => setDrafts({ uid, list: list.slice(0, -1) }) : undefined,
    discard,
    save,
    reload: () => void query.refetch(),
  };
}

function mapPanel(panel: Panel, id: number, make: (now: Panel) => Panel): Panel {
  if (panel.id === id) return make(panel);
  return panel.panels ? { ...panel, panels: panel.panels.map((inner) => mapPanel(inner, id, make)) } : panel;
}

function readStored(stored: dashboards.Stored | undefined): { dashboard?: Dashboard; error?: Error } {
  if (!stored?.model) return {};
  try {
    return { dashboard: readDashboard(stored.model) };
  } catch (cause) {
    return { error: cause instanceof Error ? cause : new Error(String(cause)) };
  }
}

type SaveArgs = { message: string; folder?: string; model?: Dashboard; overwrite?: boolean };

function useSave(uid: string, dashboard: Dashboard | undefined, stored: dashboards.Stored | undefined, done: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ message, folder, model, overwrite }: SaveArgs) => {
      const body = model ?? dashboard;
      if (!body) throw new Error('there is nothing to save');
      const base = overwrite ? {} : { version: stored?.version ?? 0 };
      return dashboards.save(uid, { model: { ...body, uid }, folder: folder ?? (stored?.shipped ? '' : (stored?.folder ?? '')), message, ...base });
    },
    onSuccess: async () => {
      await client.refetchQueries({ queryKey: ['dashboard', uid] });
      void client.invalidateQueries({ queryKey: ['dashboards'] });
      done();
    },
  });
}
