import { ActionIcon, Button, Checkbox, NumberInput, Select } from '@mantine/core';
import { Icon } from '../../../components/Icon';
import { namedColor } from '../../../lib/dash/color';
import { type Json, num, str } from '../../../lib/dash/json';

const COLORS = ['green', 'yellow', 'orange', 'red', 'blue', 'purple', 'light-green', 'dark-red', 'semi-dark-orange', 'text', 'transparent'];

/** Thresholds: each colour holds from its value up. */
export function Steps({ steps, percent, onChange }: { steps: Json[]; percent: boolean; onChange: (steps: Json[], percent: boolean) => void }) {
  const list = steps.length ? steps : [{ color: 'green', value: null }];
  const patch = (at: number, change: Json) => onChange(list.map((one, i) => (i === at ? { ...one, ...change } : one)), percent);
  return (
    <>
      {list.map((step, i) => (
        <div key={i} className="step-row">
          <i style={{ background: namedColor(str(step.color)) }} />
          <Select aria-label={`Colour ${i + 1}`} data={[...new Set([str(step.color), ...COLORS])].filter(Boolean)} value={str(step.color)} onChange={(color) => patch(i, { color: color ?? 'green' })} w={120} allowDeselect={false} />
          {i === 0 ? <span className="muted">base</span> : <NumberInput aria-label={`From ${i + 1}`} size="xs" value={num(step.value) ?? ''} onChange={(value) => patch(i, { value: value === '' ? 0 : Number(value) })} w={90} />}
          {i > 0 ? <ActionIcon aria-label={`Remove threshold ${i + 1}`} onClick={() => onChange(list.filter((_, at) => at !== i), percent)}><Icon name="close" size={12} /></ActionIcon> : null}
        </div>
      ))}
      <div className="step-row">
        <Button variant="default" size="compact-xs" onClick={() => onChange([...list, { color: 'red', value: (num(list.at(-1)?.value) ?? 0) + 10 }], percent)}>Add</Button>
        <Checkbox size="xs" label="of min to max, percent" checked={percent} onChange={(event) => onChange(list, event.currentTarget.checked)} />
      </div>
    </>
  );
}
