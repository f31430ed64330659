import { type Reduced, look, rangeOf, reduceFrames } from '../../lib/dash/config';
import { thresholdColor, thresholdsOf } from '../../lib/dash/color';
import { str } from '../../lib/dash/json';
import { linkOf } from '../../lib/dash/links';
import { inked } from './Stat';
import { ForeignOrOwnLink } from './VizLink';
import type { VizProps } from './types';

export function BarGauge({ panel, frames, width, height, scope }: VizProps) {
  const cells = reduceFrames(frames, panel.options);
  if (cells.length === 0) return <div className="viz-none">No data</div>;
  const given = str(panel.options.orientation, 'auto');
  const horizontal = given === 'horizontal' || (given === 'auto' && height > width);
  // Bars of one panel are compared with each other, so they share their range.
  const shared = cells.map((cell) => rangeOf(cell.field)).reduce((all, one) => ({ min: Math.min(all.min, one.min), max: Math.max(all.max, one.max) }));
  const bar = (cell: Reduced) => <Bar cell={cell} options={panel.options} horizontal={horizontal} range={cell.field.config.max !== undefined ? rangeOf(cell.field) : shared} />;
  return (
    <div className="viz-bars" data-horizontal={horizontal || undefined} tabIndex={0} role="group" aria-label="Bars">
      {cells.map((cell) => {
        const link = linkOf(cell.field, cell.value, cell.name, scope);
        return link ? <ForeignOrOwnLink key={cell.index} href={link.url} className="viz-bar-link">{bar(cell)}</ForeignOrOwnLink> : <div key={cell.index} className="viz-bar-link">{bar(cell)}</div>;
      })}
    </div>
  );
}

const LCD_CELLS = 40;

function Bar({ cell, options, horizontal, range }: { cell: Reduced; options: Record<string, unknown>; horizontal: boolean; range: { min: number; max: number } }) {
  const shown = look(cell.field, cell.value, cell.index, range);
  const mode = str(options.displayMode, 'gradient');
  const thresholds = thresholdsOf(cell.field.config);
  const colorAt = (share: number) => thresholdColor(thresholds, range.min + share * (range.max - range.min), range.min, range.max);
  const stops = thresholds.steps.map((step) => `${step.color} ${step.value === -Infinity ? 0 : Math.min(100, Math.max(0, ((step.value - range.min) / (range.max - range.min)) * 100))}%`);
  const fill = mode === 'gradient' && stops.length > 1 ? `linear-gradient(${horizontal ? '90deg' : '0deg'}, ${stops.join(', ')})` : shown.color;
  const percent = `${Math.max(0.4, shown.percent * 100)}%`;
  const valueMode = str(options.valueMode, 'color');
  return (
    <div className="viz-bar" data-horizontal={horizontal || undefined}>
      {str(options.namePlacement, 'auto') === 'hidden' ? null : <span className="viz-bar-name clip" title={cell.name}>{cell.name}</span>}
      <span className="viz-bar-track" style={options.showUnfilled === false ? { background: 'none' } : undefined}>
        {mode === 'lcd' ? (
          Array.from({ length: LCD_CELLS }, (_, i) => {
            const share = i / LCD_CELLS;
            return <i key={i} className="viz-lcd" style={{ background: colorAt(share), opacity: share < shown.percent ? 0.95 : 0.14 }} />;
          })
        ) : (
          <i className="viz-bar-fill" style={{ ...(horizontal ? { width: percent } : { height: percent }), background: fill, ...(mode === 'gradient' ? (horizontal ? { backgroundSize: `${100 / Math.max(0.004, shown.percent)}% 100%` } : { backgroundSize: `100% ${100 / Math.max(0.004, shown.percent)}%`, backgroundPosition: 'bottom' }) : {}) }} />
        )}
      </span>
      {valueMode === 'hidden' ? null : <b className="viz-bar-value" style={valueMode === 'text' ? undefined : { color: inked(shown.color) }}>{shown.text}</b>}
    </div>
  );
}
