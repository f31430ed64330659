import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { AppLink } from '../../components/AppLink';
import { Empty, Failure, Rows } from '../../components/States';
import { serviceColor } from '../../lib/colors';
import { type DiffRow, diffAttributes, diffFlames, flameOf } from '../../lib/flame';
import { duration } from '../../lib/format';
import { quote } from '../../lib/logql';
import * as tempo from '../../lib/tempo';
import { clockMillis } from '../../lib/time';
import type { Span, Trace } from '../../lib/trace';
import { asTraceId } from '../../lib/traceql';
import { useSetSearch } from '../../state/search';

/** How far from this trace others of its kind are looked for. */
const AROUND_MS = 30 * 60_000;
const OTHERS_MAX = 60;
const ROWS_MAX = 400;

type Props = { trace: Trace; root: Span; services: readonly string[]; other: string | undefined };

/** This trace beside another one of its kind: what took longer, what is new, what is gone, which values differ. */
export function Compare({ trace, root, services, other }: Props) {
  const setSearch = useSetSearch();
  const like = useQuery({
    queryKey: ['traces-like', root.service, root.name, Math.floor(root.startMs / AROUND_MS)],
    queryFn: ({ signal }) => tempo.search(`{ rootServiceName = ${quote(root.service)} && rootName = ${quote(root.name)} }`, root.startMs - AROUND_MS, root.startMs + AROUND_MS, OTHERS_MAX, signal),
    staleTime: 60_000,
  });
  const others = useMemo(() => (like.data ?? []).filter((one) => one.traceId !== trace.id.padStart(32, '0')).sort((a, b) => a.durationMs - b.durationMs), [like.data, trace.id]);
  // Without a choice the one in the middle: what is normal.
  const chosen = other ?? others[Math.floor(others.length / 2)]?.traceId;
  const beside = useQuery({ queryKey: ['trace', chosen], queryFn: ({ signal }) => tempo.trace(chosen ?? '', signal), enabled: chosen !== undefined, placeholderData: () => undefined, staleTime: 5_000 });
  const rows = useMemo(() => (beside.data ? diffFlames(flameOf([beside.data.spans]), flameOf([trace.spans])) : []), [beside.data, trace]);
  const values = useMemo(() => (beside.data ? diffAttributes(beside.data.spans, trace.spans) : []), [beside.data, trace]);
  const data = others.map((one) => ({ value: one.traceId, label: `${duration(one.durationMs)} at ${clockMillis(one.startMs)}${one.services.some((service) => service.errors) ? ' ▲' : ''}` }));
  if (chosen && !data.some((one) => one.value === chosen)) data.unshift({ value: chosen, label: chosen });
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label="Comparison">
      <div className="trace-tools">
        <Select aria-label="Compare with" w={230} data={data} value={chosen ?? null} searchable onChange={(value) => setSearch({ with: value ?? undefined }, 'replace')} onSearchChange={(text) => asTraceId(text) && setSearch({ with: asTraceId(text) }, 'replace')} placeholder="a trace, or its id" nothingFoundMessage="Paste the id of a trace" />
        <span className="muted">{others.length ? `${others.length} traces of ${root.name} within half an hour, from fast to slow` : ''}</span>
        {chosen ? <AppLink to="/trace/$traceId" params={{ traceId: chosen }}>Open it</AppLink> : null}
      </div>
      {like.error && !other ? <Failure error={like.error} retry={() => void like.refetch()} />
        : beside.error ? <Failure error={beside.error} retry={() => void beside.refetch()} />
        : !chosen && like.data ? <Empty title="No other trace like this">Paste the id of a trace into the box.</Empty>
        : !beside.data ? <Rows count={12} height={26} />
        : <Differences rows={rows} values={values} services={services} />}
    </div>
  );
}

function Differences({ rows, values, services }: { rows: readonly DiffRow[]; values: ReturnType<typeof diffAttributes>; services: readonly string[] }) {
  const most = rows.reduce((max, row) => Math.max(max, Math.abs(row.deltaMs)), 0.001);
  return (
    <>
      <table className="table compare">
        <thead>
          <tr>
            <th>Operation</th>
            <th className="num" style={{ width: 104 }}>Other</th>
            <th className="num" style={{ width: 104 }}>This</th>
            <th style={{ width: '30%' }}>Difference</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, ROWS_MAX).map((row) => (
            <tr key={row.key} data-change={!row.a ? 'new' : !row.b ? 'gone' : undefined}>
              <td className="clip" style={{ paddingLeft: 12 + Math.min(row.depth, 14) * 14 }}>
                <i className="swatch" style={{ background: serviceColor(services, row.service) }} /> <b>{row.service}</b> <span className="muted">{row.name}</span>
                {!row.a ? <span className="pill" data-tone="pending">only here</span> : !row.b ? <span className="pill">only there</span> : null}
                {(row.b?.errors ?? 0) > (row.a?.errors ?? 0) ? <span className="error-count"> ▲ {row.b?.errors}</span> : null}
              </td>
              <td className="num muted">{row.a ? `${duration(row.a.totalMs)}${times(row.a.count)}` : '–'}</td>
              <td className="num">{row.b ? `${duration(row.b.totalMs)}${times(row.b.count)}` : '–'}</td>
              <td>
                <span className="delta" data-slower={row.deltaMs > 0 || undefined}>
                  <i style={{ width: `${(Math.abs(row.deltaMs) / most) * 45}%` }} />
                  {row.deltaMs > 0 ? '+' : ''}{duration(row.deltaMs)}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {values.length ? (
        <>
          <h3 className="section-title inset">Values that differ</h3>
          <table className="table">
            <thead>
              <tr><th style={{ width: '30%' }}>Where</th><th style={{ width: '22%' }}>Attribute</th><th>Other</th><th>This</th></tr>
            </thead>
            <tbody>
              {values.map((one) => (
                <tr key={`${one.where}/${one.key}`}>
                  <td className="clip muted">{one.where}</td>
                  <td className="clip mono">{one.key}</td>
                  <td className="clip mono muted" title={one.a.slice(0, 500)}>{one.a.slice(0, 300)}</td>
                  <td className="clip mono" title={one.b.slice(0, 500)}>{one.b.slice(0, 300)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      ) : null}
    </>
  );
}

const times = (count: number) => (count > 1 ? ` ×${count}` : '');
