import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, useState } from 'react';
import { type Look, look, rangeOf } from '../../lib/dash/config';
import { type Cell, type Field, type Frame, displayName, numberFields } from '../../lib/dash/frames';
import { num, obj, objs, str, strs } from '../../lib/dash/json';
import { linkOf } from '../../lib/dash/links';
import { reduceField } from '../../lib/dash/reduce';
import { compareCells } from '../../lib/dash/transform/choose';
import { Spark } from '../Spark';
import { inked, readable } from './Stat';
import { ForeignOrOwnLink } from './VizLink';
import type { VizProps } from './types';

const HEIGHTS: Record<string, number> = { sm: 28, md: 36, lg: 46 };

type Column = { field: Field; name: string; width: number | undefined; align: string; kind: string; range: { min: number; max: number } };

export function TableViz({ panel, frames, height, scope }: VizProps) {
  const [pick, setPick] = useState<number>();
  const owner = frames[pick ?? num(panel.options.frameIndex) ?? 0] ?? frames[0];
  const columns = useMemo(() => (owner ? columnsOf(owner, frames.length) : []), [owner, frames.length]);
  const given = objs(panel.options.sortBy)[0];
  const [sort, setSort] = useState<{ name: string; desc: boolean } | undefined>();
  const byIndex = num(panel.options.sortByIndex);
  const sorted = sort ?? (given ? { name: str(given.displayName), desc: given.desc === true } : byIndex !== undefined ? { name: columns[byIndex]?.name ?? '', desc: panel.options.sortDesc === true } : undefined);
  const order = useMemo(() => orderOf(owner, columns, sorted), [owner, columns, sorted?.name, sorted?.desc]);
  const box = useRef<HTMLDivElement>(null);
  const rowHeight = HEIGHTS[str(panel.options.cellHeight, 'sm')] ?? 28;
  const rows = useVirtualizer({ count: order.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 10 });
  if (!owner || columns.length === 0) return <div className="viz-none">No data</div>;
  const template = columns.map((column) => (column.width ? `${column.width}px` : 'minmax(70px, 1fr)')).join(' ');
  const least = columns.reduce((sum, column) => sum + (column.width ?? 90), 0);
  const footer = obj(panel.options.footer);
  const several = frames.length > 1;
  return (
    <div className="viz-table" style={{ height }}>
      <div ref={box} className="viz-table-body" role="table" tabIndex={0} aria-label={panel.title || 'Table'}>
        {panel.options.showHeader === false ? null : (
          <div className="viz-table-head" style={{ gridTemplateColumns: template, minWidth: least }} role="row">
            {columns.map((column) => (
              <button key={column.name} type="button" role="columnheader" className="clip" data-align={column.align} title={column.name} onClick={() => setSort({ name: column.name, desc: sorted?.name === column.name ? !sorted.desc : column.field.type === 'number' })}>
                {column.name}
                {sorted?.name === column.name ? (sorted.desc ? ' ↓' : ' ↑') : ''}
              </button>
            ))}
          </div>
        )}
        <div style={{ height: rows.getTotalSize(), minWidth: least, position: 'relative' }} role="rowgroup">
          {rows.getVirtualItems().map((item) => {
            const row = order[item.index] ?? 0;
            const cellOf = (name: string): Cell => columns.find((column) => column.name === name || column.field.name === name)?.field.values[row] ?? owner.fields.find((field) => field.name === name)?.values[row] ?? null;
            return (
              <div key={item.key} role="row" className="viz-table-row" style={{ gridTemplateColumns: template, height: rowHeight, transform: `translateY(${item.start}px)` }}>
                {columns.map((column, i) => (
                  <TableCell key={column.name} column={column} index={i} row={row} link={linkOf(column.field, column.field.values[row] ?? null, column.name, scope, cellOf)} />
                ))}
              </div>
            );
          })}
        </div>
      </div>
      {footer.show === true ? <Footer columns={columns} template={template} reducers={strs(footer.reducer)} only={strs(footer.fields)} /> : null}
      {several && pick === undefined && frames.length < 400 ? (
        <select className="viz-table-pick" aria-label="Series" value={frames.indexOf(owner)} onChange={(event) => setPick(Number(event.target.value))}>
          {frames.map((one, i) => (
            <option key={i} value={i}>{nameOf(one, i, frames.length)}</option>
          ))}
        </select>
      ) : null}
    </div>
  );
}

function nameOf(one: Frame, index: number, frames: number): string {
  const [field] = numberFields(one);
  return (field ? displayName(field, one, frames) : one.name) || `Series ${index + 1}`;
}

function columnsOf(owner: Frame, frames: number): Column[] {
  return owner.fields.flatMap((field): Column[] => {
    const custom = obj(field.config.custom);
    if (custom.hidden === true || obj(custom.hideFrom).viz === true || field.type === 'other') return [];
    const kind = str(obj(custom.cellOptions).type) || str(custom.displayMode, 'auto');
    const mode = str(obj(custom.cellOptions).mode);
    const align = str(custom.align) && custom.align !== 'auto' ? str(custom.align) : field.type === 'number' ? 'right' : 'left';
    return [{ field, name: displayName(field, owner, frames), width: num(custom.width), align, kind: kind === 'gauge' ? `gauge-${mode || 'gradient'}` : kind, range: rangeOf(field) }];
  });
}

function orderOf(owner: Frame | undefined, columns: readonly Column[], sort: { name: string; desc: boolean } | undefined): number[] {
  const order = Array.from({ length: owner?.length ?? 0 }, (_, row) => row);
  const by = sort ? columns.find((column) => column.name === sort.name)?.field : undefined;
  if (!by) return order;
  order.sort((a, b) => compareCells(by.values[a] ?? null, by.values[b] ?? null));
  return sort?.desc ? order.reverse() : order;
}

function TableCell({ column, index, row, link }: { column: Column; index: number; row: number; link: ReturnType<typeof linkOf> }) {
  const { field, kind } = column;
  const value = field.values[row] ?? null;
  const trend = field.frames?.[row];
  if (kind === 'sparkline' || trend) {
    const series = trend ? numberFields(trend)[0]?.values.filter((one): one is number => typeof one === 'number') : [];
    return (
      <span role="cell" className="viz-cell viz-cell-spark">
        <Spark values={series ?? []} label={column.name} /> <span>{look(field, value, index, column.range).text}</span>
      </span>
    );
  }
  const shown = look(field, value, index, column.range);
  const inside = link ? <ForeignOrOwnLink href={link.url} title={link.title}>{shown.text}</ForeignOrOwnLink> : shown.text;
  if (kind.includes('gauge')) {
    return (
      <span role="cell" className="viz-cell viz-cell-gauge">
        <span className="viz-bar-track"><i className="viz-bar-fill" style={{ width: `${shown.percent * 100}%`, background: shown.color }} /></span> <b style={{ color: inked(shown.color) }}>{inside}</b>
      </span>
    );
  }
  return (
    <span role="cell" className="viz-cell clip" data-align={column.align} style={cellStyle(kind, shown, field)} title={shown.text.length > 20 ? shown.text.slice(0, 2000) : undefined}>
      {inside}
    </span>
  );
}

function cellStyle(kind: string, shown: Look, field: Field): React.CSSProperties | undefined {
  const colored = obj(field.config.color).mode !== undefined || field.config.thresholds !== undefined || shown.mapped;
  if (kind.startsWith('color-background')) return { background: shown.color, color: readable(shown.color) };
  if (kind === 'color-text' || (shown.mapped && colored)) return { color: inked(shown.color) };
  return undefined;
}

function Footer({ columns, template, reducers, only }: { columns: readonly Column[]; template: string; reducers: string[]; only: string[] }) {
  const calc = reducers[0] ?? 'sum';
  return (
    <div className="viz-table-foot" style={{ gridTemplateColumns: template }}>
      {columns.map((column, i) => {
        const counted = column.field.type === 'number' && (only.length === 0 || only.includes(column.name));
        return (
          <span key={column.name} className="viz-cell clip" data-align={column.align}>
            {counted ? look(column.field, reduceField(column.field, calc)).text : i === 0 ? calc : ''}
          </span>
        );
      })}
    </div>
  );
}
