import { Button } from '@mantine/core';
import { AlertLinks } from '../../components/AlertLinks';
import { AppLink, ForeignLink } from '../../components/AppLink';
import { Icon } from '../../components/Icon';
import { LabelChips } from '../../components/LabelChips';
import { StatePill } from '../../components/Pills';
import { alertLinks, stateOf } from '../../lib/alerts';
import { duration, sample } from '../../lib/format';
import { type Labels, type Rule, type RuleAlert, type RuleGroup, parseValue } from '../../lib/prom';
import { safeHref } from '../../lib/links';
import { ago, dateTime } from '../../lib/time';
import { type Silence, silences as holdsBack } from '../../lib/silences';
import { RuleChart } from './RuleChart';
import { RuleHistory } from './RuleHistory';
import { labelsText } from '../../lib/routes';
import { useRange } from '../../state/range';
import { useSetSearch } from '../../state/search';

export function ruleKey(group: RuleGroup, rule: Rule): string {
  return `${group.name}/${rule.name}`;
}

type Silencing = { silences: readonly Silence[]; onSilence: (labels: Labels) => void };

type Editing = { onEdit: (() => void) | undefined };

export function RuleRow({ rule, open, active, onToggle, ...rest }: { rule: Rule; open: boolean; active: boolean; onToggle: () => void } & Editing & Silencing) {
  const state = stateOf(rule);
  const alerts = rule.alerts ?? [];
  return (
    <div className="rule" data-state={state}>
      <button type="button" className="rule-head" aria-expanded={open} data-row data-active={active} onClick={onToggle}>
        <Icon name={open ? 'down' : 'right'} size={12} />
        <StatePill state={state} text={alerts.length > 1 ? `${state} ${alerts.length}` : state} />
        <b className="clip">{rule.name}</b>
        <code className="mono clip muted">{rule.query}</code>
      </button>
      {open ? <RuleBody rule={rule} {...rest} /> : null}
    </div>
  );
}

function RuleBody({ rule, onEdit, ...silencing }: { rule: Rule } & Editing & Silencing) {
  const { nowMs } = useRange();
  const evaluated = rule.lastEvaluation ? Date.parse(rule.lastEvaluation) : NaN;
  return (
    <div className="rule-body">
      {rule.lastError ? <p className="span-error">{rule.lastError}</p> : null}
      <pre className="rule-expr">{rule.query}</pre>
      {rule.type === 'alerting' ? <RuleChart expr={rule.query} /> : null}
      {rule.type === 'alerting' ? <RuleHistory name={rule.name} /> : null}
      <dl className="facts facts-small">
        {rule.duration !== undefined ? <div><dt>For</dt><dd>{duration(rule.duration * 1000)}</dd></div> : null}
        <div><dt>Evaluated</dt><dd>{evaluated > 0 ? ago(evaluated, nowMs) : 'not yet'}</dd></div>
        {rule.evaluationTime !== undefined ? <div><dt>Took</dt><dd>{duration(rule.evaluationTime * 1000)}</dd></div> : null}
        <div>
          <dt>Look</dt>
          <dd><AppLink to="/metrics" search={{ q: rule.query }}>Run the expression</AppLink></dd>
        </div>
        {onEdit ? <div><dt>Made here</dt><dd><Button size="compact-xs" variant="default" onClick={onEdit}>Edit rule</Button></dd></div> : null}
      </dl>
      <LabelChips labels={rule.labels ?? {}} />
      {(rule.alerts ?? []).length === 0 && rule.annotations ? <Annotations annotations={rule.annotations} /> : null}
      {(rule.alerts ?? []).map((alert) => (
        <AlertCard key={JSON.stringify(alert.labels)} alert={alert} expr={rule.query} {...silencing} />
      ))}
    </div>
  );
}

function AlertCard({ alert, expr, silences, onSilence }: { alert: RuleAlert; expr: string } & Silencing) {
  const quiet = silences.find((one) => holdsBack(one, alert.labels));
  const atMs = Date.parse(alert.activeAt);
  const setSearch = useSetSearch();
  return (
    <div className="alert-card" data-state={alert.state}>
      <div className="alert-card-head">
        <StatePill state={alert.state} />
        <span className="muted">since {dateTime(atMs)}, value <span className="mono">{sample(parseValue(alert.value))}</span></span>
        <AlertLinks links={alertLinks(alert, atMs, expr)} />
        {quiet ? <span className="pill" data-tone="pending" title={quiet.comment}>silenced until {dateTime(Date.parse(quiet.endsAt))}</span> : <Button size="compact-xs" variant="default" onClick={() => onSilence(alert.labels)}>Silence</Button>}
        <Button size="compact-xs" variant="default" onClick={() => setSearch({ where: labelsText(alert.labels) }, 'replace')}>Where does it go?</Button>
      </div>
      <LabelChips labels={alert.labels} without={['alertname']} />
      <Annotations annotations={alert.annotations} />
    </div>
  );
}

export function Annotations({ annotations }: { annotations: Labels }) {
  const pairs = Object.entries(annotations);
  if (pairs.length === 0) return null;
  return (
    <dl className="annotations">
      {pairs.map(([key, value]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>{/^https?:/i.test(value) && safeHref(value) ? <ForeignLink href={value}>{value}</ForeignLink> : value}</dd>
        </div>
      ))}
    </dl>
  );
}
