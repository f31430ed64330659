import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { AlertLinks } from '../../components/AlertLinks';
import { AppLink } from '../../components/AppLink';
import { Chart } from '../../components/Chart';
import { Panel } from '../../components/Panel';
import { StatePill } from '../../components/Pills';
import { Empty, Failure, Rows } from '../../components/States';
import { align } from '../../lib/align';
import { alertLinks } from '../../lib/alerts';
import { bytes, count, duration, percent, rate } from '../../lib/format';
import { byService } from '../../lib/intake';
import { serviceOf } from '../../lib/links';
import { quote } from '../../lib/logql';
import { type Series, niceStep } from '../../lib/prom';
import * as signalbox from '../../lib/signalbox';
import * as tempo from '../../lib/tempo';
import { ago } from '../../lib/time';
import { useAlerts, useServices } from '../../state/queries';
import { useRange } from '../../state/range';
import { ErrorGroups } from './ErrorGroups';
import { Operations } from './Operations';
import { Resources } from './Resources';
import { FailedTraces, SlowTraces, TimeSpent } from './TimeSpent';

/** One service: how it goes, what it consists of, what it depends on, what fails and what it says. */
export default function ServicePage() {
  const { name = '' } = useParams({ strict: false }) as { name?: string };
  const { nowMs } = useRange();
  const services = useServices();
  const alerts = (useAlerts().data ?? []).filter((alert) => alert.state !== 'inactive' && serviceOf(alert.labels) === name);
  const one = services.data?.find((service) => service.name === name);
  const filter = `resource.service.name = ${quote(name)}`;
  return (
    <div className="page">
      <header className="service-head">
        <h2>{name}</h2>
        <AppLink to="/logs" search={{ service: name }}>Logs</AppLink>
        <AppLink to="/traces" search={{ service: name }}>Traces</AppLink>
        <AppLink to="/map" search={{ service: name }}>Map</AppLink>
        <AppLink to="/dashboards/$uid" params={{ uid: 'services' }}>Dashboard</AppLink>
      </header>
      {alerts.map((alert) => (
        <p key={JSON.stringify(alert.labels)} className="service-alert">
          <StatePill state={alert.state} /> <b>{alert.labels.alertname}</b> <span className="muted clip">{alert.annotations.summary}</span> <span className="muted">{ago(Date.parse(alert.activeAt), nowMs)}</span>
          <AlertLinks links={alertLinks(alert, Date.parse(alert.activeAt), undefined)} />
        </p>
      ))}
      {services.error && !services.data ? <Failure error={services.error} retry={() => void services.refetch()} /> : null}
      {services.data && !one ? <Empty title="Nothing came from this service">Neither spans nor logs in this time range.</Empty> : null}
      {one ? <Facts one={one} /> : null}
      {one ? (
        <div className="service-charts">
          <TraceChart title="Requests, per second" queries={[`{ ${filter} && kind = server } | rate()`]} names={['all']} unit="rate" />
          <TraceChart title="Errors, per second" queries={[`{ ${filter} && kind = server && status = error } | rate()`]} names={['failed']} unit="rate" />
          <TraceChart title="Duration" queries={[`{ ${filter} && kind = server } | quantile_over_time(duration, .5, .95, .99)`]} names={[]} unit="seconds" />
          <TraceChart title="Requests by version" queries={[`{ ${filter} && kind = server } | rate() by (resource.service.version)`]} names={[]} unit="rate" />
          <Resources name={name} />
        </div>
      ) : null}
      {one ? <Operations service={name} /> : null}
      <div className="service-columns">
        <Dependencies name={name} />
        {one ? <ErrorGroups name={name} /> : null}
        {one ? <FailedTraces name={name} /> : null}
        {one ? <TimeSpent name={name} /> : null}
        {one ? <SlowTraces name={name} p95Ms={one.p95_ms} /> : null}
      </div>
    </div>
  );
}

function Facts({ one }: { one: signalbox.Service }) {
  const { nowMs } = useRange();
  const endMs = Math.floor(nowMs / 60_000) * 60_000;
  // The key of the Status page's table: asked once for both.
  const cost = useQuery({ queryKey: ['intake-services', endMs], queryFn: ({ signal }) => byService(endMs - 3_600_000, endMs, signal), staleTime: 60_000 }).data?.find((row) => row.name === one.name);
  return (
    <dl className="facts status-facts">
      <div><dt>Requests</dt><dd>{rate(one.rate_per_s)}/s</dd></div>
      <div><dt>Errors</dt><dd data-bad={(one.error_ratio ?? 0) > 0.01}>{percent(one.error_ratio)}</dd></div>
      <div><dt>p50</dt><dd>{duration(one.p50_ms)}</dd></div>
      <div><dt>p95</dt><dd>{duration(one.p95_ms)}</dd></div>
      <div><dt>p99</dt><dd>{duration(one.p99_ms)}</dd></div>
      <div><dt>Log lines</dt><dd>{count(one.logs)}</dd></div>
      <div><dt>Error lines</dt><dd data-bad={one.error_logs > 0}>{count(one.error_logs)}</dd></div>
      <div><dt>Spans</dt><dd>{count(one.spans)}</dd></div>
      {cost ? <div><dt>Log bytes, last hour</dt><dd>{bytes(cost.bytes)}</dd></div> : null}
      {cost ? <div><dt>Series</dt><dd>{count(cost.series)}</dd></div> : null}
    </dl>
  );
}

const NO_HIDDEN: ReadonlySet<number> = new Set();

function TraceChart({ title, queries, names, unit }: { title: string; queries: string[]; names: string[]; unit: 'rate' | 'seconds' }) {
  const { window, setRange } = useRange();
  const [, setCursor] = useState<number | null>(null);
  const stepS = niceStep(window.endMs - window.startMs, 60);
  const found = useQuery({
    queryKey: ['trace-metrics', queries, window, stepS],
    queryFn: async ({ signal }) => (await Promise.all(queries.map((query) => tempo.metrics(query, window.startMs, window.endMs, stepS, signal)))).flat(),
  });
  const series = useMemo<Series[]>(() => (found.data ?? []).map((one, i) => ({ ...one, labels: { series: names[i] ?? Object.values(one.labels).join(' ') }, points: unit === 'rate' ? withZeros(one.points, window.startMs, window.endMs, stepS * 1000) : one.points })), [found.data, names, unit, window, stepS]);
  const data = useMemo(() => align(series, stepS * 1000), [series, stepS]);
  return (
    <Panel title={title} side={<AppLink to="/traces" search={{ q: (queries[0] ?? '').replace(/\s*\|.*$/, '') }}>Traces</AppLink>}>
      {found.error ? <Failure error={found.error} /> : !found.data ? <Rows count={5} height={30} /> : series.length === 0 ? <Empty title="No data" /> : (
        <Chart data={data} startMs={window.startMs} endMs={window.endMs} height={160} hidden={NO_HIDDEN} onCursor={setCursor} unit={unit === 'seconds' ? 's' : ''} names={series.map((one) => one.labels.series ?? '')} onZoom={(from, to) => setRange({ from: String(Math.round(from)), to: String(Math.round(to)) })} />
      )}
    </Panel>
  );
}

/** Where nobody asked the rate is zero, not unknown. */
function withZeros(points: Series['points'], startMs: number, endMs: number, stepMs: number): Series['points'] {
  const known = new Map(points);
  const first = points[0]?.[0] ?? startMs;
  const offset = ((first % stepMs) + stepMs) % stepMs;
  const out: Series['points'] = [];
  for (let at = Math.ceil((startMs - offset) / stepMs) * stepMs + offset; at <= endMs; at += stepMs) out.push([at, known.get(at) ?? 0]);
  return out;
}

function Dependencies({ name }: { name: string }) {
  const { window } = useRange();
  const map = useQuery({ queryKey: ['map', window], queryFn: ({ signal }) => signalbox.serviceMap(window.startMs, window.endMs, signal) });
  const about = map.data?.services.find((service) => service.name === name);
  const edges = (map.data?.edges ?? []).filter((edge) => edge.client === name || edge.server === name);
  return (
    <Panel title="Depends on, and is called by" side={about ? `${about.versions.join(', ') || 'no version'}, ${about.instances.length === 1 ? 'one instance' : `${about.instances.length} instances`}` : undefined}>
      {map.error ? <Failure error={map.error} /> : !map.data ? <Rows count={4} /> : edges.length === 0 ? <Empty title="No calls seen" /> : (
        <table className="table">
          <tbody>
            {edges.map((edge) => {
              const other = edge.client === name ? edge.server : edge.client;
              return (
                <tr key={`${edge.client}/${edge.server}/${edge.kind}`}>
                  <td className="muted" style={{ width: 84 }}>{edge.client === name ? 'calls' : 'called by'}</td>
                  <td className="clip"><AppLink to="/service/$name" params={{ name: other }}>{other}</AppLink></td>
                  <td className="num" style={{ width: 80 }}>{rate(edge.rate_per_s)}/s</td>
                  <td className="num" style={{ width: 70 }} data-tone={edge.failed ? 'bad' : undefined}>{percent(edge.calls ? edge.failed / edge.calls : 0)}</td>
                  <td className="num" style={{ width: 90 }}>{duration(edge.mean_ms)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
