import { useMemo, useState } from 'react';
import { fieldColor } from '../../lib/dash/color';
import { look } from '../../lib/dash/config';
import { type Field, displayName } from '../../lib/dash/frames';
import { num, obj, str } from '../../lib/dash/json';
import { legendOptions } from '../../lib/dash/plot';
import { niceSize } from '../../lib/dash/transform/compute';
import { unitText } from '../../lib/dash/units';
import type { VizProps } from './types';

type Bars = { labels: string[]; series: { name: string; field: Field; color: string; values: (number | null)[] }[] };

/** Categories across, a bar for each number column; for histograms the categories touch. */
export function BarChart(props: VizProps) {
  const { panel, frames } = props;
  const data = useMemo(() => barsOf(props), [props.frames, props.panel.options]);
  if (data.labels.length === 0 || data.series.length === 0) return <div className="viz-none">No data</div>;
  return <Drawn {...props} data={data} touching={panel.type === 'histogram'} key={frames.length} />;
}

function barsOf({ panel, frames }: VizProps): Bars {
  const owner = frames[0];
  if (!owner) return { labels: [], series: [] };
  const wanted = str(panel.options.xField);
  const x = owner.fields.find((field) => wanted && (field.name === wanted || displayName(field, owner, frames.length) === wanted)) ?? owner.fields.find((field) => field.name === 'xMin') ?? owner.fields.find((field) => field.type === 'string') ?? owner.fields.find((field) => field.type === 'time');
  const numbers = owner.fields.filter((field) => field.type === 'number' && field !== x && field.name !== 'xMax' && obj(obj(field.config.custom).hideFrom).viz !== true);
  const series = numbers.map((field, i) => ({ name: displayName(field, owner, frames.length), field, color: fieldColor(field.config, i, null, 0, 1), values: field.values.map((value) => (typeof value === 'number' ? value : null)) }));
  return { labels: x ? x.values.map((value) => look(x, value).text) : [], series };
}

const LEFT = 58;

function Drawn({ panel, width, height, data, touching }: VizProps & { data: Bars; touching: boolean }) {
  const [tip, setTip] = useState<number>();
  const horizontal = str(panel.options.orientation) === 'horizontal';
  const mode = str(panel.options.stacking, str(obj(obj(data.series[0]?.field.config.custom).stacking).mode, 'none'));
  const stacked = mode === 'normal' || mode === 'percent';
  const totals = data.labels.map((_, i) => data.series.reduce((sum, one) => sum + Math.abs(one.values[i] ?? 0), 0));
  const value = (series: number, row: number) => {
    const raw = data.series[series]?.values[row] ?? 0;
    return mode === 'percent' ? (totals[row] ? raw / (totals[row] ?? 1) : 0) : raw;
  };
  const tops = data.labels.map((_, row) => (stacked ? data.series.reduce((sum, _one, s) => sum + Math.max(0, value(s, row)), 0) : data.series.reduce((most, _one, s) => Math.max(most, value(s, row)), 0)));
  const max = Math.max(...tops, num(data.series[0]?.field.config.max) ?? -Infinity, 1e-9);
  const low = Math.min(0, ...data.series.flatMap((_one, s) => data.labels.map((_l, row) => value(s, row))));
  const legend = legendOptions(panel.options);
  const legendHeight = legend.show && data.series.length > 1 ? 22 : 0;
  const area = { w: width - LEFT - 8, h: height - legendHeight - 26 };
  const size = niceSize((max - low) / 4);
  const ticks = Array.from({ length: 7 }, (_, i) => Math.ceil(low / size) * size + i * size).filter((tick) => tick <= max * 1.001);
  const along = horizontal ? area.h : area.w;
  const across = horizontal ? area.w : area.h;
  const step = along / data.labels.length;
  const group = touching ? step : step * (num(panel.options.groupWidth) ?? 0.75);
  const bar = stacked ? group : group / data.series.length;
  const at = (v: number) => ((v - low) / (max - low)) * across;
  const unit = mode === 'percent' ? 'percentunit' : str(data.series[0]?.field.config.unit);
  const every = Math.max(1, Math.ceil(((horizontal ? 16 : 64) * data.labels.length) / along));
  const rows = data.labels.map((label, row) => {
    let base = 0;
    const rects = data.series.map((one, s) => {
      const v = value(s, row);
      const from = stacked ? base : 0;
      if (stacked) base += v;
      const [a, b] = [at(Math.min(from, from + v)), at(Math.max(from, from + v))];
      const offset = row * step + (step - group) / 2 + (stacked ? 0 : s * bar);
      const thick = Math.max(1, bar - (touching ? 0.5 : 1));
      return horizontal ? <rect key={s} x={LEFT + a} y={offset} width={Math.max(0.5, b - a)} height={thick} fill={one.color} /> : <rect key={s} x={LEFT + offset} y={area.h - b} width={thick} height={Math.max(0.5, b - a)} fill={one.color} />;
    });
    const text = row % every === 0 ? (horizontal ? <text x={LEFT - 6} y={(row + 0.5) * step + 4} textAnchor="end" className="axis-text">{label.slice(0, 9)}</text> : <text x={LEFT + (row + 0.5) * step} y={area.h + 15} textAnchor="middle" className="axis-text">{label.slice(0, Math.max(4, Math.floor((every * step) / 6)))}</text>) : null;
    return (
      <g key={row} onMouseEnter={() => setTip(row)} onMouseLeave={() => setTip(undefined)} opacity={tip === undefined || tip === row ? 1 : 0.65}>
        <rect x={horizontal ? LEFT : LEFT + row * step} y={horizontal ? row * step : 0} width={horizontal ? area.w : step} height={horizontal ? step : area.h} fill="transparent" />
        {rects}
        {text}
      </g>
    );
  });
  return (
    <div className="viz-plot">
      <div className="viz-canvas" style={{ height: height - legendHeight }}>
        <svg width={width} height={height - legendHeight} role="img" aria-label={`Bars of ${data.series.map((one) => one.name).join(', ')}`}>
          {ticks.map((tick) =>
            horizontal ? (
              <g key={tick}><line x1={LEFT + at(tick)} x2={LEFT + at(tick)} y1={0} y2={area.h} stroke="var(--line)" /><text x={LEFT + at(tick)} y={area.h + 15} textAnchor="middle" className="axis-text">{unitText(tick, unit)}</text></g>
            ) : (
              <g key={tick}><line x1={LEFT} x2={LEFT + area.w} y1={area.h - at(tick)} y2={area.h - at(tick)} stroke="var(--line)" /><text x={LEFT - 6} y={area.h - at(tick) + 4} textAnchor="end" className="axis-text">{unitText(tick, unit)}</text></g>
            ),
          )}
          {rows}
        </svg>
        {tip !== undefined ? (
          <div className="viz-tip" style={tip > data.labels.length / 2 ? { left: LEFT + 8, top: 6 } : { right: 8, top: 6 }}>
            <div className="viz-tip-time">{data.labels[tip]}</div>
            {data.series.slice(0, 12).map((one) => (
              <div key={one.name} className="viz-tip-row"><i style={{ background: one.color }} /><span className="clip">{one.name}</span><b>{look(one.field, one.values[tip] ?? null).text}</b></div>
            ))}
          </div>
        ) : null}
      </div>
      {legendHeight ? <div className="viz-legend" style={{ height: legendHeight }}>{data.series.map((one) => <span key={one.name} className="viz-legend-item"><i style={{ background: one.color }} /><span className="clip">{one.name}</span></span>)}</div> : null}
    </div>
  );
}
