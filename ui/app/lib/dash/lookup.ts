/** The values a query variable may have, asked of the server. */
import { getJson } from '../api';
import * as loki from '../loki';
import * as prom from '../prom';
import * as tempo from '../tempo';
import { type SourceNames, sourceOf } from './datasource';
import { type Scope, interpolate } from './interpolate';
import type { Variable } from './model';
import { type Option, resultText, variableQuery } from './variables';

export type Span = { startMs: number; endMs: number; signal?: AbortSignal };

export async function lookup(variable: Variable, scope: Scope, names: SourceNames, span: Span): Promise<Option[]> {
  const source = sourceOf(variable.datasource, names);
  if ('unsupported' in source) throw new Error(`${source.unsupported} is not supported`);
  const query = variableQuery(variable);
  const fill = (text: string) => interpolate(text, scope, 'promql');
  const { startMs, endMs, signal } = span;
  if (query.kind === 'values' && source.kind === 'loki') return asOptions(await loki.labelValues(fill(query.label), startMs, endMs, signal));
  if (query.kind === 'values' && source.kind === 'tempo') return asOptions(await tempo.tagValues(fill(query.label), signal));
  if (query.kind === 'names' && source.kind === 'loki') return asOptions(await loki.labelNames(startMs, endMs, signal));
  switch (query.kind) {
    case 'values':
      return asOptions(await labelValues(fill(query.label), fill(query.selector), span));
    case 'names':
      return asOptions((await getJson<{ data: string[] | null }>('/api/v1/labels', { ...window(span), 'match[]': fill(query.selector) || undefined }, signal)).data ?? []);
    case 'metrics': {
      const pattern = new RegExp(fill(query.regex));
      return asOptions((await labelValues('__name__', '', span)).filter((name) => pattern.test(name)));
    }
    case 'result': {
      const { series } = await prom.queryInstant(fill(query.expr), endMs, signal);
      return asOptions(series.map((one) => resultText(one.labels, String(one.points[0]?.[1] ?? ''), one.points[0]?.[0] ?? 0)));
    }
    case 'series': {
      const answer = await getJson<{ data: Record<string, string>[] | null }>('/api/v1/series', { ...window(span), 'match[]': fill(query.selector) }, signal);
      return asOptions((answer.data ?? []).map((labels) => prom.seriesName(labels)));
    }
    default:
      if (!query.text) return [];
      throw new Error(`the query of the variable is not understood: ${query.text}`);
  }
}

async function labelValues(label: string, selector: string, span: Span): Promise<string[]> {
  // A selector may be a whole expression; then the values are those of its answer.
  if (selector && /[()]/.test(selector)) {
    const { series } = await prom.queryInstant(selector, span.endMs, span.signal);
    return [...new Set(series.map((one) => one.labels[label] ?? '').filter(Boolean))];
  }
  const path = `/api/v1/label/${encodeURIComponent(label)}/values`;
  return (await getJson<{ data: string[] | null }>(path, { ...window(span), 'match[]': selector || undefined }, span.signal)).data ?? [];
}

function window(span: Span) {
  return { start: Math.floor(span.startMs / 1000), end: Math.ceil(span.endMs / 1000) };
}

function asOptions(values: readonly string[]): Option[] {
  return values.map((value) => ({ text: value, value }));
}
