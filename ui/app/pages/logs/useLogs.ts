/** What the Logs page asks the server, from what is in the URL. */
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { BUCKETS_WANTED, bucketize } from '../../lib/histogram';
import { type LogFilters, buildLogQL, decodeTerms, volumeQuery } from '../../lib/logql';
import { type Line, joinPages, justAfter, lines, nanos, volume } from '../../lib/loki';
import { niceStep } from '../../lib/prom';
import type { Search } from '../../lib/search';
import { useRange } from '../../state/range';

export const PAGE_LINES = 500;

export function filtersOf(search: Search): LogFilters {
  return {
    service: search.service ?? '',
    level: search.level ?? '',
    text: search.text ?? '',
    terms: decodeTerms(search.terms ?? ''),
  };
}

export function queryOf(search: Search): string {
  return search.q ?? buildLogQL(filtersOf(search));
}

/** Lines newest first, older pages on demand. */
export function useLines(query: string) {
  const { window } = useRange();
  const result = useInfiniteQuery({
    queryKey: ['lines', query, window],
    queryFn: ({ signal, pageParam }) => lines(query, nanos(window.startMs), pageParam, PAGE_LINES, signal),
    initialPageParam: nanos(window.endMs),
    getNextPageParam: (page: Line[]) => {
      const oldest = page.at(-1);
      return page.length >= PAGE_LINES && oldest ? justAfter(oldest.ns) : undefined;
    },
    placeholderData: keepPreviousData,
  });
  const all = useMemo(() => joinPages(result.data?.pages ?? []), [result.data]);
  return { ...result, lines: all };
}

export function useVolume(query: string) {
  const { window } = useRange();
  const stepS = niceStep(window.endMs - window.startMs, BUCKETS_WANTED);
  const stepMs = stepS * 1000;
  // Counts are aligned to the step, so that bars do not flicker while the window moves.
  const startMs = Math.floor(window.startMs / stepMs) * stepMs + stepMs;
  const endMs = Math.ceil(window.endMs / stepMs) * stepMs;
  const isLogQuery = query.trim().startsWith('{');
  const result = useQuery({
    queryKey: ['volume', query, window],
    queryFn: ({ signal }) => volume(volumeQuery(query, stepS), startMs, endMs, stepS, signal),
    enabled: isLogQuery,
  });
  const buckets = useMemo(
    () => bucketize(result.data?.series ?? [], startMs - stepMs, endMs, stepMs),
    [result.data, startMs, endMs, stepMs],
  );
  return { ...result, buckets };
}
