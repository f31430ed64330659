/** View state lives in the URL; this is how pages read and write it. */
import { useLocation, useNavigate, useRouterState } from '@tanstack/react-router';
import { useCallback } from 'react';
import type { Search } from '../lib/search';

/** What follows the reader from page to page. */
export const KEPT = ['from', 'to', 'refresh'] as const;

export function useSearchAll(): Search {
  return useRouterState({ select: (state) => state.location.search as Search });
}

export type Patch = Record<string, string | undefined>;

/** Merges into the query string. `push` makes a step that the back button undoes. */
export function useSetSearch(): (patch: Patch, how?: 'push' | 'replace') => void {
  const navigate = useNavigate();
  return useCallback(
    (patch, how = 'push') => {
      void navigate({
        to: '.',
        search: ((previous: Search) => ({ ...previous, ...patch })) as never,
        replace: how === 'replace',
      });
    },
    [navigate],
  );
}

/** Goes to another page, keeping the time range unless a new one is given. */
export function useGo(): (to: string, search?: Search) => void {
  const navigate = useNavigate();
  return useCallback(
    (to, search = {}) => {
      void navigate({ to, search: ((previous: Search) => ({ ...kept(previous), ...search })) as never });
    },
    [navigate],
  );
}

export function kept(search: Search): Search {
  const out: Search = {};
  for (const key of KEPT) {
    const value = search[key];
    if (value) out[key] = value;
  }
  return out;
}

export function usePathname(): string {
  return useLocation({ select: (location) => location.pathname });
}
