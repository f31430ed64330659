/** The live stream of the server, followed once for the whole app and reconnected for ever, ever slower. */
import { type ReactNode, createContext, use, useEffect, useMemo, useRef, useState } from 'react';
import { follow } from '../lib/api';
import { LIVE_PATH, type LiveEvent, parseLive } from '../lib/signalbox';

type Listener = (event: LiveEvent) => void;
type Live = { connected: boolean; subscribe: (listener: Listener) => () => void };

const LiveContext = createContext<Live>({ connected: false, subscribe: () => () => {} });

const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 30_000;

export function LiveProvider({ children }: { children: ReactNode }) {
  const [connected, setConnected] = useState(false);
  const listeners = useRef(new Set<Listener>());

  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let wait = RETRY_MIN_MS;
    const connect = async () => {
      try {
        const opened = () => setConnected(true);
        await follow(LIVE_PATH, stop.signal, opened, (data) => {
          const event = parseLive(data);
          if (!event) return;
          wait = RETRY_MIN_MS;
          listeners.current.forEach((listener) => listener(event));
        });
      } catch {
        // Told by the dot in the top bar; the retry is below.
      }
      if (stop.signal.aborted) return;
      setConnected(false);
      timer = setTimeout(() => void connect(), wait);
      wait = Math.min(wait * 2, RETRY_MAX_MS);
    };
    void connect();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, []);

  const live = useMemo<Live>(
    () => ({
      connected,
      subscribe: (listener) => {
        listeners.current.add(listener);
        return () => listeners.current.delete(listener);
      },
    }),
    [connected],
  );
  return <LiveContext value={live}>{children}</LiveContext>;
}

export function useLive(): Live {
  return use(LiveContext);
}
