/** What the Logs page asks the server, from what is in the URL. */
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { BUCKETS_WANTED, bucketize } from '../../lib/histogram';
import { type LogFilters, buildLogQL, decodeTerms, volumeQuery } from '../../lib/logql';
import { type Line, justAfter, lines, nanos, pageJoiner, volume } from '../../lib/loki';
import { niceStep } from '../../lib/prom';
import type { Search } from '../../lib/search';
import { useRange } from '../../state/range';

/** The first page is what one sees at once; who reads on gets more at a time. */
const PAGE_LINES = 500;
const PAGE_LINES_MAX = 5_000;
/** A browser draws no element that is higher; nobody reads further without looking at a shorter time. */
export const LINES_MAX = 1_200_000;

function pageLines(page: number): number {
  return Math.min(PAGE_LINES_MAX, PAGE_LINES * 2 ** Math.max(0, page - 2));
}

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
    queryFn: ({ signal, pageParam }) => lines(query, nanos(window.startMs), pageParam.end, pageLines(pageParam.page), signal),
    initialPageParam: { end: nanos(window.endMs), page: 0 },
    getNextPageParam: (page: Line[], pages, { page: number }) => {
      const oldest = page.at(-1);
      const enough = pages.reduce((sum, one) => sum + one.length, 0) >= LINES_MAX;
      return page.length >= pageLines(number) && oldest && !enough ? { end: justAfter(oldest.ns), page: number + 1 } : undefined;
    },
    placeholderData: keepPreviousData,
    // Pages never change; comparing all lines with all lines for each new page would take longer than drawing them.
    structuralSharing: false,
  });
  const [join] = useState(pageJoiner);
  const all = useMemo(() => join(result.data?.pages ?? []), [join, result.data]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = result;
  const more = useMemo(() => ({ has: hasNextPage, loading: isFetchingNextPage, load: () => void fetchNextPage(), full: all.length >= LINES_MAX }), [hasNextPage, isFetchingNextPage, fetchNextPage, all.length]);
  return { ...result, lines: all, more };
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
