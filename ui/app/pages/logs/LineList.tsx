import { useVirtualizer } from '@tanstack/react-virtual';
import { type Ref, useCallback, useEffect, useImperativeHandle, useRef } from 'react';
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
type More = { has: boolean; loading: boolean; load: () => void };
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
export function LineList({ ref, lines, active, selected, stale, wrap, columns, more, onOpen, onScrolled }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => LINE_HEIGHT, overscan: 20 });
  useImperativeHandle(ref, () => ({ show: (index) => rows.scrollToIndex(index) }), [rows]);
  const items = rows.getVirtualItems();
  const template = columns.length ? { gridTemplateColumns: `auto 30px 132px ${columns.map(() => '150px').join(' ')} minmax(0, 1fr)` } : undefined;
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more?.has && !more.loading && last >= lines.length - 50) more.load();
  }, [more, last, lines.length]);
  const oneDay = lines.length === 0 || dayText(lines[0]?.ms ?? 0) === dayText(lines.at(-1)?.ms ?? 0);
  return (
    <div ref={box} className={stale ? 'lines stale' : 'lines'} role="list" aria-label="Log lines" onScroll={(event) => onScrolled(event.currentTarget.scrollTop > LINE_HEIGHT)} tabIndex={0}>
      <div style={{ height: rows.getTotalSize(), position: 'relative' }}>
        {items.map((item) => {
          const line = lines[item.index];
          if (!line) return null;
          return (
            <div
              key={line.key}
              role="listitem"
              data-row
              data-active={item.index === active || undefined}
              data-selected={line.key === selected || undefined}
              data-severity={severityOf(line.labels)}
              className="line"
              data-index={item.index}
              data-wrap={wrap || undefined}
              {...(wrap ? { ref: rows.measureElement } : {})}
              style={{ transform: `translateY(${item.start}px)`, ...template }}
              onClick={() => onOpen(item.index)}
            >
              <span className="line-time">{oneDay ? clockMillis(line.ms) : `${dayText(line.ms).slice(5)} ${clockMillis(line.ms)}`}</span>
              <SeverityMark severity={severityOf(line.labels)} />
              <span className="line-service clip">{line.labels[SERVICE_LABEL] ?? ''}</span>
              {columns.map((name) => (
                <span key={name} className="clip muted" title={name}>{fieldValue(line, name)}</span>
              ))}
              <span className={wrap ? 'line-text line-wrapped' : 'line-text clip'}>{wrap ? line.text.slice(0, WRAPPED_CHARS) : firstLine(line.text)}</span>
            </div>
          );
        })}
      </div>
      <div className="lines-end faint">{more ? (more.loading ? 'Loading older lines…' : more.has ? '' : 'No older lines in this time range') : ''}</div>
    </div>
  );
}

export function useScrollTo() {
  const ref = useRef<Scroller>(null);
  const show = useCallback((index: number) => ref.current?.show(index), []);
  return { ref, show };
}
