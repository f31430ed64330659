import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useElementSize } from '@mantine/hooks';
import { useMemo } from 'react';
import { vizOf } from '../../components/viz';
import { configure } from '../../lib/dash/config';
import type { Frame } from '../../lib/dash/frames';
import type { Scope } from '../../lib/dash/interpolate';
import type { Dashboard, Panel } from '../../lib/dash/model';
import { allPanels } from '../../lib/dash/model';
import { sourceNames } from '../../lib/dash/datasource';
import { type Mark, type PanelData, type QueryContext, runPanel } from '../../lib/dash/query';
import { transform } from '../../lib/dash/transform';
import { adhocFilters, type Resolved } from '../../lib/dash/variables';
import { useRange } from '../../state/range';

/** The panel's data, asked when it is to be seen; the key holds everything it depends on. */
export function usePanelData(panel: Panel, dashboard: Dashboard, scope: Scope, variables: readonly Resolved[], width: number, visible: boolean) {
  const { window } = useRange();
  const still = vizOf(panel.type)?.still === true;
  const points = Math.max(60, Math.round(width / 100) * 50);
  const names = useMemo(() => sourceNames(dashboard), [dashboard]);
  const values = useMemo(() => [...scope.values].map(([name, value]) => [name, value.value]), [scope.values]);
  const query = useQuery<PanelData>({
    queryKey: ['panel', panel.targets, panel.datasource ?? null, panel.type === 'table' || panel.type === 'logs' ? panel.type : '', panel.interval ?? null, panel.maxDataPoints ?? null, panel.timeFrom ?? null, panel.timeShift ?? null, values, window.startMs, window.endMs, points],
    queryFn: ({ signal }) => runPanel(panel, context(signal), (id) => allPanels(dashboard).find((one) => one.id === id)),
    enabled: visible && width > 0 && !still && panel.targets.length > 0,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });
  const context = (signal?: AbortSignal): QueryContext => ({ startMs: window.startMs, endMs: window.endMs, scope, names, points, adhoc: adhocFilters(variables), ...(signal ? { signal } : {}) });
  const frames = useMemo<Frame[]>(() => shape(panel, query.data?.frames ?? []), [panel, query.data]);
  return { ...query, frames, still, context };
}

/** Types whose values have the colour of their threshold unless something else is said. */
const BY_THRESHOLD = new Set(['stat', 'gauge', 'bargauge', 'table', 'state-timeline', 'status-history']);

function shape(panel: Panel, raw: readonly Frame[]): Frame[] {
  const { defaults, overrides } = panel.fieldConfig;
  const color = defaults.color ?? (BY_THRESHOLD.has(panel.type) ? { mode: 'thresholds' } : undefined);
  return configure(transform(raw, panel.transformations), { overrides, defaults: { ...defaults, ...(color ? { color } : {}) } });
}

type Props = { panel: Panel; data: ReturnType<typeof usePanelData>; scope: Scope; marks: readonly Mark[]; sync: string | undefined };

export function PanelBody({ panel, data, scope, marks, sync }: Props) {
  const { ref, width, height } = useElementSize<HTMLDivElement>();
  const { window, setRange } = useRange();
  const row = vizOf(panel.type);
  const asked = data.data;
  const errors = asked?.errors ?? [];
  const Component = row?.component;
  const message = data.error?.message ?? (errors.length && data.frames.length === 0 ? errors.map((one) => `${one.refId}: ${one.message}`).join('\n') : '');
  return (
    <div ref={ref} className="dash-body">
      {!Component ? (
        <div className="viz-none">There is no panel of the type {panel.type}.</div>
      ) : message ? (
        <pre className="dash-error" data-state="error">{message}</pre>
      ) : width > 0 && (data.still || asked || panel.targets.length === 0) ? (
        <Component
          panel={panel}
          frames={data.frames}
          width={width}
          height={height}
          startMs={asked?.startMs ?? window.startMs}
          endMs={asked?.endMs ?? window.endMs}
          scope={scope}
          marks={marks}
          exemplars={asked?.exemplars}
          sync={sync}
          onZoom={(from, to) => setRange({ from: String(Math.round(from)), to: String(Math.round(to)) })}
        />
      ) : (
        <div className="viz-none" data-state={data.isFetching ? 'loading' : undefined} />
      )}
    </div>
  );
}
