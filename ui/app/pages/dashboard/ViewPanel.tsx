import { Button } from '@mantine/core';
import { useEffect, useMemo } from 'react';
import type { Scope } from '../../lib/dash/interpolate';
import type { Dashboard, Panel } from '../../lib/dash/model';
import type { Mark } from '../../lib/dash/query';
import type { Resolved } from '../../lib/dash/variables';
import { type PanelActions, PanelFrame } from './PanelFrame';

/** One panel in all the room there is; Escape goes back. */
export function ViewPanel({ panel, dashboard, scope, variables, marks, actions, onClose }: { panel: Panel; dashboard: Dashboard; scope: Scope; variables: readonly Resolved[]; marks: readonly Mark[]; actions: PanelActions; onClose: () => void }) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('.mantine-Modal-content') ? onClose() : undefined);
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [onClose]);
  const placed = useMemo(() => ({ panel, pos: { ...panel.gridPos, w: 24 }, scope, key: String(panel.id) }), [panel, scope]);
  return (
    <div className="dash-alone">
      <Button variant="default" onClick={onClose} mb={8} w="fit-content">← Back to the dashboard</Button>
      <PanelFrame placed={placed} dashboard={dashboard} variables={variables} marks={marks} sync={undefined} editing={false} actions={actions} />
    </div>
  );
}
