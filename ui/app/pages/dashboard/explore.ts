/** From a panel's query to the page of its language. */
import { targetSource } from '../../lib/dash/datasource';
import type { Panel } from '../../lib/dash/model';
import { type QueryContext, queryText } from '../../lib/dash/query';
import { traceQuery } from '../../lib/dash/tempoFrames';
import { interpolate } from '../../lib/dash/interpolate';
import { curlOf } from '../../lib/curl';
import { nanos } from '../../lib/loki';

export function exploreLink(panel: Panel, context: () => QueryContext): { to: string; search: Record<string, string> } | undefined {
  const ctx = context();
  const asked = panel.targets.flatMap((target) => {
    const source = targetSource(panel, target, ctx.names);
    return target.hide !== true && 'kind' in source ? [{ target, kind: source.kind }] : [];
  });
  const [first] = asked;
  if (!first) return undefined;
  if (first.kind === 'prometheus') {
    const queries = asked.filter((one) => one.kind === 'prometheus').map((one) => queryText(panel, one.target, ctx).query).filter(Boolean);
    const [q, ...more] = queries;
    return q ? { to: '/metrics', search: { q, ...Object.fromEntries(more.slice(0, 5).map((query, i) => [`q${i + 2}`, query])) } } : undefined;
  }
  if (first.kind === 'loki') return { to: '/logs', search: { q: queryText(panel, first.target, ctx, 'logql').query } };
  if (first.kind === 'tempo') return { to: '/traces', search: { q: interpolate(traceQuery(first.target), ctx.scope) } };
  return undefined;
}

/** The first query of a panel as a request for a shell. */
export function panelCurl(panel: Panel, context: () => QueryContext): string | undefined {
  const ctx = context();
  for (const target of panel.targets) {
    const source = targetSource(panel, target, ctx.names);
    if (target.hide === true || !('kind' in source)) continue;
    if (source.kind === 'prometheus') {
      const { query, stepS } = queryText(panel, target, ctx);
      if (query) return curlOf('/api/v1/query_range', { query, start: ctx.startMs / 1000, end: ctx.endMs / 1000, step: stepS });
    }
    if (source.kind === 'loki') return curlOf('/loki/api/v1/query_range', { query: queryText(panel, target, ctx, 'logql').query, start: nanos(ctx.startMs), end: nanos(ctx.endMs) });
    if (source.kind === 'tempo') return curlOf('/api/search', { q: interpolate(traceQuery(target), ctx.scope), start: Math.floor(ctx.startMs / 1000), end: Math.ceil(ctx.endMs / 1000) });
  }
  return undefined;
}
