/** What the variables of a dashboard are, with what the URL chose. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { sourceNames } from '../../lib/dash/datasource';
import type { Scope } from '../../lib/dash/interpolate';
import { str } from '../../lib/dash/json';
import { lookup } from '../../lib/dash/lookup';
import type { Dashboard } from '../../lib/dash/model';
import { type Resolved, fromUrl, resolveVariables } from '../../lib/dash/variables';
import { niceStep } from '../../lib/prom';
import { useRange } from '../../state/range';
import { useSearchAll } from '../../state/search';

/** Values change slowly: they are asked again when the window has moved by this much. */
const COARSE_MS = 60_000;

export type Variables = { list: Resolved[]; scope: Scope | undefined; error: Error | null };

export function useVariables(uid: string, dashboard: Dashboard | undefined): Variables {
  const search = useSearchAll();
  const { window } = useRange();
  const chosen = useMemo(() => fromUrl(search), [search]);
  const startMs = Math.floor(window.startMs / COARSE_MS) * COARSE_MS;
  const endMs = Math.ceil(window.endMs / COARSE_MS) * COARSE_MS;
  const list = dashboard?.templating.list;
  const query = useQuery({
    queryKey: ['dashboard-variables', uid, list, chosen, startMs, endMs],
    queryFn: async ({ signal }) => {
      const given = dashboard as Dashboard;
      const names = sourceNames(given);
      return resolveVariables(given, chosen, windowBuiltins(startMs, endMs, given), (variable, scope) => lookup(variable, scope, names, { startMs, endMs, signal }));
    },
    enabled: dashboard !== undefined,
    staleTime: COARSE_MS,
    placeholderData: keepPreviousData,
  });
  const resolved = query.data;
  const scope = useMemo<Scope | undefined>(() => {
    if (!resolved || !dashboard) return undefined;
    return { values: new Map(resolved.map((one) => [one.variable.name, one.value])), builtins: windowBuiltins(window.startMs, window.endMs, dashboard) };
  }, [resolved, dashboard, window.startMs, window.endMs]);
  return { list: resolved ?? [], scope, error: query.error };
}

function windowBuiltins(startMs: number, endMs: number, dashboard: Dashboard): Record<string, string> {
  const rangeS = Math.round((endMs - startMs) / 1000);
  const stepS = niceStep(endMs - startMs, 200);
  return {
    __from: String(Math.round(startMs)),
    __to: String(Math.round(endMs)),
    __range: `${rangeS}s`,
    __range_s: String(rangeS),
    __range_ms: String(rangeS * 1000),
    __interval: `${stepS}s`,
    __interval_ms: String(stepS * 1000),
    __rate_interval: `${Math.max(stepS + 15, 60)}s`,
    __dashboard: dashboard.title,
    '__dashboard.uid': str(dashboard.uid),
    '__user.login': '',
    '__org.name': '',
    __org: '1',
    timeFilter: '',
    __timeFilter: '',
  };
}
