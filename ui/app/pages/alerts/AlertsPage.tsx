import { Button, SegmentedControl } from '@mantine/core';
import { type ReactNode, useMemo, useState } from 'react';
import { AppLink } from '../../components/AppLink';
import { Panel } from '../../components/Panel';
import { SearchBox } from '../../components/SearchBox';
import { Empty, Failure, FailureLine, Rows } from '../../components/States';
import { countStates, filterRules } from '../../lib/alerts';
import type { Labels, RuleGroup } from '../../lib/prom';
import { OWN } from '../../lib/rules';
import { useRules } from '../../state/queries';
import { useSearchAll, useSetSearch } from '../../state/search';
import { useListKeys } from '../../components/useListKeys';
import { Notifications } from './Notifications';
import { RuleDialog } from './RuleDialog';
import { RuleRow, ruleKey } from './RuleRow';
import { Routes } from './Routes';
import { SilenceDialog, Silences, useSilences } from './Silences';

export default function AlertsPage() {
  const { data, error, refetch } = useRules();
  const retry = () => void refetch();
  const [silenced, setSilenced] = useState<Labels>();
  const [edited, setEdited] = useState<string>();
  const add = <Button size="compact-sm" variant="default" onClick={() => setEdited('')}>New rule</Button>;
  return (
    <div className="page">
      {data && error ? <FailureLine error={error} retry={retry} /> : null}
      {data ? (
        data.length ? (
          <Groups groups={data} add={add} onEdit={setEdited} onSilence={setSilenced} />
        ) : (
          <Panel title="Rules" side={add}>
            <Empty title="No rule is loaded">Make one here, or put Prometheus rule files (groups of rules, YAML) into the rules directory; they are read when they change.</Empty>
          </Panel>
        )
      ) : error ? (
        <Panel title="Rules">
          <Failure error={error} retry={retry} />
        </Panel>
      ) : (
        <Panel title="Rules">
          <Rows count={10} />
        </Panel>
      )}
      <Silences onNew={() => setSilenced({})} />
      <Routes />
      <Notifications />
      <RuleDialog name={edited} onClose={() => setEdited(undefined)} />
      <SilenceDialog labels={silenced} onClose={() => setSilenced(undefined)} />
    </div>
  );
}

type GroupsProps = { groups: RuleGroup[]; add: ReactNode; onEdit: (name: string) => void; onSilence: (labels: Labels) => void };

function Groups({ groups, add, onEdit, onSilence }: GroupsProps) {
  const silences = useSilences().data ?? [];
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const state = search.state ?? '';
  const shown = useMemo(() => filterRules(groups, { state, text: search.text ?? '' }), [groups, state, search.text]);
  const counts = countStates(groups);
  const rules = shown.flatMap((group) => group.rules.map((rule) => ruleKey(group, rule)));
  const toggle = (key: string) => setSearch({ rule: search.rule === key ? undefined : key }, 'replace');
  const { active } = useListKeys(
    rules.length,
    (index) => toggle(rules[index] ?? ''),
    (index) => document.querySelectorAll('[data-row]')[index]?.scrollIntoView({ block: 'nearest' }),
  );
  const states = ['firing', 'pending', 'inactive', 'recording', 'failing'].filter((name) => counts[name] || name === 'firing');
  return (
    <>
      <div className="alerts-bar">
        <SegmentedControl
          value={state}
          onChange={(value) => setSearch({ state: value || undefined }, 'replace')}
          data={[{ value: '', label: 'All' }, ...states.map((name) => ({ value: name, label: `${name} ${counts[name] ?? 0}` }))]}
        />
        <SearchBox label="Find a rule" value={search.text ?? ''} onSubmit={(text) => setSearch({ text: text || undefined }, 'replace')} placeholder="name, expression or label" />
        {add}
      </div>
      {shown.map((group) => (
        <Panel key={`${group.file}/${group.name}`} title={group.name} side={<span className="clip">{`every ${group.interval} s`}<span className="faint group-file"> {fileName(group.file)}</span></span>}>
          {group.rules.map((rule) => {
            const key = ruleKey(group, rule);
            return <RuleRow key={key} rule={rule} open={search.rule === key} active={rules[active] === key} onToggle={() => toggle(key)} onEdit={group.file === OWN ? () => onEdit(group.name) : undefined} silences={silences} onSilence={onSilence} />;
          })}
        </Panel>
      ))}
      {shown.length === 0 ? (
        <Panel>
          <Empty title="No rule matches" action={<AppLink to="/alerts">Show all rules</AppLink>} />
        </Panel>
      ) : null}
    </>
  );
}

function fileName(path: string): string {
  return path.split('/').pop() ?? path;
}
