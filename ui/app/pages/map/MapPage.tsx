import { Select } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { AppLink } from '../../components/AppLink';
import { Graph } from '../../components/Graph';
import { SidePanel } from '../../components/SidePanel';
import { Empty, Failure, FailureLine, Rows } from '../../components/States';
import { duration, percent, rate } from '../../lib/format';
import type { GraphEdge } from '../../lib/graph';
import { edgeQuery, graphOf } from '../../lib/map';
import * as signalbox from '../../lib/signalbox';
import { useServices } from '../../state/queries';
import { useRange } from '../../state/range';
import { useGo, useSearchAll, useSetSearch } from '../../state/search';

/** Who calls whom in the chosen time; moving the time range is travelling in time. */
export default function MapPage() {
  const { window } = useRange();
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const go = useGo();
  const map = useQuery({ queryKey: ['map', window], queryFn: ({ signal }) => signalbox.serviceMap(window.startMs, window.endMs, signal) });
  const services = useServices();
  const { ref, width, height } = useElementSize<HTMLDivElement>();
  const [edge, setEdge] = useState<GraphEdge>();
  const selected = search.service;
  const { nodes, edges } = useMemo(() => graphOf(map.data, services.data ?? [], selected), [map.data, services.data, selected]);
  const picked = edge ? map.data?.edges.find((one) => one.client === edge.from && one.server === edge.to) : undefined;
  const retry = () => void map.refetch();
  const names = useMemo(() => [...new Set((map.data?.edges ?? []).flatMap((one) => [one.client, one.server]))].sort(), [map.data]);
  return (
    <div className="page-fixed">
      <div className="querybar">
        <Select aria-label="Only around a service" placeholder="All services" data={names} value={selected ?? null} onChange={(value) => setSearch({ service: value ?? undefined }, 'replace')} searchable clearable w={220} />
        <span className="muted">{map.data ? `${nodes.length} services, ${edges.length} connections` : '\u00a0'}</span>
        <span className="faint">Click a service for its page, a connection for its calls.</span>
      </div>
      {map.error && map.data ? <FailureLine error={map.error} retry={retry} /> : null}
      <div className="trace-body">
        <div ref={ref} className="map-box">
          {map.data ? (
            nodes.length ? (
              width > 0 ? <Graph nodes={nodes} edges={edges} width={width} height={height} {...(selected ? { selected } : {})} onNode={(name) => go(`/service/${encodeURIComponent(name)}`)} onEdge={setEdge} /> : null
            ) : (
              <Empty title="No service called another">In this time range no trace has spans of two services.</Empty>
            )
          ) : map.error ? (
            <Failure error={map.error} retry={retry} />
          ) : (
            <Rows count={10} />
          )}
        </div>
        {picked ? <EdgePanel edge={picked} onClose={() => setEdge(undefined)} /> : null}
      </div>
    </div>
  );
}

function EdgePanel({ edge, onClose }: { edge: signalbox.MapEdge; onClose: () => void }) {
  return (
    <SidePanel title={`${edge.client} → ${edge.server}`} onClose={onClose}>
      <dl className="facts facts-small">
        <div><dt>Calls</dt><dd>{rate(edge.rate_per_s)}/s</dd></div>
        <div><dt>Failed</dt><dd data-bad={edge.failed > 0}>{percent(edge.calls ? edge.failed / edge.calls : 0)}</dd></div>
        <div><dt>Mean</dt><dd>{duration(edge.mean_ms)}</dd></div>
        {edge.kind ? <div><dt>Kind</dt><dd>{edge.kind}</dd></div> : null}
      </dl>
      <div className="links">
        <AppLink to="/traces" search={{ q: edgeQuery(edge, false) }}>Traces of these calls</AppLink>
        <AppLink to="/traces" search={{ q: edgeQuery(edge, true) }}>Failed ones</AppLink>
        {edge.slowest ? <AppLink to="/trace/$traceId" params={{ traceId: edge.slowest.trace_id }} search={{ span: edge.slowest.span_id }}>Slowest, {duration(edge.slowest.ms)}</AppLink> : null}
        <AppLink to="/service/$name" params={{ name: edge.client }}>{edge.client}</AppLink>
        <AppLink to="/service/$name" params={{ name: edge.server }}>{edge.server}</AppLink>
      </div>
    </SidePanel>
  );
}
