import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { obj, str } from '../../lib/dash/json';
import { type Plot, legendOptions, plotOf, stacked, styleOf, textOf } from '../../lib/dash/plot';
import type { Exemplar } from '../../lib/exemplars';
import { dateTime } from '../../lib/time';
import { useExemplarDots } from '../ExemplarDots';
import { Legend, legendRoom } from './Legend';
import type { VizProps } from './types';
import { type Hooks, plotOptions } from './uplot';

const NO_EXEMPLARS: readonly Exemplar[] = [];

type Cursor = { index: number; left: number; top: number } | undefined;

export function TimeSeries(props: VizProps) {
  const { panel, frames, width, height } = props;
  const plot = useMemo(() => plotOf(frames), [frames]);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const options = legendOptions(panel.options);
  const room = legendRoom(options, plot.series.filter((one) => one.inLegend).length, width, height);
  const chartWidth = options.right ? width - room : width;
  const chartHeight = options.right ? height : height - room;
  return (
    <div className={options.right ? 'viz-plot viz-plot-right' : 'viz-plot'}>
      {chartHeight > 30 && chartWidth > 60 ? <Canvas {...props} plot={plot} hidden={hidden} width={chartWidth} height={chartHeight} /> : null}
      {options.show && room > 0 ? <Legend series={plot.series} options={options} hidden={hidden} onHidden={setHidden} size={room} /> : null}
    </div>
  );
}

type CanvasProps = VizProps & { plot: Plot; hidden: ReadonlySet<string> };

function Canvas({ plot, hidden, width, height, startMs, endMs, marks, exemplars = NO_EXEMPLARS, sync, onZoom, panel }: CanvasProps) {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const scheme = useComputedColorScheme('light');
  const [cursor, setCursor] = useState<Cursor>(undefined);
  const first = plot.series[0];
  const { place, shown: dots } = useExemplarDots(exemplars, (value) => (first ? textOf(first, value) : String(value)));
  const hooks = useRef<Hooks>({ onCursor: () => {}, onZoom, marks, onDraw: place });
  hooks.current = { onZoom, marks, onDraw: place, onCursor: (index, left, top) => setCursor(index === null || left < 0 ? undefined : { index, left, top }) };

  const style = useMemo(() => styleOf(plot, hidden), [plot, hidden]);
  const data = useMemo(() => [plot.times.map((ms) => ms / 1000), ...drawable(plot, hidden)] as uPlot.AlignedData, [plot, hidden]);
  const shown = useRef<unknown>(undefined);

  useEffect(() => {
    const parent = host.current;
    if (!parent) return undefined;
    const made = new uPlot(plotOptions({ host: parent, plot, hidden, width, height, sync, hooks }), data, parent);
    made.setScale('x', { min: startMs / 1000, max: endMs / 1000 });
    chart.current = made;
    shown.current = data;
    return () => {
      chart.current = null;
      made.destroy();
    };
    // Data, time and size are followed below without building anew.
  }, [style, scheme, sync]);

  useEffect(() => {
    const made = chart.current;
    if (!made) return;
    made.batch(() => {
      if (shown.current !== data) made.setData(data, false);
      made.setScale('x', { min: startMs / 1000, max: endMs / 1000 });
    });
    shown.current = data;
  }, [data, startMs, endMs]);
  useEffect(() => {
    const made = chart.current;
    if (made && (made.width !== width || made.height !== height)) made.setSize({ width, height });
  }, [width, height]);
  const key = plot.scales[0]?.key ?? 'y';
  useEffect(() => {
    if (chart.current) place(chart.current, key);
  }, [exemplars, place, key]);
  const drawn = useRef(marks);
  useEffect(() => {
    if (drawn.current !== marks) chart.current?.redraw(false);
    drawn.current = marks;
  }, [marks]);

  const mode = str(obj(panel.options.tooltip).mode, 'single');
  const names = `${plot.series.length} series: ${plot.series.slice(0, 8).map((one) => one.name).join(', ')}`;
  return (
    <div ref={host} className="viz-canvas" style={{ height }} role={exemplars.length ? 'group' : 'img'} aria-label={`Chart of ${names}`}>
      {dots}
      {cursor && mode !== 'none' ? <Tip plot={plot} hidden={hidden} cursor={cursor} width={width} single={mode === 'single' && plot.series.length > 12} sort={str(obj(panel.options.tooltip).sort)} marks={marks} /> : null}
    </div>
  );
}

/** What a logarithmic scale cannot show is left out. */
function drawable(plot: Plot, hidden: ReadonlySet<string>): (number | null)[][] {
  const logs = new Set(plot.scales.filter((scale) => scale.log > 0).map((scale) => scale.key));
  return stacked(plot, hidden).map((values, i) => (logs.has(plot.series[i]?.scale ?? '') ? values.map((value) => (value !== null && value > 0 ? value : null)) : values));
}

const TIP_ROWS = 12;

function Tip({ plot, hidden, cursor, width, single, sort, marks }: { plot: Plot; hidden: ReadonlySet<string>; cursor: { index: number; left: number; top: number }; width: number; single: boolean; sort: string; marks: VizProps['marks'] }) {
  const at = plot.times[cursor.index];
  if (at === undefined) return null;
  const rows = plot.series.filter((one) => !hidden.has(one.name) && one.values[cursor.index] !== null && one.values[cursor.index] !== undefined);
  if (sort === 'desc' || single) rows.sort((a, b) => (b.values[cursor.index] ?? 0) - (a.values[cursor.index] ?? 0));
  else if (sort === 'asc') rows.sort((a, b) => (a.values[cursor.index] ?? 0) - (b.values[cursor.index] ?? 0));
  const right = cursor.left > width / 2;
  const near = marks.filter((mark) => at >= mark.startMs - 1 && at <= mark.endMs + 1);
  return (
    <div className="viz-tip" style={right ? { right: width - cursor.left + 8, top: 6 } : { left: cursor.left + 60, top: 6 }}>
      <div className="viz-tip-time">{dateTime(at)}</div>
      {rows.slice(0, TIP_ROWS).map((one) => (
        <div key={`${one.index}`} className="viz-tip-row">
          <i style={{ background: one.color }} />
          <span className="clip">{one.name}</span>
          <b>{textOf(one, one.values[cursor.index] ?? null)}</b>
        </div>
      ))}
      {rows.length > TIP_ROWS ? <div className="faint">and {rows.length - TIP_ROWS} more</div> : null}
      {near.slice(0, 3).map((mark, i) => (
        <div key={i} className="viz-tip-mark">{mark.title}</div>
      ))}
    </div>
  );
}
