import { ActionIcon, Button, Checkbox, Select } from '@mantine/core';
import { useState } from 'react';
import { Icon } from '../../../components/Icon';
import type { Json } from '../../../lib/dash/json';
import type { Panel, Transformation } from '../../../lib/dash/model';
import { TRANSFORMS } from '../../../lib/dash/transform';
import { JsonField } from './JsonField';

type Props = { panel: Panel; onChange: (make: (now: Panel) => Panel) => void };

/** Each with its options as Grafana writes them; they are applied from top to bottom. */
export function Transformations({ panel, onChange }: Props) {
  const [next, setNext] = useState<string | null>(null);
  const set = (make: (list: Transformation[]) => Transformation[]) => onChange((now) => ({ ...now, transformations: make(now.transformations) }));
  const patch = (at: number, change: Partial<Transformation>) => set((list) => list.map((one, i) => (i === at ? { ...one, ...change } : one)));
  const swap = (at: number) =>
    set((list) => {
      const out = [...list];
      const [one] = out.splice(at, 1);
      if (one) out.splice(at - 1, 0, one);
      return out;
    });
  return (
    <div className="queries">
      {panel.transformations.map((one, i) => (
        <div key={`${one.id}/${i}`} className="query-row">
          <div className="query-row-head">
            <b>{one.id}</b>
            {TRANSFORMS[one.id] ? null : <span className="span-error">is not known here</span>}
            <span className="query-row-end">
              <Checkbox size="xs" label="Off" checked={one.disabled === true} onChange={(event) => patch(i, { disabled: event.currentTarget.checked })} />
              {i > 0 ? <Button size="compact-xs" variant="default" onClick={() => swap(i)}>Up</Button> : null}
              <ActionIcon aria-label={`Remove ${one.id}`} onClick={() => set((list) => list.filter((_, at) => at !== i))}><Icon name="close" size={12} /></ActionIcon>
            </span>
          </div>
          <JsonField label={`Options of ${one.id}`} value={one.options} rows={Math.min(10, JSON.stringify(one.options, null, 2).split('\n').length + 1)} onApply={(options) => patch(i, { options: options as Json })} />
        </div>
      ))}
      <div className="query-row-options">
        <Select aria-label="Transformation" placeholder="Transformation" data={Object.keys(TRANSFORMS)} value={next} onChange={setNext} searchable w={220} />
        <Button
          variant="default"
          disabled={!next}
          onClick={() => {
            if (next) set((list) => [...list, { id: next, options: {} }]);
            setNext(null);
          }}
        >
          Add
        </Button>
      </div>
    </div>
  );
}
