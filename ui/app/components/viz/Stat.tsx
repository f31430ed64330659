import { type Reduced, look, rangeOf, reduceFrames } from '../../lib/dash/config';
import { num, obj, str } from '../../lib/dash/json';
import { linkOf } from '../../lib/dash/links';
import { ForeignOrOwnLink } from './VizLink';
import type { VizProps } from './types';

/** One large number for each field. */
export function Stat({ panel, frames, width, height, scope }: VizProps) {
  const cells = reduceFrames(frames, panel.options);
  if (cells.length === 0) return <div className="viz-none">No data</div>;
  const across = str(panel.options.orientation, 'auto') === 'horizontal' ? false : str(panel.options.orientation) === 'vertical' ? true : width / cells.length > 90 || width > height;
  const columns = across ? Math.min(cells.length, Math.max(1, Math.floor(width / 90))) : 1;
  const rows = Math.ceil(cells.length / columns);
  const box = { width: width / columns, height: height / rows };
  return (
    <div className="viz-stats" style={{ gridTemplateColumns: `repeat(${columns}, 1fr)`, gridTemplateRows: `repeat(${rows}, minmax(0, 1fr))` }}>
      {cells.map((cell) => {
        const link = linkOf(cell.field, cell.value, cell.name, scope);
        const inside = <StatCell cell={cell} options={panel.options} {...box} alone={cells.length === 1} />;
        return link ? <ForeignOrOwnLink key={cell.index} href={link.url} className="viz-stat-link">{inside}</ForeignOrOwnLink> : <div key={cell.index} className="viz-stat-link">{inside}</div>;
      })}
    </div>
  );
}

function StatCell({ cell, options, width, height, alone }: { cell: Reduced; options: Record<string, unknown>; width: number; height: number; alone: boolean }) {
  const shown = look(cell.field, cell.value, cell.index, rangeOf(cell.field));
  const colorMode = str(options.colorMode, 'value');
  const filled = colorMode.startsWith('background');
  const mode = str(options.textMode, 'auto');
  const named = mode === 'value_and_name' || (mode === 'auto' && !alone);
  const valued = mode !== 'none';
  // With the name alone it stands where the value would.
  const large = mode === 'name' ? cell.name : shown.text;
  const text = obj(options.text);
  const room = height * (options.graphMode === 'area' && cell.series.length > 1 ? 0.62 : 0.8);
  const size = num(text.valueSize) ?? Math.max(13, Math.min(60, (width - 28) / Math.max(3, large.length * 0.64), room * (named ? 0.52 : 0.75)));
  const nameSize = num(text.titleSize) ?? Math.max(11, Math.min(20, size * 0.45, (width - 16) / Math.max(4, cell.name.length * 0.55)));
  const change = options.showPercentChange === true ? percentChange(cell.series) : undefined;
  return (
    <div
      className="viz-stat"
      data-filled={filled || undefined}
      style={{ ...(filled ? { background: shown.color, color: readable(shown.color) } : colorMode === 'value' ? { color: inked(shown.color) } : {}), justifyContent: str(options.justifyMode) === 'center' ? 'center' : 'flex-start', textAlign: str(options.justifyMode) === 'center' || alone ? 'center' : 'left' }}
    >
      {options.graphMode === 'area' && cell.series.length > 1 ? <Area values={cell.series} color={filled ? 'currentColor' : shown.color} /> : null}
      <div className="viz-stat-text">
        {named ? <div className="clip" style={{ fontSize: nameSize, color: filled ? undefined : 'var(--muted)' }}>{cell.name}</div> : null}
        {valued ? <div className="viz-stat-value" style={{ fontSize: size }}>{large}</div> : null}
        {change !== undefined ? <div style={{ fontSize: Math.max(11, size * 0.4), color: filled ? undefined : 'var(--muted)' }}>{change >= 0 ? '▲' : '▼'} {Math.abs(change * 100).toFixed(1)} %</div> : null}
      </div>
    </div>
  );
}

function percentChange(series: readonly number[]): number | undefined {
  const [first, last] = [series[0], series.at(-1)];
  return first === undefined || last === undefined || first === 0 ? undefined : (last - first) / Math.abs(first);
}

/** A colour as text: on a light ground with some of the ink, so that it can be read. */
export function inked(color: string): string {
  return `color-mix(in srgb, ${color} var(--text-share), var(--text))`;
}

/** Black or white, whichever can be read on that ground. */
export function readable(color: string): string {
  const hex = /^#(..)(..)(..)/.exec(color);
  const rgb = hex ? hex.slice(1).map((part) => parseInt(part, 16)) : (color.match(/\d+/g) ?? []).map(Number);
  const [r = 128, g = 128, b = 128] = rgb;
  return r * 0.299 + g * 0.587 + b * 0.114 > 140 ? '#101820' : '#ffffff';
}

const W = 100;
const H = 30;

function Area({ values, color }: { values: readonly number[]; color: string }) {
  const min = values.reduce((a, b) => Math.min(a, b));
  const max = values.reduce((a, b) => Math.max(a, b));
  const span = max - min || 1;
  const points = values.map((value, i) => `${((i / (values.length - 1)) * W).toFixed(2)},${(H - 2 - ((value - min) / span) * (H - 6)).toFixed(2)}`);
  return (
    <svg className="viz-stat-area" viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`0,${H} ${points.join(' ')} ${W},${H}`} fill={color} opacity={0.16} />
      <polyline points={points.join(' ')} fill="none" stroke={color} strokeWidth={1.4} vectorEffect="non-scaling-stroke" opacity={0.8} />
    </svg>
  );
}
