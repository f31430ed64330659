import { Button, Group, Modal, Select, TextInput, Textarea } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Failure, Rows } from '../../components/States';
import type { Labels } from '../../lib/prom';
import * as api from '../../lib/rules';
import { NOW_KEY } from '../../state/range';
import { RuleChart } from './RuleChart';

/** A rule is made, or one that was made here is changed; `name` is empty for a new one. */
export function RuleDialog({ name, onClose }: { name: string | undefined; onClose: () => void }) {
  return (
    <Modal opened={name !== undefined} onClose={onClose} title={name ? `Rule ${name}` : 'New rule'} size="xl">
      {name === undefined ? null : name ? <Loaded name={name} onClose={onClose} /> : <Form draft={api.EMPTY} others={{}} onClose={onClose} />}
    </Modal>
  );
}

function Loaded({ name, onClose }: { name: string; onClose: () => void }) {
  const { data, error, refetch } = useQuery({ queryKey: ['own-rule', name], queryFn: ({ signal }) => api.load(name, signal), gcTime: 0 });
  if (data) return <Form before={name} {...api.draftOf(data)} onClose={onClose} />;
  return error ? <Failure error={error} retry={() => void refetch()} /> : <Rows count={6} />;
}

const MONO = { input: { fontFamily: 'var(--mono)', fontSize: 12 } };

function Form({ before, draft: first, others, onClose }: { before?: string; draft: api.Draft; others: Labels; onClose: () => void }) {
  const client = useQueryClient();
  const [draft, setDraft] = useState(first);
  const [looked, setLooked] = useState(false);
  const [preview, setPreview] = useState(before && first.language === 'promql' ? first.expr : '');
  const set = (part: Partial<api.Draft>) => setDraft((known) => ({ ...known, ...part }));
  const text = (key: 'name' | 'expr' | 'hold' | 'every' | 'labels' | 'summary') => ({ value: draft[key], onChange: (event: { currentTarget: { value: string } }) => set({ [key]: event.currentTarget.value }), error: looked ? problems[key] : undefined, size: 'sm' as const, spellCheck: false });
  const problems = api.problemsOf(draft);
  const done = () => {
    void client.invalidateQueries({ queryKey: [NOW_KEY, 'alerts', 'rules'] });
    onClose();
  };
  const save = useMutation({ mutationFn: () => api.save(api.groupOf(draft, others), before), onSuccess: done });
  const remove = useMutation({ mutationFn: () => api.remove(before ?? ''), onSuccess: done });
  const failure = save.error ?? remove.error;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setLooked(true);
        if (Object.keys(problems).length === 0) save.mutate();
      }}
    >
      <Group grow align="flex-start">
        <TextInput label="Name" data-autofocus {...text('name')} />
        <Select label="Language" size="sm" data={[...api.LANGUAGES]} value={draft.language} onChange={(value) => set({ language: (value as api.Language | null) ?? 'promql' })} allowDeselect={false} />
      </Group>
      <Textarea label="Fires for what this finds" mt="sm" autosize minRows={2} placeholder={PLACEHOLDERS[draft.language]} styles={MONO} onBlur={() => setPreview(draft.language === 'promql' ? draft.expr.trim() : '')} {...text('expr')} />
      {preview ? <div className="rule-preview"><RuleChart expr={preview} /></div> : null}
      <Group mt="sm" grow align="flex-start">
        <TextInput label="Once it is found for" {...text('hold')} />
        <TextInput label="Looked at every" {...text('every')} />
        <TextInput label="Labels" styles={MONO} {...text('labels')} />
      </Group>
      <TextInput label="Summary" mt="sm" placeholder="what the message says; {{ $labels.service }} and {{ $value }} are filled in" {...text('summary')} />
      {failure ? <p className="span-error" role="alert">{failure.message}</p> : null}
      <Group justify="space-between" mt="md">
        {before ? <Button variant="default" color="red" loading={remove.isPending} onClick={() => remove.mutate()}>Delete</Button> : <span />}
        <Group>
          <Button variant="default" onClick={onClose}>Cancel</Button>
          <Button type="submit" loading={save.isPending}>Save rule</Button>
        </Group>
      </Group>
    </form>
  );
}

const PLACEHOLDERS: Record<api.Language, string> = {
  promql: 'sum by (service) (rate(errors_total[5m])) > 0.1',
  logql: 'sum by (service_name) (count_over_time({service_name=~".+"} |= "failed" [1m])) > 10',
  traceql: '{ status = error } | rate() by (resource.service.name) > 1',
};
