/** Rules and alerts, arranged for the page. */
import { type To, logsAt, metricsAt, serviceOf, tracesAt } from './links';
import type { Labels, Rule, RuleGroup, Series } from './prom';

export type RuleFilter = { state: string; text: string };

const RANK: Record<string, number> = { firing: 0, pending: 1, inactive: 2 };

/** A recording rule has no state; a rule that cannot be evaluated is worse than a quiet one. */
export function stateOf(rule: Rule): string {
  if (rule.health === 'err') return 'failing';
  return rule.type === 'alerting' ? (rule.state ?? 'inactive') : 'recording';
}

/** Groups in the server's order, rules as they stand in the file; groups without a match leave. */
export function filterRules(groups: readonly RuleGroup[], filter: RuleFilter): RuleGroup[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return groups
    .map((group) => ({
      ...group,
      rules: group.rules.filter((rule) => {
        const text = `${rule.name} ${rule.query} ${group.name} ${Object.values(rule.labels ?? {}).join(' ')}`.toLowerCase();
        return (!filter.state || stateOf(rule) === filter.state) && words.every((word) => text.includes(word));
      }),
    }))
    .filter((group) => group.rules.length > 0)
    .sort((a, b) => worst(a) - worst(b));
}

function worst(group: RuleGroup): number {
  return group.rules.reduce((least, rule) => Math.min(least, RANK[stateOf(rule)] ?? 2), 2);
}

export function countStates(groups: readonly RuleGroup[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const group of groups) {
    for (const rule of group.rules) {
      const state = stateOf(rule);
      counts[state] = (counts[state] ?? 0) + 1;
    }
  }
  return counts;
}

export type AlertLinks = { logs: To; traces: To; metrics: To };

/** What an alert says about itself; a rule and a chat message have the same two. */
export type AlertText = { labels: Labels; annotations: Labels };

/**
 * From an alert to what it is about: its service and the time around its start. A rule may name better queries in the annotations
 * `logs_query` (LogQL) and `trace_query` (TraceQL): of a service that is down there are no logs, only of those who call it.
 */
export function alertLinks({ labels, annotations }: AlertText, atMs: number, expr: string | undefined): AlertLinks {
  const service = serviceOf(labels);
  const { logs_query: logsQuery, trace_query: traceQuery } = annotations;
  const fallback = labels.alertname ? `ALERTS{alertname=${JSON.stringify(labels.alertname)}}` : '';
  const logs = logsAt(service, atMs);
  const traces = tracesAt(service, atMs);
  return {
    logs: logsQuery ? asQuery(logs, logsQuery) : logs,
    traces: traceQuery ? asQuery(traces, traceQuery) : traces,
    metrics: metricsAt(withoutComparison(expr ?? '') || fallback, atMs),
  };
}

/** The same page and time, with a written query in place of the service. */
function asQuery({ to, search: { from = '', to: until = '' } }: To, q: string): To {
  return { to, search: { from, to: until, q } };
}

/** `rate(x[1m]) > 0.05` hides what is normal; the left side shows it. Only a plain comparison at the end is cut. */
export function withoutComparison(expr: string): string {
  const match = /^([\s\S]*?[)\w\]}])\s*(?:>=|<=|>|<|==|!=)\s*(?:bool\s+)?-?[\d.]+(?:e[+-]?\d+)?\s*$/i.exec(expr);
  const left = match?.[1];
  // A comparison inside (and/or before it) would be cut wrongly.
  return left && !/\b(and|or|unless)\b/i.test(left) ? left.trim() : expr;
}

/** The number at the end of a plain comparison. */
export function thresholdOf(expr: string): number | undefined {
  if (withoutComparison(expr) === expr) return undefined;
  const found = Number(/(-?[\d.]+(?:e[+-]?\d+)?)\s*$/i.exec(expr)?.[1]);
  return Number.isFinite(found) ? found : undefined;
}

/** The rule that made a message, if it still exists: by name, or by the name in a title that somebody's template wrote. */
export function ruleOf(groups: readonly RuleGroup[], alertname: string | undefined, title: string): Rule | undefined {
  const alerting = groups.flatMap((group) => group.rules).filter((rule) => rule.type === 'alerting');
  const words = title.split(/[^\w.:-]+/);
  return alerting.find((rule) => rule.name === alertname) ?? (alertname ? undefined : alerting.find((rule) => words.includes(rule.name)));
}

export type Stretch = { state: 'pending' | 'firing'; startMs: number; endMs: number };

/** The samples of `ALERTS` as stretches of time, one row for each alert; a gap of more than a step ends one. */
export function stretches(series: readonly Series[], stepMs: number): { name: string; parts: Stretch[] }[] {
  const rows = new Map<string, Stretch[]>();
  for (const { labels, points } of series) {
    const { __name__: _metric, alertname: _rule, alertstate, ...rest } = labels;
    if (alertstate !== 'pending' && alertstate !== 'firing') continue;
    const name = Object.entries(rest).map(([key, value]) => `${key}=${value}`).join(' ');
    const parts = rows.get(name) ?? [];
    for (const [at] of points) {
      const last = parts.at(-1);
      if (last && last.state === alertstate && at - last.endMs <= stepMs * 1.5) last.endMs = at;
      else parts.push({ state: alertstate, startMs: at, endMs: at });
    }
    rows.set(name, parts);
  }
  return [...rows].map(([name, parts]) => ({ name, parts }));
}
