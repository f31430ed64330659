import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { AppLink } from '../../components/AppLink';
import { Panel } from '../../components/Panel';
import { Empty, Failure, Rows } from '../../components/States';
import { below, breakdown } from '../../lib/flame';
import { duration, percent } from '../../lib/format';
import { quote } from '../../lib/logql';
import * as tempo from '../../lib/tempo';
import { clockMillis } from '../../lib/time';
import { useRange } from '../../state/range';

/** A sample says where time goes; more would cost the server and change little. */
const TRACES_MAX = 20;
const SHOWN = 10;

/** Of the time its requests took: what the service spent itself, and what it waited for. */
export function TimeSpent({ name }: { name: string }) {
  const { window } = useRange();
  // Asked by the minute: it is a sample anyway.
  const [startMs, endMs] = [window.startMs, window.endMs].map((ms) => Math.floor(ms / 60_000) * 60_000) as [number, number];
  const query = `{ resource.service.name = ${quote(name)} && kind = server }`;
  const found = useQuery({
    queryKey: ['time-spent', name, startMs, endMs],
    queryFn: async ({ signal }) => {
      const list = await tempo.search(query, startMs, endMs + 60_000, TRACES_MAX, signal);
      const traces = await Promise.allSettled(list.map((one) => tempo.trace(one.traceId, signal)));
      return traces.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    },
    staleTime: 60_000,
  });
  const rows = useMemo(() => breakdown((found.data ?? []).flatMap((trace) => below(trace.spans, name)), 'operation'), [found.data, name]);
  const all = rows.reduce((sum, row) => sum + row.selfMs, 0);
  return (
    <Panel title="Where the time of its requests goes" side={found.data ? <AppLink to="/traces" search={{ q: query, view: 'flame' }}>{`${found.data.length} traces`}</AppLink> : undefined}>
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : !found.data ? <Rows count={5} height={28} /> : rows.length === 0 ? <Empty title="No requests in this time range" /> : (
        <table className="table status-table">
          <tbody>
            {rows.slice(0, SHOWN).map((row) => (
              <tr key={`${row.service}/${row.name}`}>
                <td className="clip" style={{ width: '22%' }}>{row.service === name ? <b>itself</b> : <AppLink to="/service/$name" params={{ name: row.service }}>{row.service}</AppLink>}</td>
                <td className="clip muted">{row.name}</td>
                <td style={{ width: '36%' }}><span className="duration-cell"><span className="duration-bar" style={{ width: `${(row.selfMs / (rows[0]?.selfMs || 1)) * 52}%` }} />{percent(all ? row.selfMs / all : 0)} <span className="muted">{duration(row.selfMs / Math.max(1, row.spans))} each</span></span></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

/** The traces at the slow end: longer than 95 % of the service's requests. */
export function SlowTraces({ name, p95Ms }: { name: string; p95Ms: number | null }) {
  const query = `{ resource.service.name = ${quote(name)} && kind = server${p95Ms ? ` && duration >= ${Math.round(p95Ms * 1000)}us` : ''} }`;
  return <Listed title="Slowest traces" query={query} slowest />;
}

/** The newest traces in which a span of the service failed. */
export function FailedTraces({ name }: { name: string }) {
  return <Listed title="Failing traces" query={`{ resource.service.name = ${quote(name)} && status = error }`} />;
}

function Listed({ title, query, slowest = false }: { title: string; query: string; slowest?: boolean }) {
  const { window } = useRange();
  const found = useQuery({ queryKey: ['service-traces', query, window.startMs, window.endMs], queryFn: ({ signal }) => tempo.search(query, window.startMs, window.endMs, 50, signal) });
  const rows = useMemo(() => (slowest ? [...(found.data ?? [])].sort((a, b) => b.durationMs - a.durationMs) : (found.data ?? [])).slice(0, SHOWN), [found.data, slowest]);
  return (
    <Panel title={title} side={<AppLink to="/traces" search={{ q: query }}>All</AppLink>}>
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : !found.data ? <Rows count={5} height={28} /> : rows.length === 0 ? <Empty title="None" /> : (
        <table className="table status-table">
          <tbody>
            {rows.map((one) => (
              <tr key={one.traceId}>
                <td className="mono muted" style={{ width: 112 }}>{clockMillis(one.startMs)}</td>
                <td className="clip"><AppLink to="/trace/$traceId" params={{ traceId: one.traceId }}>{one.rootService} {one.rootName || one.traceId}</AppLink></td>
                <td className="num" style={{ width: 90 }}>{one.services.some((service) => service.errors) ? <span className="error-count">▲ </span> : null}{duration(one.durationMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
