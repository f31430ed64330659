import { Button, SegmentedControl } from '@mantine/core';
import { useMemo, useState } from 'react';
import { CopyButton } from '../../components/CopyButton';
import { TableViz } from '../../components/viz/TableViz';
import { displayName } from '../../lib/dash/frames';
import { interpolate, type Scope } from '../../lib/dash/interpolate';
import { str } from '../../lib/dash/json';
import { type Dashboard, type Panel } from '../../lib/dash/model';
import { queryText } from '../../lib/dash/query';
import { joinByField } from '../../lib/dash/transform/join';
import type { Resolved } from '../../lib/dash/variables';
import { csv, saveFile } from '../../lib/files';
import type { DialogProps } from './Dialogs';
import { usePanelData } from './PanelBody';

/** What a panel asked and got: its data as a table, its queries with variables filled in, its JSON. */
export function Inspect({ dashboard, inspected, variables }: DialogProps) {
  if (!inspected || !variables.scope) return null;
  return <Inspected panel={inspected} dashboard={dashboard} scope={variables.scope} variables={variables.list} />;
}

function Inspected({ panel, dashboard, scope, variables }: { panel: Panel; dashboard: Dashboard; scope: Scope; variables: readonly Resolved[] }) {
  const [tab, setTab] = useState('data');
  const data = usePanelData(panel, dashboard, scope, variables, 1_000, true);
  const joined = useMemo(() => (data.frames.length > 1 && data.frames.every((one) => one.fields[0]?.type === 'time') ? joinByField(data.frames, {}) : data.frames), [data.frames]);
  const json = useMemo(() => JSON.stringify(panel, null, 2), [panel]);
  const ctx = data.context();
  const plain: Panel = { ...panel, options: {}, type: 'table' };
  const download = () => {
    const [one] = joined;
    if (!one) return;
    const rows = Array.from({ length: one.length }, (_, row) => one.fields.map((field) => (field.type === 'time' && typeof field.values[row] === 'number' ? new Date(field.values[row]).toISOString() : (field.values[row] ?? ''))));
    saveFile(`${panel.title || 'panel'}.csv`, 'text/csv', csv([one.fields.map((field) => displayName(field, one, joined.length)), ...rows]));
  };
  return (
    <>
      <div className="inspect-bar">
        <SegmentedControl value={tab} onChange={setTab} data={[{ value: 'data', label: 'Data' }, { value: 'query', label: 'Queries' }, { value: 'json', label: 'JSON' }]} />
        {tab === 'data' ? <Button variant="default" onClick={download} disabled={joined.length === 0}>Download CSV</Button> : null}
        {tab === 'json' ? <CopyButton text={json} label="Copy JSON" /> : null}
      </div>
      {tab === 'data' ? <div style={{ height: 440 }}><TableViz panel={plain} frames={joined} width={900} height={440} startMs={0} endMs={0} scope={scope} marks={[]} sync={undefined} onZoom={() => undefined} /></div> : null}
      {tab === 'query'
        ? panel.targets.map((target) => (
            <div key={target.refId}>
              <h3 className="section-title">{target.refId} <CopyButton text={queryText(panel, target, ctx).query} label="Copy query" /></h3>
              <pre className="rule-expr">{queryText(panel, target, ctx).query || interpolate(str(target.expression), scope) || '(nothing)'}</pre>
              {data.data?.errors.filter((one) => one.refId === target.refId).map((one, i) => <p key={i} className="span-error">{one.message}</p>)}
            </div>
          ))
        : null}
      {tab === 'json' ? <pre className="diff" tabIndex={0}>{json}</pre> : null}
    </>
  );
}
