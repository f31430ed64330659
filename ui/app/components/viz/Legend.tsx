import { calcName, reduceField } from '../../lib/dash/reduce';
import { look } from '../../lib/dash/config';
import type { LegendOptions, PlotSeries } from '../../lib/dash/plot';
import { compareCells } from '../../lib/dash/transform/choose';

const ROW = 20;

/** Height (or width, at the right) that a legend takes: never more than a third of a small panel. */
export function legendRoom(options: LegendOptions, count: number, width: number, height: number): number {
  if (!options.show || count === 0) return 0;
  if (options.right) return Math.min(options.table ? 220 + options.calcs.length * 66 : 190, width * 0.42);
  const rows = options.table ? count + 1 : Math.ceil((count * 130) / Math.max(130, width));
  return Math.round(Math.min(rows * ROW + 8, height * 0.35));
}

type Props = { series: readonly PlotSeries[]; options: LegendOptions; hidden: ReadonlySet<string>; onHidden: (hidden: ReadonlySet<string>) => void; size: number };

/** A click shows one alone (again: all); with Ctrl it hides or shows that one. */
export function Legend({ series, options, hidden, onHidden, size }: Props) {
  const shown = series.filter((one) => one.inLegend);
  const click = (name: string, several: boolean) => {
    if (several) {
      const next = new Set(hidden);
      if (!next.delete(name)) next.add(name);
      onHidden(next);
      return;
    }
    const others = series.map((one) => one.name).filter((one) => one !== name);
    const alone = !hidden.has(name) && others.every((one) => hidden.has(one));
    onHidden(new Set(alone ? [] : others));
  };
  const rows = shown.map((one) => ({ one, cells: options.calcs.map((calc) => reduceField(one.field, calc)) }));
  const by = options.calcs.findIndex((calc) => calcName(calc) === options.sortBy || calc === options.sortBy);
  if (by >= 0) rows.sort((a, b) => compareCells(a.cells[by] ?? null, b.cells[by] ?? null) * (options.desc ? -1 : 1));
  const button = (one: PlotSeries) => (
    <button type="button" className="viz-legend-item" data-hidden={hidden.has(one.name) || undefined} title={one.name} onClick={(event) => click(one.name, event.ctrlKey || event.metaKey)}>
      <i style={{ background: one.color }} />
      <span className="clip">{one.name || '–'}</span>
    </button>
  );
  const style = options.right ? { width: size } : { height: size };
  if (!options.table) {
    return (
      <div className="viz-legend" style={style} tabIndex={0} role="group" aria-label="Legend">
        {rows.map(({ one, cells }) => (
          <span key={one.index} className="viz-legend-entry">
            {button(one)}
            {cells.map((cell, i) => (
              <span key={i} className="viz-legend-calc">
                <span className="faint">{calcName(options.calcs[i] ?? '')}:</span> {look(one.field, cell).text}
              </span>
            ))}
          </span>
        ))}
      </div>
    );
  }
  return (
    <div className="viz-legend" style={style} tabIndex={0} role="group" aria-label="Legend">
      <table className="viz-legend-table">
        <thead>
          <tr>
            <th>Name</th>
            {options.calcs.map((calc) => (
              <th key={calc} className="num">{calcName(calc)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ one, cells }) => (
            <tr key={one.index}>
              <td>{button(one)}</td>
              {cells.map((cell, i) => (
                <td key={i} className="num">{look(one.field, cell).text}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
