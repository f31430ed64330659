/** Every type of panel, one row each. */
import type { ComponentType } from 'react';
import { useMemo } from 'react';
import { histogram } from '../../lib/dash/transform/compute';
import '../../styles/dashboards.css';
import '../../styles/viz.css';
import { BarChart } from './BarChart';
import { BarGauge } from './BarGauge';
import { Gauge } from './Gauge';
import { Heatmap } from './Heatmap';
import { AlertList, DashList, TracesViz } from './Lists';
import { LogsViz } from './LogsViz';
import { NodeGraph } from './NodeGraph';
import { Pie } from './Pie';
import { Stat } from './Stat';
import { States } from './States';
import { TableViz } from './TableViz';
import { Text } from './Text';
import { TimeSeries } from './TimeSeries';
import type { VizProps } from './types';

type Row = { type: string; title: string; component: ComponentType<VizProps>; /** Asks no data of its own. */ still?: boolean };

export const VIZ: readonly Row[] = [
  { type: 'timeseries', title: 'Time series', component: TimeSeries },
  { type: 'stat', title: 'Stat', component: Stat },
  { type: 'gauge', title: 'Gauge', component: Gauge },
  { type: 'bargauge', title: 'Bar gauge', component: BarGauge },
  { type: 'barchart', title: 'Bar chart', component: BarChart },
  { type: 'table', title: 'Table', component: TableViz },
  { type: 'heatmap', title: 'Heatmap', component: Heatmap },
  { type: 'histogram', title: 'Histogram', component: Histogram },
  { type: 'piechart', title: 'Pie chart', component: Pie },
  { type: 'state-timeline', title: 'State timeline', component: States },
  { type: 'status-history', title: 'Status history', component: States },
  { type: 'logs', title: 'Logs', component: LogsViz },
  { type: 'traces', title: 'Traces', component: TracesViz },
  { type: 'nodeGraph', title: 'Node graph', component: NodeGraph },
  { type: 'text', title: 'Text', component: Text, still: true },
  { type: 'alertlist', title: 'Alert list', component: AlertList, still: true },
  { type: 'dashlist', title: 'Dashboard list', component: DashList, still: true },
];

export function vizOf(type: string): Row | undefined {
  return VIZ.find((row) => row.type === type);
}

function Histogram(props: VizProps) {
  const { panel } = props;
  const frames = useMemo(() => (props.frames.some((one) => one.fields.some((field) => field.name === 'xMin')) ? props.frames : histogram(props.frames, panel.options)), [props.frames, panel.options]);
  return <BarChart {...props} frames={frames} />;
}
