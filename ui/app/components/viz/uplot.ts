/** A resolved plot as options of uPlot: the only place that knows both. */
import uPlot from 'uplot';
import type { Mark } from '../../lib/dash/query';
import { type Plot, type PlotScale, type PlotSeries, bandsOf, limits } from '../../lib/dash/plot';
import { look } from '../../lib/dash/config';
import { namedColor } from '../../lib/dash/color';
import { clock, dayText } from '../../lib/time';

export type Hooks = { onCursor: (index: number | null, left: number, top: number) => void; onZoom: (startMs: number, endMs: number) => void; marks: readonly Mark[]; onDraw: (chart: uPlot, scale: string) => void };

type Ask = { host: HTMLElement; plot: Plot; hidden: ReadonlySet<string>; width: number; height: number; sync: string | undefined; hooks: { current: Hooks } };

export function plotOptions({ host, plot, hidden, width, height, sync, hooks }: Ask): uPlot.Options {
  const css = getComputedStyle(host);
  const read = (name: string) => css.getPropertyValue(name).trim();
  const resolve = (color: string) => (color.startsWith('var(') ? read(color.slice(4, -1)) : color);
  const axis = { stroke: read('--muted'), grid: { stroke: read('--line'), width: 1 }, ticks: { stroke: read('--line'), width: 1, size: 4 }, font: `11px ${css.fontFamily}` };
  return {
    width,
    height,
    padding: [8, plot.scales.some((scale) => scale.side === 'right') ? null : 12, null, plot.scales.some((scale) => scale.side === 'left') ? null : 8],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: false }, focus: { prox: 30 }, ...(sync ? { sync: { key: sync, setSeries: false } } : {}) },
    focus: { alpha: 1 },
    scales: { x: { time: true }, ...Object.fromEntries(plot.scales.map((scale) => [scale.key, scaleOptions(scale)])) },
    axes: [{ ...axis, size: 26, space: 80, values: (_, at) => timeTexts(at) }, ...plot.scales.filter((scale) => scale.side !== 'hidden').map((scale, i) => axisOptions(scale, axis, i))],
    series: [{}, ...plot.series.map((one) => seriesOptions(one, hidden.has(one.name), resolve))],
    bands: bandsOf(plot, hidden),
    hooks: {
      drawClear: [(chart) => drawThresholds(chart, plot)],
      draw: [(chart) => drawMarks(chart, hooks.current.marks), (chart) => hooks.current.onDraw(chart, plot.scales[0]?.key ?? 'y')],
      setCursor: [(chart) => hooks.current.onCursor(chart.cursor.idx ?? null, chart.cursor.left ?? -1, chart.cursor.top ?? -1)],
      setSelect: [
        (chart) => {
          const { left, width: wide } = chart.select;
          if (wide < 4) return;
          hooks.current.onZoom(chart.posToVal(left, 'x') * 1000, chart.posToVal(left + wide, 'x') * 1000);
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

function scaleOptions(scale: PlotScale): uPlot.Scale {
  return { ...(scale.log > 0 ? { distr: 3, log: scale.log === 2 ? 2 : 10 } : {}), range: (_, low, high) => limits(scale, low, high) };
}

function axisOptions(scale: PlotScale, axis: uPlot.Axis, index: number): uPlot.Axis {
  const text = (value: number | null) => (value === null ? '' : look(scale.field, value).text);
  return {
    ...axis,
    scale: scale.key,
    side: scale.side === 'right' ? 1 : 3,
    grid: { ...axis.grid, show: scale.grid ?? index === 0 },
    ...(scale.label ? { label: scale.label, labelSize: 18, labelFont: axis.font as string, labelGap: 0 } : {}),
    size: (chart, values) => {
      const longest = (values ?? []).reduce((most, value) => Math.max(most, value?.length ?? 0), 0);
      chart.ctx.save();
      const wide = Math.ceil(longest * 6.4) + 14;
      chart.ctx.restore();
      return Math.min(120, Math.max(34, wide));
    },
    values: (_, at) => at.map(text),
  };
}

function seriesOptions(one: PlotSeries, hidden: boolean, resolve: (color: string) => string): uPlot.Series {
  const color = resolve(one.color);
  const paths = pathsOf(one);
  return {
    label: one.name,
    scale: one.scale,
    show: !hidden,
    stroke: one.draw === 'points' ? 'transparent' : color,
    width: one.draw === 'bars' ? Math.max(0, one.width) : one.width,
    ...(one.fill > 0 ? { fill: one.gradient ? gradient(color, one.fill) : alpha(color, one.fill) } : {}),
    ...(one.dash ? { dash: one.dash } : {}),
    spanGaps: one.spanGaps,
    points: { ...(one.points === undefined ? {} : { show: one.points }), size: one.pointSize, stroke: color, fill: color },
    ...(paths ? { paths } : {}),
    value: () => '',
  };
}

function pathsOf(one: PlotSeries): uPlot.Series.PathBuilder | undefined {
  const { bars, stepped, spline } = uPlot.paths;
  if (one.draw === 'bars') return bars?.({ size: [0.8, 60], align: 0 });
  if (one.draw === 'points') return () => null;
  if (one.steps === 'stepAfter') return stepped?.({ align: 1 });
  if (one.steps === 'stepBefore') return stepped?.({ align: -1 });
  if (one.steps === 'smooth') return spline?.();
  return undefined;
}

/** A canvas knows colours with an alpha, whatever notation they came in. */
function alpha(color: string, opacity: number): string {
  return `color-mix(in srgb, ${color} ${Math.round(opacity * 100)}%, transparent)`;
}

function gradient(color: string, opacity: number): (chart: uPlot) => CanvasGradient | string {
  return (chart) => {
    const { top, height } = chart.bbox;
    if (!Number.isFinite(top) || height <= 0) return alpha(color, opacity);
    const made = chart.ctx.createLinearGradient(0, top, 0, top + height);
    made.addColorStop(0, alpha(color, opacity));
    made.addColorStop(1, alpha(color, 0));
    return made;
  };
}

function drawThresholds(chart: uPlot, plot: Plot): void {
  const { ctx, bbox } = chart;
  for (const { scale, mode, of } of plot.thresholds) {
    const known = chart.scales[scale];
    const [min, max] = [known?.min ?? 0, known?.max ?? 1];
    const value = (raw: number) => (of.percent ? min + (raw / 100) * (max - min) : raw);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    of.steps.forEach((step, i) => {
      if (step.color === 'transparent') return;
      const low = step.value === -Infinity ? min : value(step.value);
      const next = of.steps[i + 1];
      if (mode.includes('area')) {
        const y = chart.valToPos(next ? value(next.value) : max, scale, true);
        ctx.fillStyle = alpha(step.color, 0.12);
        ctx.fillRect(bbox.left, y, bbox.width, chart.valToPos(low, scale, true) - y);
      }
      if ((mode.includes('line') || mode.startsWith('dashed')) && step.value !== -Infinity) {
        const y = chart.valToPos(low, scale, true);
        ctx.strokeStyle = step.color;
        ctx.lineWidth = 1.5 * devicePixelRatio;
        ctx.setLineDash(mode.startsWith('dashed') ? [8, 6] : []);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      }
    });
    ctx.restore();
  }
}

function drawMarks(chart: uPlot, marks: readonly Mark[]): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const mark of marks) {
    const color = namedColor(mark.color);
    const from = chart.valToPos(mark.startMs / 1000, 'x', true);
    const to = chart.valToPos(mark.endMs / 1000, 'x', true);
    ctx.fillStyle = alpha(color.startsWith('var') ? '#e8404f' : color, 0.1);
    if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
    ctx.strokeStyle = alpha(color.startsWith('var') ? '#e8404f' : color, 0.7);
    ctx.setLineDash([4, 4]);
    ctx.beginPath();
    ctx.moveTo(from, bbox.top);
    ctx.lineTo(from, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function timeTexts(at: readonly number[]): string[] {
  const span = (at.at(-1) ?? 0) - (at[0] ?? 0);
  return at.map((s) => (span > 86_400 * 2 ? dayText(s * 1000).slice(5) : span > 86_400 ? `${dayText(s * 1000).slice(5)} ${clock(s * 1000).slice(0, 5)}` : clock(s * 1000).replace(/:00$/, '')));
}
