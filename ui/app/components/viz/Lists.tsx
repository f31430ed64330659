/** Panels that list what is elsewhere: alerts, dashboards, one trace. */
import { useQuery } from '@tanstack/react-query';
import { interpolate } from '../../lib/dash/interpolate';
import { num, obj, str, strs } from '../../lib/dash/json';
import * as dashboards from '../../lib/dashboards';
import { alertLinks } from '../../lib/alerts';
import { matches, readMatchers } from '../../lib/silences';
import { ago } from '../../lib/time';
import { useAlerts } from '../../state/queries';
import { useRange } from '../../state/range';
import { AppLink } from '../AppLink';
import { StatePill } from '../Pills';
import { TableViz } from './TableViz';
import type { VizProps } from './types';

export function AlertList({ panel, scope }: VizProps) {
  const { data, error } = useAlerts();
  const { nowMs } = useRange();
  const { options } = panel;
  const wanted = obj(options.stateFilter);
  const any = Object.values(wanted).every((value) => value !== true);
  const name = interpolate(str(options.alertName), scope).toLowerCase();
  const filter = readMatchers(interpolate(str(options.alertInstanceLabelFilter), scope, 'promql').trim().replace(/^\{|\}$/g, ''));
  const state = (of: string) => any || wanted[of] === true || (of === 'firing' && wanted.alerting === true);
  const shown = (data ?? []).filter((alert) => alert.state !== 'inactive' && state(alert.state) && (!name || (alert.labels.alertname ?? '').toLowerCase().includes(name)) && typeof filter !== 'string' && matches(filter, alert.labels));
  shown.sort((a, b) => (num(options.sortOrder) === 2 ? -1 : 1) * (a.labels.alertname ?? '').localeCompare(b.labels.alertname ?? '') || Date.parse(b.activeAt) - Date.parse(a.activeAt));
  if (error && !data) return <div className="viz-none">{error.message}</div>;
  if (typeof filter === 'string') return <div className="viz-none">{filter}</div>;
  if (shown.length === 0) return <div className="viz-none">{data ? 'No alert matches' : ''}</div>;
  return (
    <ul className="viz-list" tabIndex={0}>
      {shown.slice(0, num(options.maxItems) ?? 20).map((alert) => {
        const at = Date.parse(alert.activeAt);
        return (
          <li key={JSON.stringify(alert.labels)}>
            <StatePill state={alert.state} />
            <AppLink to="/alerts" search={{ text: alert.labels.alertname ?? '' }}>{alert.labels.alertname ?? 'alert'}</AppLink>
            <span className="muted clip">{alert.annotations.summary ?? alert.annotations.description ?? ''}</span>
            <span className="muted viz-list-end">{ago(at, nowMs)} <AppLink {...alertLinks(alert, at, undefined).logs}>Logs</AppLink></span>
          </li>
        );
      })}
    </ul>
  );
}

export function DashList({ panel }: VizProps) {
  const { data } = useQuery({ queryKey: ['dashboards'], queryFn: ({ signal }) => dashboards.list(signal), staleTime: 10_000 });
  const tags = strs(panel.options.tags);
  const text = str(panel.options.query).toLowerCase();
  const shown = (data ?? []).filter((one) => tags.every((tag) => one.tags.includes(tag)) && one.title.toLowerCase().includes(text));
  if (shown.length === 0) return <div className="viz-none">No dashboard matches</div>;
  return (
    <ul className="viz-list" tabIndex={0}>
      {shown.slice(0, num(panel.options.maxItems) ?? 30).map((one) => (
        <li key={one.uid}>
          <AppLink to="/dashboards/$uid" params={{ uid: one.uid }} {...(panel.options.keepTime === true ? {} : { search: { from: '', to: '' } })}>{one.title}</AppLink>
          <span className="muted viz-list-end">{one.folder}</span>
        </li>
      ))}
    </ul>
  );
}

export function TracesViz(props: VizProps) {
  const id = props.frames.find((one) => one.meta?.kind === 'trace')?.fields[0]?.values[0];
  if (typeof id === 'string' && id) return <div className="viz-none"><AppLink to="/trace/$traceId" params={{ traceId: id }}>Open trace {id}</AppLink></div>;
  return <TableViz {...props} />;
}
