import { ActionIcon, TextInput, Tooltip } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { memo, useMemo, useState } from 'react';
import { Icon } from '../../components/Icon';
import { type FieldRow, fieldsOf, topValuesQuery } from '../../lib/fields';
import { count, percent } from '../../lib/format';
import { type Term, labelName } from '../../lib/logql';
import * as loki from '../../lib/loki';
import { useRange } from '../../state/range';

type Props = { query: string; lines: readonly loki.Line[]; columns: readonly string[]; onColumn: (name: string) => void; onTerm: (term: Term) => void };

/** The fields of what is listed; an open one shows its most frequent values over the whole time range. */
export const FieldBar = memo(function FieldBar({ query, lines, columns, onColumn, onTerm }: Props) {
  const { window } = useRange();
  const [text, setText] = useState('');
  const [open, setOpen] = useState<string>();
  const startMs = Math.floor(window.startMs / 60_000) * 60_000;
  const endMs = Math.ceil(window.endMs / 60_000) * 60_000;
  const detected = useQuery({ queryKey: ['fields', query, startMs, endMs], queryFn: ({ signal }) => loki.fields(query, startMs, endMs, signal), staleTime: 60_000, enabled: query.trim().startsWith('{') });
  const sample = useMemo(() => lines.slice(0, 500), [lines]);
  const rows = useMemo(() => fieldsOf(sample, detected.data ?? []), [sample, detected.data]);
  const shown = rows.filter((row) => row.name.toLowerCase().includes(text.toLowerCase()));
  return (
    <aside className="fields" aria-label="Fields">
      <TextInput placeholder="Find a field" aria-label="Find a field" value={text} onChange={(event) => setText(event.currentTarget.value)} spellCheck={false} />
      <div className="fields-list" tabIndex={0} role="group" aria-label="List of fields">
        {shown.map((row) => (
          <div key={row.name} className="field">
            <div className="field-head">
              <button type="button" className="field-name" aria-expanded={open === row.name} title={row.name} onClick={() => setOpen(open === row.name ? undefined : row.name)}>
                <Icon name={open === row.name ? 'down' : 'right'} size={10} />
                <span className="clip">{row.name}</span>
              </button>
              <span className="faint">{row.values}</span>
              <Tooltip label={columns.includes(row.name) ? 'Take the column away' : 'Show as a column'}>
                <ActionIcon size={18} aria-label={`Column ${row.name}`} aria-pressed={columns.includes(row.name)} variant={columns.includes(row.name) ? 'light' : 'subtle'} onClick={() => onColumn(row.name)}>
                  <Icon name={columns.includes(row.name) ? 'minus' : 'plus'} size={10} />
                </ActionIcon>
              </Tooltip>
            </div>
            {open === row.name ? <TopValues query={query} row={row} onTerm={onTerm} /> : null}
          </div>
        ))}
      </div>
    </aside>
  );
});

function TopValues({ query, row, onTerm }: { query: string; row: FieldRow; onTerm: (term: Term) => void }) {
  const { window } = useRange();
  const spanS = (window.endMs - window.startMs) / 1000;
  const top = useQuery({ queryKey: ['top-values', query, row.name, Math.floor(window.endMs / 30_000), spanS], queryFn: ({ signal }) => loki.counts(topValuesQuery(query, row, spanS), window.endMs, signal), staleTime: 30_000 });
  if (top.error) return <p className="span-error">{top.error.message}</p>;
  if (!top.data) return <p className="faint field-wait" data-state="loading">Counting…</p>;
  const values = [...top.data].sort((a, b) => b.value - a.value);
  const most = values[0]?.value ?? 1;
  const all = values.reduce((sum, one) => sum + one.value, 0);
  if (values.length === 0) return <p className="faint field-wait">No values in this time range.</p>;
  return (
    <ul className="top-values">
      {values.map((one) => {
        const value = one.labels[labelName(row.name)] ?? '';
        return (
          <li key={value}>
            <button type="button" title={`Only ${row.name} = ${value}`} onClick={() => onTerm({ key: row.name, op: '=', value })}>
              <span className="clip">{value || '(empty)'}</span>
              <span className="muted">{percent(one.value / all)}</span>
            </button>
            <i style={{ width: `${(one.value / most) * 100}%` }} title={`${count(one.value)} lines`} />
          </li>
        );
      })}
    </ul>
  );
}
