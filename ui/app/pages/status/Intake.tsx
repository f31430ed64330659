import { useQuery } from '@tanstack/react-query';
import { AppLink } from '../../components/AppLink';
import { Panel } from '../../components/Panel';
import { Empty, Failure, Rows } from '../../components/States';
import { type Sample, ownMetrics, sumBy } from '../../lib/exposition';
import { bytes, count, integer, percent } from '../../lib/format';
import * as status from '../../lib/intake';
import { NOW_KEY, useRange } from '../../state/range';

const HOUR_MS = 3_600_000;

/** What comes in: by protocol, by service, and what was not taken and why. */
export function Intake() {
  const own = useQuery({ queryKey: [NOW_KEY, 'own-metrics'], queryFn: ({ signal }) => ownMetrics(signal), staleTime: 5_000 });
  return (
    <>
      <Panel title="Taken in by protocol">
        {own.error ? <Failure error={own.error} retry={() => void own.refetch()} /> : !own.data ? <Rows count={4} height={28} /> : <Protocols samples={own.data} />}
      </Panel>
      <Panel title="Not taken, and why">
        {own.data ? <Refused samples={own.data} /> : own.error ? <Failure error={own.error} /> : <Rows count={3} height={28} />}
      </Panel>
      <Services />
      <Cardinality />
    </>
  );
}

function Protocols({ samples }: { samples: readonly Sample[] }) {
  const rows = status.protocols(samples);
  if (rows.length === 0) return <Empty title="Nothing came in since the start" />;
  return (
    <table className="table status-table">
      <thead><tr><th>Protocol</th><th className="num">Requests</th><th className="num">Refused</th></tr></thead>
      <tbody>
        {rows.map((row) => <tr key={row.name}><td className="clip">{row.name}</td><td className="num mono">{integer(row.requests)}</td><td className="num mono" data-tone={row.refused ? 'bad' : undefined}>{integer(row.refused)}</td></tr>)}
      </tbody>
    </table>
  );
}

const WHY = [
  ['signalbox_records_rejected_total', 'rejected', 'reason'],
  ['signalbox_records_refused_total', 'told to retry', 'reason'],
  ['signalbox_records_dropped_total', 'dropped by a rule', 'rule'],
  ['signalbox_label_overflow_points_total', 'folded', 'label'],
] as const;

function Refused({ samples }: { samples: readonly Sample[] }) {
  const rows = WHY.flatMap(([name, what, key]) => sumBy(samples, name, ['signal', key]).filter((one) => one.value > 0).map((one) => ({ what, signal: one.labels.signal ?? '', why: one.labels[key] ?? '', value: one.value })));
  const received = sumBy(samples, 'signalbox_records_received_total', ['signal']);
  return (
    <table className="table status-table">
      <thead><tr><th>Signal</th><th>What</th><th>Why</th><th className="num">Records</th></tr></thead>
      <tbody>
        {received.map((one) => <tr key={one.labels.signal}><td>{one.labels.signal}</td><td className="muted">received</td><td /><td className="num mono">{integer(one.value)}</td></tr>)}
        {rows.map((row) => <tr key={`${row.signal}/${row.what}/${row.why}`}><td>{row.signal}</td><td className="muted">{row.what}</td><td className="clip mono" data-tone="bad">{row.why}</td><td className="num mono">{integer(row.value)}</td></tr>)}
        {rows.length === 0 ? <tr><td colSpan={4} className="muted">All of it was taken.</td></tr> : null}
      </tbody>
    </table>
  );
}

const SHOWN = 12;

function Services() {
  const { nowMs } = useRange();
  const endMs = Math.floor(nowMs / 60_000) * 60_000;
  const found = useQuery({ queryKey: ['intake-services', endMs], queryFn: ({ signal }) => status.byService(endMs - HOUR_MS, endMs, signal), staleTime: 60_000 });
  const all = (found.data ?? []).reduce((sum, row) => sum + row.logs + row.spans, 0);
  return (
    <Panel title="Taken in by service, last hour">
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : !found.data ? <Rows count={5} height={28} /> : found.data.length === 0 ? <Empty title="No service sent anything" /> : (
        <table className="table status-table">
          <thead><tr><th>Service</th><th className="num">Log lines</th><th className="num wide">Log bytes</th><th className="num">Spans</th><th className="num">Series</th><th className="num wide">Share</th></tr></thead>
          <tbody>
            {found.data.slice(0, SHOWN).map((row) => (
              <tr key={row.name}>
                <td className="clip"><AppLink to="/service/$name" params={{ name: row.name }}>{row.name}</AppLink></td>
                <td className="num mono">{count(row.logs)}</td>
                <td className="num mono wide">{bytes(row.bytes)}</td>
                <td className="num mono">{count(row.spans)}</td>
                <td className="num mono">{count(row.series)}</td>
                <td className="num muted wide">{percent(all ? (row.logs + row.spans) / all : 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Cardinality() {
  const found = useQuery({ queryKey: [NOW_KEY, 'cardinality'], queryFn: ({ signal }) => status.cardinality(signal), staleTime: 60_000 });
  return (
    <Panel title="Cardinality, last hour" side={found.data ? `${integer(found.data.series)} series` : undefined}>
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : !found.data ? <Rows count={5} height={28} /> : (
        <table className="table status-table">
          <tbody>
            {found.data.lists.map((list) => [
              <tr key={list.title}><th colSpan={2}>{list.title}</th></tr>,
              ...list.rows.slice(0, 6).map((row) => <tr key={`${list.title}/${row.name}`}><td className="clip mono">{list.metric ? <AppLink to="/metrics" search={{ q: `count({__name__=${JSON.stringify(row.name)}})` }}>{row.name}</AppLink> : row.name}</td><td className="num mono" style={{ width: 110 }}>{integer(row.value)}</td></tr>),
            ])}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
