import { useVirtualizer } from '@tanstack/react-virtual';
import { type CSSProperties, type MouseEvent, type Ref, type UIEvent, memo, useCallback, useEffect, useImperativeHandle, useMemo, useRef } from 'react';
import { SeverityMark } from '../../components/Pills';
import { SERVICE_LABEL } from '../../lib/logql';
import { fieldValue } from '../../lib/fields';
import { type Line, firstLine } from '../../lib/loki';
import { severityOf } from '../../lib/severity';
import { clockMillis, dayText } from '../../lib/time';

export const LINE_HEIGHT = 23;
/** A megabyte of text must not reach the layout. */
const WRAPPED_CHARS = 4_000;

export type Scroller = { show: (index: number) => void };
type More = { has: boolean; loading: boolean; load: () => void; full: boolean };
type Props = {
  ref: Ref<Scroller>;
  lines: readonly Line[];
  active: number;
  selected: string | undefined;
  stale: boolean;
  wrap: boolean;
  /** Fields that stand in columns of their own before the text. */
  columns: readonly string[];
  more: More | undefined;
  onOpen: (index: number) => void;
  onScrolled: (scrolled: boolean) => void;
};

/** Only the lines in view are in the document, however many there are. */
export const LineList = memo(function LineList({ ref, lines, active, selected, stale, wrap, columns, more, onOpen, onScrolled }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => LINE_HEIGHT, overscan: 12 });
  useImperativeHandle(ref, () => ({ show: (index) => rows.scrollToIndex(index) }), [rows]);
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more?.has && !more.loading && last >= lines.length - 50) more.load();
  }, [more, last, lines.length]);
  const oneDay = useMemo(() => lines.length === 0 || dayText(lines[0]?.ms ?? 0) === dayText(lines.at(-1)?.ms ?? 0), [lines]);
  const scrolled = useRef(false);
  const onScroll = (event: UIEvent<HTMLDivElement>) => {
    const now = event.currentTarget.scrollTop > LINE_HEIGHT;
    if (now !== scrolled.current) onScrolled((scrolled.current = now));
  };
  const click = (event: MouseEvent<HTMLDivElement>) => {
    const row = (event.target as HTMLElement).closest('[data-index]');
    if (row) onOpen(Number(row.getAttribute('data-index')));
  };
  // Widths that do not depend on what is in a line: then a line is laid out without looking at its text first.
  const widths = { '--line-time': oneDay ? '13ch' : '19ch', ...(columns.length ? { '--line-fields': columns.map(() => '150px').join(' ') } : {}) };
  return (
    <div ref={box} className={stale ? 'lines stale' : 'lines'} role="list" aria-label="Log lines" onScroll={onScroll} onClick={click} tabIndex={0}>
      <div className="lines-all" style={{ height: rows.getTotalSize(), ...widths } as CSSProperties}>
        {items.map((item) => {
          const line = lines[item.index];
          if (!line) return null;
          return <LineRow key={line.key} line={line} index={item.index} start={item.start} active={item.index === active} selected={line.key === selected} wrap={wrap} oneDay={oneDay} columns={columns} measure={wrap ? rows.measureElement : undefined} />;
        })}
      </div>
      <div className="lines-end faint">{more ? (more.loading ? 'Loading older lines…' : more.full ? 'There are more lines than a list can hold: choose a shorter time' : more.has ? '' : 'No older lines in this time range') : ''}</div>
    </div>
  );
});

type RowProps = { line: Line; index: number; start: number; active: boolean; selected: boolean; wrap: boolean; oneDay: boolean; columns: readonly string[]; measure: ((node: Element | null) => void) | undefined };

/** Plain elements and no handlers: hundreds of these are made each second while somebody scrolls. */
const LineRow = memo(function LineRow({ line, index, start, active, selected, wrap, oneDay, columns, measure }: RowProps) {
  const severity = severityOf(line.labels);
  return (
    <div ref={measure} role="listitem" data-row data-active={active || undefined} data-selected={selected || undefined} data-severity={severity} className="line" data-index={index} data-wrap={wrap || undefined} style={{ transform: `translateY(${start}px)` }}>
      <span className="line-time">{oneDay ? clockMillis(line.ms) : `${dayText(line.ms).slice(5)} ${clockMillis(line.ms)}`}</span>
      <SeverityMark severity={severity} />
      <span className="line-service clip">{line.labels[SERVICE_LABEL] ?? ''}</span>
      {columns.map((name) => (
        <span key={name} className="clip muted" title={name}>{fieldValue(line, name)}</span>
      ))}
      <span className={wrap ? 'line-text line-wrapped' : 'line-text clip'}>{wrap ? line.text.slice(0, WRAPPED_CHARS) : firstLine(line.text)}</span>
    </div>
  );
});

export function useScrollTo() {
  const ref = useRef<Scroller>(null);
  const show = useCallback((index: number) => ref.current?.show(index), []);
  return { ref, show };
}
