import { Tooltip } from '@mantine/core';
import { useIsFetching, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { duration } from '../lib/format';

/** What answers sooner needs no word. */
const PATIENCE_MS = 1_500;
const TICK_MS = 500;

/** How long the page has waited, and a way to give up: the server stops working when nobody waits any more. */
export function Busy() {
  const client = useQueryClient();
  const waiting = useIsFetching() > 0;
  const [sinceMs, setSince] = useState(0);
  useEffect(() => {
    setSince(0);
    if (!waiting) return undefined;
    const began = performance.now();
    const timer = setInterval(() => setSince(performance.now() - began), TICK_MS);
    return () => clearInterval(timer);
  }, [waiting]);
  if (!waiting || sinceMs < PATIENCE_MS) return null;
  return (
    <Tooltip label="Stop asking; r asks again">
      <button type="button" className="busy" onClick={() => void client.cancelQueries()}>
        <span className="busy-dot" aria-hidden="true" />
        Stop, {duration(Math.floor(sinceMs / 1000) * 1000)}
      </button>
    </Tooltip>
  );
}
