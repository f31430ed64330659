import { PALETTE } from '../../lib/dash/color';
import { look, reduceFrames } from '../../lib/dash/config';
import { obj, str, strs } from '../../lib/dash/json';
import { unitText } from '../../lib/dash/units';
import type { VizProps } from './types';

export function Pie({ panel, frames, width, height }: VizProps) {
  const all = reduceFrames(frames, panel.options).flatMap((cell, i) => {
    if (typeof cell.value !== 'number' || cell.value <= 0) return [];
    const shown = look(cell.field, cell.value, i);
    const palette = !obj(cell.field.config.color).mode || str(obj(cell.field.config.color).mode).startsWith('palette');
    return [{ name: cell.name, value: cell.value, text: shown.text, color: palette && !shown.mapped ? (PALETTE[i % PALETTE.length] ?? '') : shown.color }];
  });
  const total = all.reduce((sum, one) => sum + one.value, 0);
  if (total <= 0) return <div className="viz-none">No data</div>;
  const sort = str(panel.options.sort, 'desc');
  if (sort !== 'none') all.sort((a, b) => (sort === 'asc' ? a.value - b.value : b.value - a.value));
  const legend = obj(panel.options.legend);
  const right = legend.placement === 'right';
  const shown = legend.showLegend !== false && legend.displayMode !== 'hidden';
  const values = strs(legend.values);
  const labels = strs(panel.options.displayLabels);
  const size = Math.max(40, shown ? (right ? Math.min(height, width * 0.55) : Math.min(width, height * 0.75)) : Math.min(width, height));
  const inner = panel.options.pieType === 'donut' ? 26 : 0;
  let from = 0;
  return (
    <div className={right ? 'viz-plot viz-plot-right' : 'viz-plot'} style={{ alignItems: 'center' }}>
      <svg width={size} height={size} viewBox="-50 -50 100 100" role="img" aria-label={all.map((one) => `${one.name}: ${one.text}`).join(', ')}>
        {all.map((one) => {
          const share = one.value / total;
          const path = slice(from, from + share, 48, inner);
          const middle = (from + share / 2) * 2 * Math.PI - Math.PI / 2;
          from += share;
          const text = [labels.includes('name') ? one.name : '', labels.includes('value') ? one.text : '', labels.includes('percent') ? unitText(share, 'percentunit', 0) : ''].filter(Boolean).join(' ');
          return (
            <g key={one.name}>
              <path d={path} fill={one.color} stroke="var(--surface)" strokeWidth={0.6} fillRule="evenodd">
                <title>{`${one.name}: ${one.text} (${unitText(share, 'percentunit', 1)})`}</title>
              </path>
              {text && share > 0.05 ? <text x={34 * Math.cos(middle)} y={34 * Math.sin(middle) + 1.5} fontSize={4.5} textAnchor="middle" fill="#fff">{text.slice(0, 24)}</text> : null}
            </g>
          );
        })}
      </svg>
      {shown ? (
        <div className="viz-legend" style={right ? { height } : { maxHeight: height * 0.3, width: '100%' }} tabIndex={0} role="group" aria-label="Legend">
          {all.map((one) => (
            <span key={one.name} className="viz-legend-item">
              <i style={{ background: one.color }} />
              <span className="clip">{one.name}</span>
              {values.includes('value') ? <b>{one.text}</b> : null}
              {values.includes('percent') ? <span className="muted">{unitText(one.value / total, 'percentunit', 0)}</span> : null}
            </span>
          ))}
        </div>
      ) : null}
    </div>
  );
}

function slice(from: number, to: number, outer: number, inner: number): string {
  if (to - from > 0.9999) return `M0 ${-outer}A${outer} ${outer} 0 1 1 0 ${outer}A${outer} ${outer} 0 1 1 0 ${-outer}${inner ? `M0 ${-inner}A${inner} ${inner} 0 1 0 0 ${inner}A${inner} ${inner} 0 1 0 0 ${-inner}` : ''}`;
  const point = (share: number, radius: number) => {
    const angle = share * 2 * Math.PI - Math.PI / 2;
    return `${(radius * Math.cos(angle)).toFixed(3)} ${(radius * Math.sin(angle)).toFixed(3)}`;
  };
  const large = to - from > 0.5 ? 1 : 0;
  const back = inner ? `L${point(to, inner)}A${inner} ${inner} 0 ${large} 0 ${point(from, inner)}Z` : 'L0 0Z';
  return `M${point(from, outer)}A${outer} ${outer} 0 ${large} 1 ${point(to, outer)}${back}`;
}
