/** Trace queries of Tempo, Jaeger and Zipkin panels. */
import * as signalbox from '../signalbox';
import * as tempo from '../tempo';
import { quote } from '../logql';
import { asTraceId, traceDuration } from '../traceql';
import { type Frame, field, frame } from './frames';
import { interpolate } from './interpolate';
import { type Json, num, objs, str, strs } from './json';
import type { Panel, Target } from './model';
import type { QueryContext } from './query';

const LIMIT = 20;

/** Kinds of queries that ask who calls whom. */
export const GRAPH_QUERIES: readonly string[] = ['dependencyGraph', 'serviceMap'];

export async function traceFrames(_panel: Panel, target: Target, ctx: QueryContext): Promise<Frame[]> {
  if (GRAPH_QUERIES.includes(str(target.queryType))) return graphFrames(target.refId, await signalbox.serviceMap(ctx.startMs, ctx.endMs, ctx.signal));
  const query = interpolate(traceQuery(target), ctx.scope);
  const id = asTraceId(query);
  if (id) return [frame(target.refId, 'Trace', [field('traceID', 'string', [id])], { kind: 'trace' })];
  const found = await tempo.search(query || '{}', ctx.startMs, ctx.endMs, Math.min(200, num(target.limit) ?? LIMIT), ctx.signal);
  return [
    frame(target.refId, 'Traces', [
      field('traceID', 'string', found.map((one) => one.traceId), { config: { displayName: 'Trace ID', links: [{ title: 'Open trace', url: '/ui/trace/${__value.raw}' }] } }),
      field('startTime', 'time', found.map((one) => one.startMs), { config: { displayName: 'Start time' } }),
      field('traceService', 'string', found.map((one) => one.rootService), { config: { displayName: 'Service' } }),
      field('traceName', 'string', found.map((one) => one.rootName), { config: { displayName: 'Name' } }),
      field('traceDuration', 'number', found.map((one) => one.durationMs), { config: { displayName: 'Duration', unit: 'ms' } }),
    ], { kind: 'traces' }),
  ];
}

/** Services as nodes, calls a second as the number of an edge. */
export function graphFrames(refId: string, map: signalbox.ServiceMap): Frame[] {
  const names = [...new Set([...map.services.map((one) => one.name), ...map.edges.flatMap((one) => [one.client, one.server])])];
  const into = (name: string) => map.edges.filter((one) => one.server === name).reduce((sum, one) => sum + one.rate_per_s, 0);
  if (names.length === 0) return [];
  return [
    frame(refId, 'nodes', [field('id', 'string', names), field('title', 'string', names), field('mainstat', 'number', names.map(into), { config: { unit: 'reqps' } })]),
    frame(refId, 'edges', [field('id', 'string', map.edges.map((one) => `${one.client}_${one.server}`)), field('source', 'string', map.edges.map((one) => one.client)), field('target', 'string', map.edges.map((one) => one.server)), field('mainstat', 'number', map.edges.map((one) => one.rate_per_s), { config: { unit: 'reqps' } })]),
  ];
}

/** TraceQL of whatever the query's editor wrote. */
export function traceQuery(target: Json): string {
  const query = str(target.query);
  if (query) return query;
  const conditions: string[] = [];
  const service = str(target.serviceName) || str(target.service);
  const name = str(target.spanName) || str(target.operation);
  if (service) conditions.push(`resource.service.name = ${quote(service)}`);
  if (name && name !== 'All' && name !== 'all') conditions.push(`name = ${quote(name)}`);
  const min = traceDuration(str(target.minDuration));
  const max = traceDuration(str(target.maxDuration));
  if (min) conditions.push(`duration >= ${min}`);
  if (max) conditions.push(`duration <= ${max}`);
  for (const filter of objs(target.filters)) {
    const condition = filterText(filter);
    if (condition) conditions.push(condition);
  }
  for (const match of str(target.search ?? target.tags).matchAll(/([\w.]+)=("[^"]*"|\S+)/g)) conditions.push(`.${match[1] ?? ''} = ${match[2]?.startsWith('"') ? match[2] : quote(match[2] ?? '')}`);
  return conditions.length ? `{ ${conditions.join(' && ')} }` : '{}';
}

function filterText(filter: Json): string {
  const values = Array.isArray(filter.value) ? strs(filter.value) : [str(filter.value)].filter(Boolean);
  const tag = str(filter.tag);
  if (!tag || values.length === 0) return '';
  const scope = str(filter.scope);
  const left = scope === 'intrinsic' || ['name', 'status', 'kind', 'duration', 'rootName', 'rootServiceName', 'traceDuration'].includes(tag) ? tag : `${scope === 'unscoped' ? '' : scope}.${tag}`;
  const bare = ['status', 'kind', 'duration', 'traceDuration'].includes(tag) || filter.valueType === 'int' || filter.valueType === 'float';
  const operator = str(filter.operator, '=');
  if (values.length > 1) return `${left} ${operator === '=' ? '=~' : operator} ${quote(values.join('|'))}`;
  return `${left} ${operator} ${bare ? values[0] : quote(values[0] ?? '')}`;
}
