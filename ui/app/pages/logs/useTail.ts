/** New lines as they come: over the websocket, or by asking every second where a websocket cannot carry the credentials. */
import { useEffect, useState } from 'react';
import { socketsAllowed } from '../../lib/api';
import { type Line, joinPages, justAfter, lines, nanos, tail } from '../../lib/loki';

/** A tail nobody stops must not grow for ever. */
export const TAIL_LINES_MAX = 2_000;
const POLL_MS = 1_000;
const RECONNECT_MS = 2_000;

export type Tail = { lines: Line[]; state: 'off' | 'following' | 'reconnecting'; dropped: number };

const OFF: Tail = { lines: [], state: 'off', dropped: 0 };

export function useTail(query: string, on: boolean): Tail {
  const [state, setState] = useState<Tail>(OFF);
  useEffect(() => {
    if (!on) {
      setState(OFF);
      return undefined;
    }
    setState({ ...OFF, state: 'following' });
    let newest = nanos(Date.now() - 5_000);
    const add = (fresh: Line[], dropped = 0) => {
      newest = fresh[0] ? justAfter(fresh[0].ns) : newest;
      setState((now) => ({
        lines: fresh.length ? joinPages([fresh, now.lines]).slice(0, TAIL_LINES_MAX) : now.lines,
        state: 'following',
        dropped: now.dropped + dropped,
      }));
    };
    const lost = () => setState((now) => ({ ...now, state: 'reconnecting' }));
    return socketsAllowed() ? followSocket(query, () => newest, add, lost) : poll(query, () => newest, add, lost);
  }, [query, on]);
  return state;
}

type Add = (fresh: Line[], dropped?: number) => void;

function followSocket(query: string, since: () => string, add: Add, lost: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stop = () => {};
  const connect = () => {
    stop = tail(query, since(), add, () => {
      lost();
      timer = setTimeout(connect, RECONNECT_MS);
    });
  };
  connect();
  return () => {
    clearTimeout(timer);
    stop();
  };
}

function poll(query: string, since: () => string, add: Add, lost: () => void): () => void {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = async () => {
    try {
      add(await lines(query, since(), nanos(Date.now() + 1_000), TAIL_LINES_MAX, abort.signal));
    } catch {
      if (!abort.signal.aborted) lost();
    }
    if (!abort.signal.aborted) timer = setTimeout(() => void ask(), POLL_MS);
  };
  void ask();
  return () => {
    abort.abort();
    clearTimeout(timer);
  };
}
