import { describe, expect, it } from 'vitest';
import { type Draft, EMPTY, draftOf, groupOf, problemsOf } from '../rules';

const draft: Draft = { ...EMPTY, name: 'Slow', expr: 'up == 0', hold: '5m', every: '1m', labels: 'severity="page", team="a, b"', summary: 'it is slow' };

describe('a rule made in the interface', () => {
  it('is a group of its own, and its form again', () => {
    const group = groupOf(draft, { runbook: 'https://runbook' });
    expect(group).toEqual({
      name: 'Slow',
      interval: '1m',
      rules: [{ alert: 'Slow', expr: 'up == 0', language: 'promql', for: '5m', labels: { severity: 'page', team: 'a, b' }, annotations: { runbook: 'https://runbook', summary: 'it is slow' } }],
    });
    expect(draftOf(group)).toEqual({ draft, others: { runbook: 'https://runbook' } });
  });
  it('says nothing of what is not there', () => expect(groupOf({ ...EMPTY, name: 'A', expr: 'x > 1', labels: '' }).rules).toEqual([{ alert: 'A', expr: 'x > 1', language: 'promql' }]));
  it('is looked at before it is sent', () => {
    expect(problemsOf(draft)).toEqual({});
    expect(Object.keys(problemsOf({ ...EMPTY, hold: 'soon', every: '', labels: 'a=~"b"' })).sort()).toEqual(['every', 'expr', 'hold', 'labels', 'name']);
    expect(problemsOf({ ...draft, labels: 'x y' }).labels).toMatch(/no label/);
  });
});
