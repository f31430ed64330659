import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { FlameGraph } from '../../components/FlameGraph';
import { Failure, Rows } from '../../components/States';
import { flameOf } from '../../lib/flame';
import * as tempo from '../../lib/tempo';

/** More traces change the picture little and cost the server much. */
const TRACES_MAX = 60;
const AT_ONCE = 5;

/** All found traces as one flame graph: where their time went together. */
export function ManyFlames({ found }: { found: readonly tempo.Found[] }) {
  const ids = useMemo(() => found.slice(0, TRACES_MAX).map((one) => one.traceId), [found]);
  const traces = useQuery({ queryKey: ['flames', ids], queryFn: ({ signal }) => fetchAll(ids, signal), staleTime: 60_000 });
  const root = useMemo(() => flameOf((traces.data ?? []).map((one) => one.spans)), [traces.data]);
  const services = useMemo(() => [...new Set((traces.data ?? []).flatMap((one) => one.spans.map((span) => span.service)))], [traces.data]);
  if (traces.error) return <Failure error={traces.error} retry={() => void traces.refetch()} />;
  if (!traces.data) return <Rows count={8} height={22} />;
  return <FlameGraph root={root} services={services} title={`${traces.data.length} traces`} />;
}

async function fetchAll(ids: readonly string[], signal: AbortSignal) {
  const out: Awaited<ReturnType<typeof tempo.trace>>[] = [];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const part = await Promise.allSettled(ids.slice(at, at + AT_ONCE).map((id) => tempo.trace(id, signal)));
    if (signal.aborted) throw new Error('given up');
    // One that was deleted in between is not there any more.
    out.push(...part.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
  }
  return out;
}
