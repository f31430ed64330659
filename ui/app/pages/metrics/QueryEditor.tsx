import { Suspense, lazy, useEffect, useState } from 'react';
import { Button } from '@mantine/core';

const PromEditor = lazy(() => import('./PromEditor'));

/** The editor with completion comes in its own chunk; until it is here a plain box does the same. */
export function QueryEditor({ value, onSubmit }: { value: string; onSubmit: (query: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const apply = () => onSubmit(text.trim());
  return (
    <>
      <Suspense fallback={<textarea className="plain-editor mono" aria-label="PromQL" data-search rows={1} value={text} onChange={(event) => setText(event.target.value)} />}>
        <PromEditor value={text} onChange={setText} onSubmit={(query) => onSubmit(query.trim())} />
      </Suspense>
      <Button onClick={apply}>Run</Button>
    </>
  );
}
