import { ActionIcon, Button, Checkbox, Select, TextInput } from '@mantine/core';
import { Icon } from '../../../components/Icon';
import { QueryField } from '../../../components/editor/QueryField';
import type { LanguageName } from '../../../components/editor/languages';
import { sourceNames, targetSource } from '../../../lib/dash/datasource';
import { str } from '../../../lib/dash/json';
import { type Dashboard, type Panel, type Target, refId } from '../../../lib/dash/model';

type Props = { panel: Panel; dashboard: Dashboard; onChange: (make: (now: Panel) => Panel) => void };

const SOURCES: readonly { value: string; label: string; language?: LanguageName }[] = [
  { value: 'prometheus', label: 'PromQL', language: 'promql' },
  { value: 'loki', label: 'LogQL', language: 'logql' },
  { value: 'tempo', label: 'TraceQL', language: 'traceql' },
  { value: 'expression', label: 'Expression' },
];
const TYPES: Record<string, { type: string; uid: string }> = { prometheus: { type: 'prometheus', uid: 'signalbox' }, loki: { type: 'loki', uid: 'signalbox-logs' }, tempo: { type: 'tempo', uid: 'signalbox-traces' }, expression: { type: '__expr__', uid: '__expr__' } };

export function Queries({ panel, dashboard, onChange }: Props) {
  const names = sourceNames(dashboard);
  const change = (at: number, patch: Partial<Target>) => onChange((now) => ({ ...now, targets: now.targets.map((target, i) => (i === at ? ({ ...target, ...patch } as Target) : target)) }));
  const remove = (at: number) => onChange((now) => ({ ...now, targets: now.targets.filter((_, i) => i !== at) }));
  const add = () =>
    onChange((now) => {
      const used = new Set(now.targets.map((target) => target.refId));
      let n = 0;
      while (used.has(refId(n))) n += 1;
      const like = now.targets.at(-1)?.datasource ?? now.datasource ?? TYPES.prometheus;
      return { ...now, targets: [...now.targets, { refId: refId(n), datasource: like, expr: '' }] };
    });
  return (
    <div className="queries">
      {panel.targets.map((target, i) => {
        const source = targetSource(panel, target, names);
        return <QueryRow key={target.refId} target={target} kind={'kind' in source ? source.kind : 'unsupported'} problem={'unsupported' in source ? source.unsupported : ''} onChange={(patch) => change(i, patch)} onRemove={() => remove(i)} />;
      })}
      <Button variant="default" onClick={add} leftSection={<Icon name="plus" size={12} />}>Query</Button>
    </div>
  );
}

type RowProps = { target: Target; kind: string; problem: string; onChange: (patch: Partial<Target>) => void; onRemove: () => void };

function QueryRow({ target, kind, problem, onChange, onRemove }: RowProps) {
  const language = SOURCES.find((one) => one.value === kind)?.language;
  const text = kind === 'tempo' ? str(target.query) : str(target.expr);
  return (
    <div className="query-row">
      <div className="query-row-head">
        <b className="mono">{target.refId}</b>
        <Select aria-label={`Language of ${target.refId}`} data={SOURCES.map(({ value, label }) => ({ value, label }))} value={SOURCES.some((one) => one.value === kind) ? kind : null} placeholder={problem || 'language'} onChange={(value) => (value ? onChange({ datasource: TYPES[value] }) : undefined)} w={120} allowDeselect={false} />
        <span className="query-row-end">
          <Checkbox label="Hide" size="xs" checked={target.hide === true} onChange={(event) => onChange({ hide: event.currentTarget.checked })} />
          <ActionIcon aria-label={`Remove query ${target.refId}`} onClick={onRemove}><Icon name="close" size={12} /></ActionIcon>
        </span>
      </div>
      {language ? <QueryField language={language} label={`Query ${target.refId}`} value={text} onSubmit={(query) => onChange(kind === 'tempo' ? { query, queryType: 'traceql' } : { expr: query })} onType={(query) => (query === text ? undefined : schedule(() => onChange(kind === 'tempo' ? { query, queryType: 'traceql' } : { expr: query })))} /> : null}
      {kind === 'expression' ? <Expression target={target} onChange={onChange} /> : null}
      {kind === 'prometheus' || kind === 'loki' ? (
        <div className="query-row-options">
          <TextInput label="Legend" size="xs" value={str(target.legendFormat)} placeholder="{{job}}" onChange={(event) => onChange({ legendFormat: event.currentTarget.value })} w={200} />
          <Select label="Format" data={[{ value: 'time_series', label: 'Time series' }, { value: 'table', label: 'Table' }, { value: 'heatmap', label: 'Heatmap' }]} value={str(target.format, 'time_series')} onChange={(value) => onChange({ format: value ?? 'time_series' })} w={120} allowDeselect={false} />
          <TextInput label="Least step" value={str(target.interval)} placeholder="auto" onChange={(event) => onChange({ interval: event.currentTarget.value })} w={90} />
          <Checkbox label="At the end only" size="xs" checked={target.instant === true && target.range !== true} onChange={(event) => onChange({ instant: event.currentTarget.checked, range: !event.currentTarget.checked })} />
        </div>
      ) : null}
    </div>
  );
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Somebody types: the panel follows when they pause. */
function schedule(what: () => void): void {
  clearTimeout(timer);
  timer = setTimeout(what, 700);
}

function Expression({ target, onChange }: { target: Target; onChange: (patch: Partial<Target>) => void }) {
  const type = str(target.type, 'math');
  return (
    <div className="query-row-options">
      <Select label="Operation" data={['math', 'reduce', 'resample', 'threshold']} value={type} onChange={(value) => onChange({ type: value ?? 'math' })} w={120} allowDeselect={false} />
      <TextInput label={type === 'math' ? 'Expression' : 'Input'} value={str(target.expression)} placeholder={type === 'math' ? '$A / $B * 100' : 'A'} onChange={(event) => onChange({ expression: event.currentTarget.value })} w={300} />
      {type === 'reduce' ? <Select label="Function" data={['last', 'mean', 'min', 'max', 'sum', 'count', 'median']} value={str(target.reducer, 'last')} onChange={(value) => onChange({ reducer: value ?? 'last' })} w={110} allowDeselect={false} /> : null}
    </div>
  );
}
