import { Button, Textarea } from '@mantine/core';
import { useEffect, useState } from 'react';

/** JSON as text: applied as a whole, and only if it is JSON. */
export function JsonField({ label, value, rows, onApply }: { label: string; value: unknown; rows: number; onApply: (next: unknown) => void }) {
  const given = JSON.stringify(value, null, 2) ?? '';
  const [text, setText] = useState(given);
  const [problem, setProblem] = useState('');
  useEffect(() => setText(given), [given]);
  const apply = () => {
    try {
      onApply(JSON.parse(text));
      setProblem('');
    } catch (cause) {
      setProblem(cause instanceof Error ? cause.message : String(cause));
    }
  };
  return (
    <div>
      <Textarea aria-label={label} value={text} onChange={(event) => setText(event.currentTarget.value)} rows={rows} spellCheck={false} error={problem || undefined} styles={{ input: { fontFamily: 'var(--mono)', fontSize: 12 } }} />
      <Button variant="default" mt={6} onClick={apply} disabled={text === given}>Apply</Button>
    </div>
  );
}
