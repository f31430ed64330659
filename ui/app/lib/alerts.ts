/** Rules and alerts, arranged for the page. */
import { type To, logsAt, metricsAt, serviceOf, tracesAt } from './links';
import type { Labels, Rule, RuleGroup } from './prom';

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

/** From an alert to what it is about: the service and the time around its start. */
export function alertLinks(labels: Labels, atMs: number, expr: string | undefined): AlertLinks {
  const service = serviceOf(labels);
  const fallback = labels.alertname ? `ALERTS{alertname=${JSON.stringify(labels.alertname)}}` : '';
  return { logs: logsAt(service, atMs), traces: tracesAt(service, atMs), metrics: metricsAt(withoutComparison(expr ?? '') || fallback, atMs) };
}

/** `rate(x[1m]) > 0.05` hides what is normal; the left side shows it. Only a plain comparison at the end is cut. */
export function withoutComparison(expr: string): string {
  const match = /^([\s\S]*?[)\w\]}])\s*(?:>=|<=|>|<|==|!=)\s*(?:bool\s+)?-?[\d.]+(?:e[+-]?\d+)?\s*$/i.exec(expr);
  const left = match?.[1];
  // A comparison inside (and/or before it) would be cut wrongly.
  return left && !/\b(and|or|unless)\b/i.test(left) ? left.trim() : expr;
}

/** The expression of the rule that made an alert, if it still exists. */
export function exprOf(groups: readonly RuleGroup[], alertname: string | undefined): string | undefined {
  return groups.flatMap((group) => group.rules).find((rule) => rule.type === 'alerting' && rule.name === alertname)?.query;
}
