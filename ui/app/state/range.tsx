/**
 * The window every page looks at. `now` is an anchor that moves when something asks for fresh data (a timer, the live stream,
 * the button), so that all queries of a page speak of the same window.
 */
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, createContext, use, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { DEFAULT_RANGE, REFRESH, type Range, type Window, isRelative, resolve } from '../lib/time';
import { pageAt } from '../pages';
import { useLive } from './live';
import { usePathname, useSearchAll, useSetSearch } from './search';

export type RangeState = {
  range: Range;
  window: Window;
  nowMs: number;
  /** `off`, `live`, or an interval. */
  refresh: string;
  /** Somebody reads: new data would move the lines under their eyes. */
  held: boolean;
  setRange: (range: Range) => void;
  setRefresh: (value: string) => void;
  bump: () => void;
  hold: (on: boolean) => void;
};

const RangeContext = createContext<RangeState | undefined>(undefined);

/** The server tells of new data every second; people cannot read that fast. */
const LIVE_EVERY_MS = 2_000;

/** Without the live stream "live" means asking now and then. */
const BLIND_EVERY_MS = 5_000;

/** Queries below this key speak of "now", and are asked again with each step of the anchor. */
export const NOW_KEY = 'now';

export function RangeProvider({ children }: { children: ReactNode }) {
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const page = pageAt(usePathname());
  const [nowMs, setNow] = useState(() => Date.now());
  const [held, hold] = useState(false);
  const client = useQueryClient();
  const { subscribe, connected } = useLive();

  const from = search.from ?? DEFAULT_RANGE.from;
  const to = search.to ?? DEFAULT_RANGE.to;
  const refresh = search.refresh ?? (page?.live ? 'live' : 'off');
  const moving = isRelative({ from, to }) || page?.ranged === false;

  const bump = useCallback(() => {
    setNow(Date.now());
    void client.invalidateQueries({ queryKey: [NOW_KEY] });
  }, [client]);

  const last = useRef(0);
  const bumpCalmly = useCallback(() => {
    if (document.hidden || Date.now() - last.current < LIVE_EVERY_MS || client.isFetching() > 0) return;
    last.current = Date.now();
    bump();
  }, [bump, client]);

  useEffect(() => {
    const blind = refresh === 'live' && !connected;
    const everyMs = blind ? BLIND_EVERY_MS : (REFRESH.find((one) => one.value === refresh)?.ms ?? 0);
    if (everyMs === 0 || !moving || held) return undefined;
    const timer = setInterval(bumpCalmly, everyMs);
    return () => clearInterval(timer);
  }, [refresh, connected, moving, held, bumpCalmly]);

  useEffect(
    () =>
      subscribe((event) => {
        if (event.kind === 'alerts') void client.invalidateQueries({ queryKey: [NOW_KEY, 'alerts'] });
        if (refresh === 'live' && moving && !held) bumpCalmly();
      }),
    [subscribe, client, refresh, moving, held, bumpCalmly],
  );

  const state = useMemo<RangeState>(
    () => ({
      range: { from, to },
      window: resolve({ from, to }, nowMs),
      nowMs,
      refresh,
      held,
      setRange: (range) => {
        setNow(Date.now());
        setSearch({ from: range.from, to: range.to === 'now' ? undefined : range.to });
      },
      setRefresh: (value) => setSearch({ refresh: value }, 'replace'),
      bump,
      hold,
    }),
    [from, to, nowMs, refresh, held, bump, setSearch],
  );
  return <RangeContext value={state}>{children}</RangeContext>;
}

export function useRange(): RangeState {
  const state = use(RangeContext);
  if (!state) throw new Error('useRange outside of RangeProvider');
  return state;
}
