import { AlertLinks } from '../../components/AlertLinks';
import { AppLink } from '../../components/AppLink';
import { Panel } from '../../components/Panel';
import { StatePill } from '../../components/Pills';
import { alertLinks, ruleOf } from '../../lib/alerts';
import { serviceOf } from '../../lib/links';
import type { RuleAlert, RuleGroup } from '../../lib/prom';
import { ago } from '../../lib/time';
import { useAlerts, useRules } from '../../state/queries';
import { useRange } from '../../state/range';

/** What burns, before anything else. Nothing burning takes one quiet line, so that the page below does not jump. */
export function FiringAlerts() {
  const { data, error } = useAlerts();
  const groups = useRules().data ?? [];
  const active = (data ?? []).filter((alert) => alert.state !== 'inactive').sort(worstFirst);
  if (error && !data) return <p className="calm" role="status">Alerts are not known: {error.message}</p>;
  if (active.length === 0) return <p className="calm" role="status">{data ? 'No alert is firing.' : 'Asking for alerts…'}</p>;
  return (
    <Panel title={`Alerts (${active.length})`} side={<AppLink to="/alerts">All rules</AppLink>}>
      <ul className="firing">
        {active.map((alert) => (
          <FiringRow key={JSON.stringify(alert.labels)} alert={alert} groups={groups} />
        ))}
      </ul>
    </Panel>
  );
}

function FiringRow({ alert, groups }: { alert: RuleAlert; groups: readonly RuleGroup[] }) {
  const { nowMs } = useRange();
  const service = serviceOf(alert.labels);
  const atMs = Date.parse(alert.activeAt);
  const links = alertLinks(alert, atMs, ruleOf(groups, alert.labels.alertname, '')?.query);
  return (
    <li data-tone={alert.state}>
      <StatePill state={alert.state} />
      <span className="firing-text">
        <b>{alert.labels.alertname}</b>
        {service ? <> <AppLink to="/service/$name" params={{ name: service }} className="mono">{service}</AppLink></> : null}
        <span className="muted"> {alert.annotations.summary ?? alert.annotations.description ?? ''}</span>
      </span>
      <span className="muted firing-since">{Number.isNaN(atMs) ? '' : ago(atMs, nowMs)}</span>
      <AlertLinks links={links} />
    </li>
  );
}

function worstFirst(a: RuleAlert, b: RuleAlert): number {
  return Number(b.state === 'firing') - Number(a.state === 'firing') || Date.parse(b.activeAt) - Date.parse(a.activeAt);
}
