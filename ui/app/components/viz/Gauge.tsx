import { type Reduced, look, rangeOf, reduceFrames } from '../../lib/dash/config';
import { thresholdsOf } from '../../lib/dash/color';
import { unitText } from '../../lib/dash/units';
import { num, obj, str } from '../../lib/dash/json';
import type { VizProps } from './types';

/** A part of a circle for each field, with the thresholds around it. */
export function Gauge({ panel, frames, width, height }: VizProps) {
  const cells = reduceFrames(frames, panel.options);
  if (cells.length === 0) return <div className="viz-none">No data</div>;
  const vertical = str(panel.options.orientation) === 'horizontal';
  const columns = vertical ? 1 : Math.min(cells.length, Math.max(1, Math.floor(width / 80)));
  const rows = Math.ceil(cells.length / columns);
  return (
    <div className="viz-stats" style={{ gridTemplateColumns: `repeat(${columns}, 1fr)`, gridTemplateRows: `repeat(${rows}, minmax(0, 1fr))` }}>
      {cells.map((cell) => (
        <Dial key={cell.index} cell={cell} options={panel.options} named={cells.length > 1} width={width / columns} height={height / rows} />
      ))}
    </div>
  );
}

const FROM = (-210 * Math.PI) / 180;
const SWEEP = (240 * Math.PI) / 180;

function Dial({ cell, options, named, width, height }: { cell: Reduced; options: Record<string, unknown>; named: boolean; width: number; height: number }) {
  const range = rangeOf(cell.field);
  const shown = look(cell.field, cell.value, cell.index, range);
  const thresholds = thresholdsOf(cell.field.config);
  const share = (value: number) => Math.min(1, Math.max(0, ((thresholds.percent ? range.min + (value / 100) * (range.max - range.min) : value) - range.min) / (range.max - range.min)));
  const marks = options.showThresholdMarkers !== false;
  const size = num(obj(options.text).valueSize) ?? Math.min(24, 150 / Math.max(4, shown.text.length));
  const unit = str(cell.field.config.unit);
  return (
    <svg width={width} height={height} viewBox="0 0 120 92" role="img" aria-label={`${cell.name}: ${shown.text}`}>
      <path d={arc(48, 0, 1)} stroke="var(--sunken)" strokeWidth={12} fill="none" />
      <path d={arc(48, 0, shown.percent)} stroke={shown.color} strokeWidth={12} fill="none" />
      {marks
        ? thresholds.steps.map((step, i) => {
            const from = step.value === -Infinity ? 0 : share(step.value);
            const next = thresholds.steps[i + 1];
            return <path key={i} d={arc(56.5, from, next ? share(next.value) : 1)} stroke={step.color} strokeWidth={2.5} fill="none" />;
          })
        : null}
      {options.showThresholdLabels === true
        ? thresholds.steps.filter((step) => step.value !== -Infinity).map((step) => {
            const angle = FROM + SWEEP * share(step.value);
            return <text key={step.value} x={60 + 40 * Math.cos(angle)} y={60 + 40 * Math.sin(angle)} fontSize={5} textAnchor="middle" fill="var(--muted)">{unitText(step.value, unit)}</text>;
          })
        : null}
      <text x={60} y={named ? 62 : 68} fontSize={size} textAnchor="middle" fill={shown.color} fontWeight={600}>{shown.text}</text>
      {named ? <text x={60} y={84} fontSize={Math.min(9, 190 / Math.max(10, cell.name.length))} textAnchor="middle" fill="var(--muted)">{cell.name.slice(0, 48)}</text> : null}
    </svg>
  );
}

function arc(radius: number, from: number, to: number): string {
  const point = (share: number) => {
    const angle = FROM + SWEEP * share;
    return `${(60 + radius * Math.cos(angle)).toFixed(2)} ${(60 + radius * Math.sin(angle)).toFixed(2)}`;
  };
  if (to <= from) return '';
  return `M${point(from)}A${radius} ${radius} 0 ${(to - from) * SWEEP > Math.PI ? 1 : 0} 1 ${point(to)}`;
}
