import { TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { Icon } from './Icon';

type Props = { label: string; value: string; onSubmit: (value: string) => void; placeholder?: string; mono?: boolean };

/** One line of search. Enter applies; `/` comes here from anywhere; leaving the box applies too, so that nothing typed is lost. */
export function SearchBox({ label, value, onSubmit, placeholder, mono }: Props) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const apply = () => {
    if (text.trim() !== value) onSubmit(text.trim());
  };
  return (
    <form
      className="grow"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      <TextInput
        data-search
        aria-label={label}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={apply}
        placeholder={placeholder ?? ''}
        leftSection={<Icon name="search" size={14} />}
        spellCheck={false}
        autoComplete="off"
        {...(mono ? { styles: { input: { fontFamily: 'var(--mono)' } } } : {})}
      />
    </form>
  );
}
