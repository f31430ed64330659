import { ActionIcon, Menu } from '@mantine/core';
import { useRef, useState } from 'react';
import { Icon } from '../../components/Icon';
import { collect, saveLines } from '../../lib/download';
import { curlOf } from '../../lib/curl';
import { nanos } from '../../lib/loki';
import { useRange } from '../../state/range';

/** What one can take away: all lines that match as a file, or the request itself. */
export function LogMenu({ query }: { query: string }) {
  const { window } = useRange();
  const [busy, setBusy] = useState('');
  const stop = useRef<AbortController | undefined>(undefined);
  const download = async (kind: 'ndjson' | 'csv') => {
    const abort = new AbortController();
    stop.current = abort;
    setBusy('0 lines');
    try {
      saveLines(kind, await collect(query, window.startMs, window.endMs, (n) => setBusy(`${n} lines`), abort.signal));
      setBusy('');
    } catch (cause) {
      setBusy(abort.signal.aborted ? '' : cause instanceof Error ? cause.message : 'the download failed');
    }
  };
  const curl = () => curlOf('/loki/api/v1/query_range', { query, start: nanos(window.startMs), end: nanos(window.endMs), limit: 500 });
  return (
    <>
      {busy ? <button type="button" className="text-button" title="Stop" onClick={() => (stop.current?.abort(), setBusy(''))}>{busy}</button> : null}
      <Menu position="bottom-end" width={200}>
        <Menu.Target>
          <ActionIcon aria-label="Download and copy"><Icon name="more" /></ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => void download('ndjson')}>Download NDJSON</Menu.Item>
          <Menu.Item onClick={() => void download('csv')}>Download CSV</Menu.Item>
          <Menu.Item onClick={() => void navigator.clipboard?.writeText(curl())}>Copy as curl</Menu.Item>
          <Menu.Item onClick={() => void navigator.clipboard?.writeText(location.href)}>Copy link</Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </>
  );
}
