import { Button, Group, Modal, Select, TextInput, Textarea } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { Panel } from '../../components/Panel';
import { Empty, Failure, Rows } from '../../components/States';
import type { Labels } from '../../lib/prom';
import * as api from '../../lib/silences';
import { dateTime } from '../../lib/time';
import { NOW_KEY } from '../../state/range';

const KEY = [NOW_KEY, 'alerts', 'silences'];

export function useSilences() {
  return useQuery({ queryKey: KEY, queryFn: ({ signal }) => api.list(signal) });
}

/** What is held back, until when, and why; expired ones stand last. */
export function Silences({ onNew }: { onNew: () => void }) {
  const client = useQueryClient();
  const { data, error, refetch } = useSilences();
  const expire = useMutation({ mutationFn: api.expire, onSuccess: () => client.invalidateQueries({ queryKey: KEY }) });
  const rank = { active: 0, pending: 1, expired: 2 };
  const shown = [...(data ?? [])].sort((a, b) => rank[a.status.state] - rank[b.status.state] || Date.parse(b.endsAt) - Date.parse(a.endsAt)).slice(0, 50);
  return (
    <Panel title="Silences" side={<Button size="compact-xs" variant="default" onClick={onNew}>New silence</Button>}>
      {expire.error ? <p className="span-error">{expire.error.message}</p> : null}
      {data ? (
        shown.length === 0 ? (
          <Empty title="Nothing is silenced" />
        ) : (
          <table className="table">
            <tbody>
              {shown.map((one) => (
                <tr key={one.id} data-silence={one.status.state}>
                  <td style={{ width: 90 }}><span className="pill" data-tone={one.status.state === 'active' ? 'pending' : 'ok'}>{one.status.state}</span></td>
                  <td className="clip mono">{one.matchers.map(api.matcherText).join(', ')}</td>
                  <td className="clip muted" style={{ width: '24%' }}>{one.comment}</td>
                  <td className="clip muted wide" style={{ width: 100 }}>{one.createdBy}</td>
                  <td className="muted wide" style={{ width: 190 }}>until {dateTime(Date.parse(one.endsAt))}</td>
                  <td className="num" style={{ width: 90 }}>{one.status.state === 'expired' ? null : <Button size="compact-xs" variant="default" loading={expire.isPending && expire.variables === one.id} onClick={() => expire.mutate(one.id)}>Expire</Button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )
      ) : error ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <Rows count={2} />
      )}
    </Panel>
  );
}

const LENGTHS = [['30m', 0.5], ['1h', 1], ['2h', 2], ['4h', 4], ['8h', 8], ['24h', 24], ['3d', 72], ['7d', 168]] as const;

export function SilenceDialog({ labels, onClose }: { labels: Labels | undefined; onClose: () => void }) {
  return (
    <Modal opened={labels !== undefined} onClose={onClose} title="New silence" size="lg">
      {labels ? <Form labels={labels} onClose={onClose} /> : null}
    </Modal>
  );
}

function Form({ labels, onClose }: { labels: Labels; onClose: () => void }) {
  const client = useQueryClient();
  const [text, setText] = useState(() => api.matchersOf(labels).map(api.matcherText).join(',\n'));
  const [length, setLength] = useState('2h');
  const [by, setBy] = useState('');
  const [comment, setComment] = useState('');
  const matchers = useMemo(() => api.parseMatchers(text), [text]);
  const create = useMutation({
    mutationFn: () => {
      const hours = LENGTHS.find(([name]) => name === length)?.[1] ?? 2;
      const now = Date.now();
      return api.create({ matchers: typeof matchers === 'string' ? [] : matchers, startsAt: new Date(now).toISOString(), endsAt: new Date(now + hours * 3_600_000).toISOString(), createdBy: by.trim() || 'unknown', comment: comment.trim() });
    },
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: KEY });
      onClose();
    },
  });
  const bad = typeof matchers === 'string' ? matchers : '';
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (!bad && comment.trim()) create.mutate();
      }}
    >
      <Textarea label="Matchers" size="sm" value={text} onChange={(event) => setText(event.currentTarget.value)} autosize minRows={3} error={bad || undefined} spellCheck={false} styles={{ input: { fontFamily: 'var(--mono)', fontSize: 12 } }} />
      <Group mt="sm" grow align="flex-start">
        <Select label="For" size="sm" data={LENGTHS.map(([name]) => name)} value={length} onChange={(value) => setLength(value ?? '2h')} allowDeselect={false} />
        <TextInput label="By" size="sm" value={by} onChange={(event) => setBy(event.currentTarget.value)} placeholder="your name" />
      </Group>
      <TextInput label="Why" size="sm" mt="sm" value={comment} onChange={(event) => setComment(event.currentTarget.value)} data-autofocus required />
      {create.error ? <p className="span-error" role="alert">{create.error.message}</p> : null}
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" disabled={Boolean(bad) || !comment.trim()} loading={create.isPending}>Silence</Button>
      </Group>
    </form>
  );
}
