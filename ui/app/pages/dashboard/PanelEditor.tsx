import { Button, SegmentedControl } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { Scope } from '../../lib/dash/interpolate';
import type { Dashboard, Panel } from '../../lib/dash/model';
import type { Mark } from '../../lib/dash/query';
import type { Resolved } from '../../lib/dash/variables';
import { JsonField } from './editor/JsonField';
import { Options } from './editor/Options';
import { Queries } from './editor/Queries';
import { Transformations } from './editor/Transformations';
import { type PanelActions, PanelFrame } from './PanelFrame';

type Props = { panel: Panel; dashboard: Dashboard; scope: Scope; variables: readonly Resolved[]; marks: readonly Mark[]; onChange: (make: (now: Panel) => Panel) => void; onClose: () => void };

const NO_ACTIONS: PanelActions = { view: () => undefined, edit: () => undefined, inspect: () => undefined, duplicate: () => undefined, remove: () => undefined };

/** What a panel asks and how it looks, with the panel itself in sight. */
export default function PanelEditor({ panel, dashboard, scope, variables, marks, onChange, onClose }: Props) {
  const [tab, setTab] = useState('queries');
  const placed = useMemo(() => ({ panel, pos: { ...panel.gridPos, w: 18 }, scope, key: `${panel.id}/edit` }), [panel, scope]);
  return (
    <div className="panel-editor">
      <div className="panel-editor-main">
        <div className="panel-editor-preview">
          <PanelFrame placed={placed} dashboard={dashboard} variables={variables} marks={marks} sync={undefined} editing={false} actions={NO_ACTIONS} />
        </div>
        <div className="panel-editor-tabs">
          <SegmentedControl value={tab} onChange={setTab} data={[{ value: 'queries', label: `Queries ${panel.targets.length}` }, { value: 'transformations', label: `Transformations ${panel.transformations.length}` }, { value: 'json', label: 'JSON' }]} />
          <Button variant="default" ml="auto" onClick={onClose}>Back to the dashboard</Button>
        </div>
        {tab === 'queries' ? <Queries panel={panel} dashboard={dashboard} onChange={onChange} /> : null}
        {tab === 'transformations' ? <Transformations panel={panel} onChange={onChange} /> : null}
        {tab === 'json' ? <JsonField label="JSON of the panel" value={panel} rows={18} onApply={(next) => onChange((now) => ({ ...(next as Panel), id: now.id }))} /> : null}
      </div>
      <aside className="panel-editor-side" aria-label="Options of the panel">
        <Options panel={panel} variables={variables} onChange={onChange} />
      </aside>
    </div>
  );
}
