/** The service map as a graph: what a box and an arrow say. */
import { duration, percent, rate } from './format';
import type { GraphEdge, GraphNode } from './graph';
import { quote } from './logql';
import type { MapEdge, Service, ServiceMap } from './signalbox';

export function graphOf(map: ServiceMap | undefined, services: readonly Service[], only?: string): { nodes: GraphNode[]; edges: GraphEdge[] } {
  const calls = (map?.edges ?? []).filter((edge) => !only || edge.client === only || edge.server === only);
  const most = calls.reduce((max, edge) => Math.max(max, edge.rate_per_s), 0);
  const known = new Map(services.map((service) => [service.name, service]));
  const names = [...new Set(calls.flatMap((edge) => [edge.client, edge.server]))].sort();
  const nodes = names.map((name): GraphNode => {
    const service = known.get(name);
    if (!service || service.spans === 0) return { id: name, title: name, label: 'sends no spans', bad: 0 };
    return { id: name, title: name, label: `${rate(service.rate_per_s)}/s, p95 ${duration(service.p95_ms)}`, bad: service.error_ratio ?? 0 };
  });
  const edges = calls.map((edge): GraphEdge => {
    const bad = edge.calls ? edge.failed / edge.calls : 0;
    return { from: edge.client, to: edge.server, label: `${rate(edge.rate_per_s)}/s${bad > 0.001 ? `, ${percent(bad)} fail` : ''}`, bad, weight: most > 0 ? edge.rate_per_s / most : 0 };
  });
  return { nodes, edges };
}

/** The spans with which one service called another. */
export function edgeQuery(edge: Pick<MapEdge, 'client' | 'server'>, failed: boolean): string {
  const status = failed ? ' && status = error' : '';
  return `{ resource.service.name = ${quote(edge.client)} } >> { resource.service.name = ${quote(edge.server)}${status} }`;
}
