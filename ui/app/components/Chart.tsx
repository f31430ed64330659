/** uPlot behind one component: series in, canvas out. Nothing else in the app knows the library. */
import { useComputedColorScheme } from '@mantine/core';
import { useElementSize, useMergedRef } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { unitText } from '../lib/dash/units';
import type { Exemplar } from '../lib/exemplars';
import { sample } from '../lib/format';
import { colorAt } from '../lib/colors';
import type { Aligned } from '../lib/align';
import { clock, dayText } from '../lib/time';
import { useExemplarDots } from './ExemplarDots';

type Props = {
  data: Aligned;
  startMs: number;
  endMs: number;
  height: number;
  hidden: ReadonlySet<number>;
  /** A unit of dashboards; without one numbers stand as they are. */
  unit?: string;
  /** Shown with their values where the cursor is. */
  names?: readonly string[];
  exemplars?: readonly Exemplar[];
  onCursor: (index: number | null) => void;
  onZoom: (startMs: number, endMs: number) => void;
};

export function Chart({ data, startMs, endMs, height, hidden, unit = '', names, exemplars = NO_EXEMPLARS, onCursor, onZoom }: Props) {
  const [at, setAt] = useState<number | null>(null);
  const box = useRef<HTMLDivElement | null>(null);
  const { ref: sized, width } = useElementSize<HTMLDivElement>();
  const ref = useMergedRef(sized, box);
  const scheme = useComputedColorScheme('light');
  const plot = useRef<uPlot | null>(null);
  const { place, shown: dots } = useExemplarDots(exemplars);
  const calls = useRef<Calls['current']>({ onCursor, onZoom, onDraw: () => undefined });
  calls.current = {
    onZoom,
    onDraw: (chart) => place(chart, 'y'),
    onCursor: (index) => {
      onCursor(index);
      if (names) setAt(index);
    },
  };
  const seriesCount = data.values.length;
  const ready = width > 0;

  useEffect(() => {
    const host = box.current;
    if (!host || !ready) return undefined;
    const made = new uPlot(options(host, seriesCount, height, calls, unit), [[]], host);
    plot.current = made;
    return () => {
      plot.current = null;
      made.destroy();
    };
  }, [ready, seriesCount, height, scheme, unit]);

  useEffect(() => {
    plot.current?.setSize({ width, height });
  }, [width, height, ready]);

  useEffect(() => {
    const chart = plot.current;
    if (!chart) return;
    chart.setData([data.times.map((ms) => ms / 1000), ...data.values] as uPlot.AlignedData, false);
    data.values.forEach((_, i) => chart.setSeries(i + 1, { show: !hidden.has(i) }));
    chart.setScale('x', { min: startMs / 1000, max: endMs / 1000 });
  }, [data, startMs, endMs, hidden, ready, scheme, height]);

  useEffect(() => {
    if (plot.current) place(plot.current, 'y');
  }, [exemplars, place]);

  return <div ref={ref} className="chart" style={{ height }} role={exemplars.length ? 'group' : 'img'} aria-label={`Chart of ${seriesCount} series`}>{dots}{names && at !== null ? <Values names={names} data={data} at={at} unit={unit} /> : null}</div>;
}

function Values({ names, data, at, unit }: { names: readonly string[]; data: Aligned; at: number; unit: string }) {
  const ms = data.times[at];
  if (ms === undefined) return null;
  return (
    <div className="chart-values">
      <span className="muted">{clock(ms)}</span>
      {names.map((name, i) => {
        const value = data.values[i]?.[at];
        return <span key={name}><i style={{ background: colorAt(i) }} />{name} <b>{value === null || value === undefined ? '–' : unit ? unitText(value, unit) : sample(value)}</b></span>;
      })}
    </div>
  );
}

type Calls = { current: Pick<Props, 'onCursor' | 'onZoom'> & { onDraw: (chart: uPlot) => void } };

const NO_EXEMPLARS: readonly Exemplar[] = [];

function options(host: HTMLElement, seriesCount: number, height: number, calls: Calls, unit: string): uPlot.Options {
  const css = getComputedStyle(host);
  const color = (name: string) => css.getPropertyValue(name).trim();
  const axis = {
    stroke: color('--muted'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { stroke: color('--line'), width: 1, size: 4 },
    font: `11px ${css.fontFamily}`,
  };
  return {
    width: host.clientWidth,
    height,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: false } },
    scales: { x: { time: true }, y: { range: padded } },
    axes: [
      { ...axis, size: 28, space: 90, values: (_, at) => timeTexts(at) },
      { ...axis, size: 62, values: (_, at) => at.map((value) => (unit ? unitText(value, unit) : sample(value))) },
    ],
    series: [{}, ...Array.from({ length: seriesCount }, (_, i) => ({ stroke: colorAt(i), width: 1.5, points: { show: false } }))],
    hooks: {
      draw: [(chart) => calls.current.onDraw(chart)],
      setCursor: [(chart) => calls.current.onCursor(chart.cursor.idx ?? null)],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width < 4) return;
          calls.current.onZoom(chart.posToVal(left, 'x') * 1000, chart.posToVal(left + width, 'x') * 1000);
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

/** A line that never moves sits in the middle; anything that touches zero keeps zero as its floor. */
function padded(_: uPlot, low: number | null, high: number | null): [number, number] {
  if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  if (low === high) return low === 0 ? [0, 1] : [Math.min(0, low * 1.5), Math.max(0, low * 1.5)];
  const pad = (high - low) * 0.08;
  return [low >= 0 && low - pad * 4 < 0 ? 0 : low - pad, high + pad];
}

function timeTexts(at: readonly number[]): string[] {
  const long = (at.at(-1) ?? 0) - (at[0] ?? 0) > 86_400;
  return at.map((s) => (long ? `${dayText(s * 1000).slice(5)} ${clock(s * 1000).slice(0, 5)}` : clock(s * 1000).replace(/:00$/, '')));
}
