import { MultiSelect, NumberInput, Select, Switch, TextInput, Textarea } from '@mantine/core';
import { useMemo } from 'react';
import { VIZ } from '../../../components/viz';
import { type Json, num, obj, objs, str, strs } from '../../../lib/dash/json';
import type { Override, Panel } from '../../../lib/dash/model';
import type { Resolved } from '../../../lib/dash/variables';
import { JsonField } from './JsonField';
import { Steps } from './Steps';
import { OPTION_ROWS, type OptionRow, applies } from './rows';

type Change = (make: (now: Panel) => Panel) => void;
type Props = { panel: Panel; variables: readonly Resolved[]; onChange: Change };

export function Options({ panel, variables, onChange }: Props) {
  const set = (patch: Partial<Panel>) => onChange((now) => ({ ...now, ...patch }) as Panel);
  const rows = useMemo(() => OPTION_ROWS.filter((row) => applies(row, panel.type)), [panel.type]);
  const groups = [...new Set(rows.map((row) => row.group))];
  const setDefaults = (patch: Json) => onChange((now) => ({ ...now, fieldConfig: { ...now.fieldConfig, defaults: { ...now.fieldConfig.defaults, ...patch } } }));
  const numbers = rows.some((row) => row.group === 'Value');
  return (
    <div className="options">
      <Select label="Visualization" data={VIZ.map(({ type, title }) => ({ value: type, label: title }))} value={panel.type} onChange={(type) => (type ? set({ type }) : undefined)} searchable allowDeselect={false} maxDropdownHeight={400} />
      <TextInput label="Title" value={panel.title} onChange={(event) => set({ title: event.currentTarget.value })} />
      <Textarea label="Description" size="xs" value={str(panel.description)} onChange={(event) => set({ description: event.currentTarget.value })} autosize minRows={1} maxRows={5} />
      {groups.map((group) => (
        <fieldset key={group}>
          <legend>{group}</legend>
          {rows.filter((row) => row.group === group).map((row) => (
            <Option key={row.path} row={row} value={read(panel, row.path)} onChange={(value) => onChange((now) => write(now, row.path, value))} />
          ))}
        </fieldset>
      ))}
      {numbers ? (
        <fieldset>
          <legend>Thresholds</legend>
          <Steps steps={objs(obj(panel.fieldConfig.defaults.thresholds).steps)} percent={obj(panel.fieldConfig.defaults.thresholds).mode === 'percentage'} onChange={(steps, percent) => setDefaults({ thresholds: { mode: percent ? 'percentage' : 'absolute', steps } })} />
        </fieldset>
      ) : null}
      <fieldset>
        <legend>Repeat</legend>
        <Select aria-label="Repeat for" placeholder="not repeated" data={variables.filter((one) => one.options.length > 0).map((one) => one.variable.name)} value={str(panel.repeat) || null} onChange={(value) => onChange(({ repeat: _gone, ...now }) => (value ? { ...now, repeat: value, repeatDirection: now.repeatDirection ?? 'h' } : now) as Panel)} clearable />
        <NumberInput label="At most in a row" size="xs" value={num(panel.maxPerRow) ?? ''} onChange={(value) => set({ maxPerRow: value === '' ? undefined : Number(value) })} min={1} max={12} />
      </fieldset>
      <fieldset>
        <legend>Time</legend>
        <TextInput label="Own range" value={str(panel.timeFrom)} placeholder="1h" onChange={(event) => set({ timeFrom: event.currentTarget.value || undefined })} />
        <TextInput label="Shifted back" value={str(panel.timeShift)} placeholder="1d" onChange={(event) => set({ timeShift: event.currentTarget.value || undefined })} />
      </fieldset>
      {numbers ? (
        <>
          <fieldset>
            <legend>Value mappings</legend>
            <JsonField label="Value mappings" value={panel.fieldConfig.defaults.mappings ?? []} rows={4} onApply={(mappings) => setDefaults({ mappings })} />
          </fieldset>
          <fieldset>
            <legend>Overrides</legend>
            <JsonField label="Overrides" value={panel.fieldConfig.overrides} rows={6} onApply={(overrides) => onChange((now) => ({ ...now, fieldConfig: { ...now.fieldConfig, overrides: overrides as Override[] } }))} />
          </fieldset>
        </>
      ) : null}
      <fieldset>
        <legend>Links</legend>
        <JsonField label="Links" value={panel.links ?? []} rows={3} onApply={(links) => set({ links })} />
      </fieldset>
    </div>
  );
}

function Option({ row, value, onChange }: { row: OptionRow; value: unknown; onChange: (value: unknown) => void }) {
  const choices = (row.choices ?? []).map((one) => (typeof one === 'string' ? { value: one, label: one } : one));
  switch (row.kind) {
    case 'switch':
      return <Switch size="xs" label={row.label} checked={value === undefined ? row.otherwise === true : Boolean(value)} onChange={(event) => onChange(event.currentTarget.checked)} />;
    case 'number':
      return <NumberInput size="xs" label={row.label} value={num(value) ?? ''} placeholder="auto" onChange={(next) => onChange(next === '' ? undefined : Number(next))} />;
    case 'choice': {
      const known = str(value) || (typeof row.otherwise === 'string' ? row.otherwise : '');
      const data = known && !choices.some((one) => one.value === known) ? [{ value: known, label: known }, ...choices] : choices;
      return <Select label={row.label} data={data} value={known || null} placeholder="default" onChange={(next) => onChange(next ?? undefined)} searchable={choices.length > 8} clearable={row.otherwise === undefined} limit={200} />;
    }
    case 'choices':
      return <MultiSelect size="xs" label={row.label} data={choices} value={strs(value)} onChange={onChange} />;
    case 'area':
      return <Textarea size="xs" label={row.label} value={str(value)} autosize minRows={6} maxRows={18} onChange={(event) => onChange(event.currentTarget.value)} />;
    default:
      return <TextInput label={row.label} value={str(value)} onChange={(event) => onChange(event.currentTarget.value || undefined)} />;
  }
}

function read(panel: Panel, path: string): unknown {
  const [root = '', ...rest] = path.split('.');
  const start: unknown = root === 'defaults' ? panel.fieldConfig.defaults : panel.options;
  return rest.reduce<unknown>((at, key) => obj(at)[key], start);
}

function write(panel: Panel, path: string, value: unknown): Panel {
  const [root = '', ...rest] = path.split('.');
  if (root === 'defaults') return { ...panel, fieldConfig: { ...panel.fieldConfig, defaults: put(panel.fieldConfig.defaults, rest, value) } };
  return { ...panel, options: put(panel.options, rest, value) };
}

function put(at: Json, path: readonly string[], value: unknown): Json {
  const [head = '', ...rest] = path;
  if (rest.length > 0) return { ...at, [head]: put(obj(at[head]), rest, value) };
  const { [head]: _old, ...others } = at;
  return value === undefined ? others : { ...others, [head]: value };
}
