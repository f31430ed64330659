import { describe, expect, it } from 'vitest';
import { alertLinks, filterRules, ruleOf, stateOf, withoutComparison } from '../alerts';
import { encodeParams, splitEvents } from '../api';
import { safeHref, serviceOf } from '../links';
import type { Rule } from '../prom';
import { logTicks } from '../scale';
import { parseSearch, stringifySearch } from '../search';
import { sortServices } from '../services';
import { type Service, parseLive } from '../signalbox';
import { statusSections, valueText } from '../status';
import { instant, isValid, resolve } from '../time';

const NOW = 1_763_930_000_000;

describe('time', () => {
  it.each([['now', NOW], ['now-15m', NOW - 900_000], ['now-2d', NOW - 172_800_000], ['1763930000', NOW], ['1763930000000', NOW], ['2025-11-23T20:33:20Z', NOW], ['soon', undefined], ['', undefined], ['now-', undefined], ['now-1q', undefined]])('%s', (text, ms) =>
    expect(instant(text, NOW)).toBe(ms),
  );
  it('falls back where the URL is nonsense', () => {
    expect(resolve({ from: 'x', to: 'now' }, NOW)).toEqual({ startMs: NOW - 900_000, endMs: NOW });
    expect(resolve({ from: 'now', to: 'now-1h' }, NOW)).toEqual({ startMs: NOW - 900_000, endMs: NOW });
    expect(isValid({ from: 'now-1h', to: 'now' }, NOW)).toBe(true);
  });
});

describe('links', () => {
  it.each([['https://a.example/x', 'https://a.example/x'], ['HTTP://a.example', 'http://a.example/'], ['/ui/logs?x=1', '/ui/logs?x=1'], ['//evil.example', undefined], ['/\\evil.example', undefined], ['javascript:alert(1)', undefined], [' JaVaScRiPt:alert(1)', undefined], ['data:text/html,x', undefined], ['https://', undefined], ['ftp://x', undefined]])(
    '%j',
    (given, href) => expect(safeHref(given)).toBe(href),
  );
  it('finds the service of an alert', () => expect([serviceOf({ job: 'shop/cart' }), serviceOf({ service: 'x', job: 'y' }), serviceOf({})]).toEqual(['cart', 'x', '']));
});

describe('search', () => {
  it('round-trips hostile text', () => {
    const search = { q: '{a="&=#%+ ü"}', text: '<script>' };
    expect(parseSearch(stringifySearch(search).slice(1))).toEqual(search);
  });
  it('drops what is empty or not text', () => expect(stringifySearch({ a: '', b: undefined, c: 3, d: 'x' })).toBe('?d=x'));
  it('repeats list parameters', () => expect(encodeParams({ a: ['1', '2'], b: undefined, c: 0 })).toBe('a=1&a=2&c=0'));
});

describe('event stream', () => {
  it('splits complete events and keeps the rest', () => expect(splitEvents('data: {"a":1}\n\n: ping\n\nevent: x\r\ndata: b\r\ndata: c\r\n\r\ndata: ha')).toEqual({ events: ['{"a":1}', 'b\nc'], rest: 'data: ha' }));
  it('ignores events it does not know', () => expect([parseLive('{"kind":"alerts"}'), parseLive('{"kind":"x"}'), parseLive('nonsense')]).toEqual([{ kind: 'alerts' }, undefined, undefined]));
});

describe('alerts', () => {
  const rule = (name: string, more: Partial<Rule> = {}): Rule => ({ type: 'alerting', name, query: `${name}_total > 1`, health: 'ok', state: 'inactive', ...more });
  const groups = [{ name: 'a', file: 'a.yml', interval: 5, rules: [rule('quiet'), rule('broken', { health: 'err' })] }, { name: 'b', file: 'b.yml', interval: 5, rules: [rule('loud', { state: 'firing', labels: { team: 'shop' } })] }];
  it('puts burning groups first', () => expect(filterRules(groups, { state: '', text: '' }).map((g) => g.name)).toEqual(['b', 'a']));
  it('filters by state and by words anywhere', () => {
    expect(filterRules(groups, { state: 'failing', text: '' }).flatMap((g) => g.rules.map((r) => r.name))).toEqual(['broken']);
    expect(filterRules(groups, { state: '', text: 'SHOP loud' })).toHaveLength(1);
    expect(stateOf(rule('x', { type: 'recording' }))).toBe('recording');
  });
  it.each([['rate(x[1m]) > 0.05', 'rate(x[1m])'], ['up == bool 0', 'up'], ['a > 1 and b > 2', 'a > 1 and b > 2'], ['a > b', 'a > b'], ['sum(x) / sum(y) >= 1e-3', 'sum(x) / sum(y)'], ['x', 'x']])('metrics of %s', (expr, left) => expect(withoutComparison(expr)).toBe(left));
  it('finds the rule of a message by the name in its title', () => {
    expect(ruleOf(groups, undefined, 'Firing: loud (cart)')?.name).toBe('loud');
    expect(ruleOf(groups, 'gone', 'loud')).toBeUndefined();
  });
  it('follows the queries a rule names', () => {
    const links = alertLinks({ labels: { service: 'review' }, annotations: { logs_query: '{a="b"}' } }, NOW, undefined);
    expect(links.logs.search).toMatchObject({ q: '{a="b"}' });
    expect(links.logs.search.service).toBeUndefined();
    expect(links.traces.search).toMatchObject({ service: 'review' });
  });
  it('links to ALERTS when the rule is gone', () => expect(alertLinks({ labels: { alertname: 'A"' }, annotations: {} }, NOW, ruleOf(groups, 'A"', '')?.query).metrics.search.q).toBe('ALERTS{alertname="A\\""}'));
});

describe('services', () => {
  const service = (name: string, error_ratio: number | null): Service => ({ name, error_ratio, spans: 1, errors: 0, rate_per_s: 1, p50_ms: null, p95_ms: null, p99_ms: null, logs: 0, error_logs: 0, last_seen_ms: null, spark: [] });
  it('stand still while errors are noise', () => expect(sortServices([service('b', 0.001), service('a', 0), service('c', 0.3), service('d', null)], 'errors').map((s) => s.name)).toEqual(['c', 'a', 'b', 'd']));
});

describe('status', () => {
  it('makes a table of whatever comes', () =>
    expect(statusSections({ version: '1', ready: true, tenants: [], quarantined: [], wal: { size_bytes: 2048, inner: { last_sync_ms: 3 } }, lines: 7, gone: null })).toEqual([
      { title: 'Server', rows: [{ name: 'Lines', values: ['7'] }] },
      { title: 'WAL', rows: [{ name: 'Size', values: ['2 KiB'] }] },
      { title: 'Inner', rows: [{ name: 'Last sync', values: ['3 ms'] }] },
    ]));
  it('puts the signals side by side', () => {
    const signal = (name: string, rows: number) => ({ tenant: 'a', signal: name, head_rows: rows, flushed_through: ['1.2'] });
    expect(statusSections({ version: '1', ready: true, tenants: [], quarantined: [], storage: { signals: [signal('logs', 1), signal('spans', 20)] } })).toEqual([
      { title: 'Signals', columns: ['logs', 'spans'], rows: [{ name: 'Head rows', values: ['1', '20'] }, { name: 'Flushed through', values: ['1.2', '1.2'] }] },
    ]);
  });
  it('reads units from names', () => expect([valueText('x_s', 90), valueText('ok', true), valueText('n', 1.5), valueText('t', null)]).toEqual(['1 min 30 s', 'yes', '1.5', '–']));
});

it('thins out ticks of a wide scale', () => expect([logTicks(0.5, 200), logTicks(0.001, 100_000)]).toEqual([[1, 10, 100], [0.001, 0.1, 10, 1000, 100_000]]));
