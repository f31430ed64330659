import { MultiSelect, Select, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { str } from '../../lib/dash/json';
import { ALL, type Option, type Resolved, isHidden, joinValues } from '../../lib/dash/variables';
import { useSetSearch } from '../../state/search';

export function VariableBar({ list }: { list: readonly Resolved[] }) {
  const shown = list.filter((one) => !isHidden(one.variable) && !['adhoc', 'groupby', 'system'].includes(one.variable.type));
  if (shown.length === 0) return null;
  return (
    <div className="variables">
      {shown.map((one) => (
        <Chooser key={one.variable.name} one={one} />
      ))}
    </div>
  );
}

function Chooser({ one }: { one: Resolved }) {
  const setSearch = useSetSearch();
  const { variable, value, error } = one;
  const label = str(variable.label) || variable.name;
  const choose = (values: readonly string[]) => setSearch({ [`var-${variable.name}`]: joinValues(values) }, 'replace');
  const chosen = value.all ? [ALL] : typeof value.value === 'string' ? (value.value ? [value.value] : []) : [...value.value];
  const name = variable.hide === 1 || variable.hide === 'hideLabel' ? null : <span className="variable-label">{label}</span>;
  const title = error ?? str(variable.description);
  if (variable.type === 'textbox') {
    return (
      <label className="variable" title={title}>
        {name}
        <TextBox value={chosen[0] ?? ''} label={label} onSubmit={(text) => choose([text])} />
      </label>
    );
  }
  const data = optionsOf(one.options, variable.includeAll === true, chosen);
  return (
    <label className="variable" title={title} data-error={error ? true : undefined}>
      {name}
      {variable.multi ? (
        <MultiSelect
          aria-label={label}
          size="xs"
          data={data}
          value={chosen}
          onChange={(values) => choose(values.at(-1) === ALL || values.length === 0 ? [ALL] : values.filter((each) => each !== ALL))}
          searchable
          hidePickedOptions={false}
          maxDropdownHeight={300}
          limit={400}
          comboboxProps={{ width: 'max-content', position: 'bottom-start' }}
          nothingFoundMessage="No such value"
          w={Math.min(360, 110 + chosen.slice(0, 4).reduce((sum, each) => sum + Math.min(20, each === ALL ? 3 : each.length) * 7 + 30, 0))}
        />
      ) : (
        <Select aria-label={label} data={data} value={chosen[0] ?? null} onChange={(each) => (each === null ? undefined : choose([each]))} searchable allowDeselect={false} limit={400} comboboxProps={{ width: 'max-content', position: 'bottom-start' }} nothingFoundMessage="No such value" w={Math.min(300, 60 + (data.find((option) => option.value === chosen[0])?.label.length ?? 8) * 7.5)} />
      )}
    </label>
  );
}

function optionsOf(options: readonly Option[], all: boolean, chosen: readonly string[]): { value: string; label: string }[] {
  const out = new Map<string, string>();
  if (all) out.set(ALL, 'All');
  for (const option of options) if (option.value !== '') out.set(option.value, option.text || option.value);
  for (const value of chosen) if (!out.has(value) && value) out.set(value, value === ALL ? 'All' : value);
  return [...out].map(([value, label]) => ({ value, label }));
}

function TextBox({ value, label, onSubmit }: { value: string; label: string; onSubmit: (text: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit(text);
      }}
    >
      <TextInput aria-label={label} value={text} onChange={(event) => setText(event.currentTarget.value)} onBlur={() => (text === value ? undefined : onSubmit(text))} w={150} />
    </form>
  );
}
