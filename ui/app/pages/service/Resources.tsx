import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { AppLink } from '../../components/AppLink';
import { Chart } from '../../components/Chart';
import { Panel } from '../../components/Panel';
import { align } from '../../lib/align';
import { SERVICE_LABEL, quote } from '../../lib/logql';
import { niceStep, queryRange } from '../../lib/prom';
import { useRange } from '../../state/range';

const NO_HIDDEN: ReadonlySet<number> = new Set();

/** What it uses, as far as its process or its container says so; what nobody tells takes no room. */
export function Resources({ name }: { name: string }) {
  const who = `${SERVICE_LABEL}=${quote(name)}`;
  return (
    <>
      <ResourceChart title="Processor, cores in use" query={`sum(rate(process_cpu_time_seconds_total{${who}}[2m])) or sum(rate(process_cpu_seconds_total{${who}}[2m])) or sum(rate(container_cpu_time_seconds_total{${who}}[2m]))`} unit="" />
      <ResourceChart title="Memory" query={`sum(process_memory_usage_bytes{${who}}) or sum(process_resident_memory_bytes{${who}}) or sum(container_memory_usage_bytes{${who}})`} unit="bytes" />
    </>
  );
}

function ResourceChart({ title, query, unit }: { title: string; query: string; unit: string }) {
  const { window, setRange } = useRange();
  const [, setCursor] = useState<number | null>(null);
  const stepS = niceStep(window.endMs - window.startMs, 60);
  const found = useQuery({ queryKey: ['resources', query, window, stepS], queryFn: ({ signal }) => queryRange(query, window.startMs, window.endMs, stepS, signal) });
  const data = useMemo(() => align(found.data?.series ?? [], stepS * 1000), [found.data, stepS]);
  if (data.values.length === 0) return null;
  return (
    <Panel title={title} side={<AppLink to="/metrics" search={{ q: query }}>Metrics</AppLink>}>
      <Chart data={data} startMs={window.startMs} endMs={window.endMs} height={160} hidden={NO_HIDDEN} onCursor={setCursor} unit={unit} names={[title]} onZoom={(from, to) => setRange({ from: String(Math.round(from)), to: String(Math.round(to)) })} />
    </Panel>
  );
}
