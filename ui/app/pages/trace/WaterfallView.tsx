import { useVirtualizer } from '@tanstack/react-virtual';
import { useElementSize } from '@mantine/hooks';
import { type MouseEvent, memo, useCallback, useEffect, useMemo, useRef } from 'react';
import { useListKeys } from '../../components/useListKeys';
import { Icon } from '../../components/Icon';
import { duration } from '../../lib/format';
import type { Part } from '../../lib/critical';
import { serviceColor } from '../../lib/colors';
import { type Row, type Waterfall, ticks } from '../../lib/waterfall';

const ROW_HEIGHT = 26;

type Props = {
  fall: Waterfall;
  selected: string | undefined;
  collapsed: ReadonlySet<string>;
  onSelect: (id: string) => void;
  onToggle: (id: string) => void;
  /** Where the path that took the time runs; empty if it is not wanted. */
  path: ReadonlyMap<string, readonly Part[]>;
  /** Found by the search; undefined if nothing is searched. */
  hits: ReadonlySet<string> | undefined;
  /** Log lines by the span they name. */
  logs?: ReadonlyMap<string, readonly LogMark[]>;
};

export type LogMark = { ms: number; bad: boolean; text: string };

export const WaterfallView = memo(function WaterfallView({ fall, selected, collapsed, onSelect, onToggle, path, hits, logs }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const { ref: ruler, width } = useElementSize<HTMLDivElement>();
  const rows = useVirtualizer({ count: fall.rows.length, getScrollElement: () => box.current, estimateSize: () => ROW_HEIGHT, overscan: 10 });
  const open = useCallback((index: number) => {
    const row = fall.rows[index];
    if (row) onSelect(row.span.id);
  }, [fall, onSelect]);
  const show = useCallback((index: number) => rows.scrollToIndex(index), [rows]);
  const { active, setActive } = useListKeys(fall.rows.length, open, show);
  // What is found first comes into view.
  useEffect(() => {
    const first = hits ? fall.rows.findIndex((row) => hits.has(row.span.id)) : -1;
    if (first >= 0) rows.scrollToIndex(first, { align: 'center' });
    // Only when the search changes, not with every scroll.
  }, [hits]);
  const marks = useMemo(() => ticks(fall.durationMs, Math.max(2, Math.floor(width / 110))), [fall.durationMs, width]);
  const click = (event: MouseEvent<HTMLDivElement>) => {
    const target = event.target as HTMLElement;
    const index = Number(target.closest('[data-index]')?.getAttribute('data-index') ?? -1);
    const row = fall.rows[index];
    if (!row) return;
    if (target.closest('button.twist')) return onToggle(row.span.id);
    setActive(index);
    onSelect(row.span.id);
  };
  return (
    <div className="waterfall">
      <div className="waterfall-ruler">
        <span className="muted">Service and operation</span>
        <div ref={ruler}>
          {marks.map((mark) => (
            <span key={mark} style={{ left: `${(mark / fall.durationMs) * 100}%` }} data-last={mark / fall.durationMs > 0.9 || undefined}>
              {duration(mark)}
            </span>
          ))}
        </div>
      </div>
      <div ref={box} className="waterfall-rows" role="list" aria-label="Spans" onClick={click}>
        <div className="waterfall-all" style={{ height: rows.getTotalSize() }}>
          <div className="waterfall-grid" aria-hidden="true">
            {marks.map((mark) => (
              <i key={mark} className="grid-line" style={{ left: `${(mark / fall.durationMs) * 100}%` }} />
            ))}
          </div>
          {rows.getVirtualItems().map((item) => {
            const row = fall.rows[item.index];
            if (!row) return null;
            const { id } = row.span;
            return <SpanRow key={`${id}/${item.index}`} row={row} index={item.index} start={item.start} fall={fall} active={item.index === active} selected={id === selected} faded={hits !== undefined && !hits.has(id)} closed={collapsed.has(id)} parts={path.get(id) ?? NO_PARTS} logs={logs?.get(id) ?? NO_LOGS} />;
          })}
        </div>
      </div>
    </div>
  );
});

type SpanRowProps = { row: Row; index: number; start: number; fall: Waterfall; active: boolean; selected: boolean; faded: boolean; closed: boolean; parts: readonly Part[]; logs: readonly LogMark[] };

/** Plain elements and no handlers: many of these are made each second while somebody scrolls. */
const SpanRow = memo(function SpanRow({ row, index, start, fall, active, selected, faded, closed, parts, logs }: SpanRowProps) {
  return (
    <div role="listitem" data-row data-index={index} data-active={active || undefined} data-selected={selected || undefined} data-faded={faded || undefined} className="span-row" style={{ transform: `translateY(${start}px)` }}>
      <SpanName row={row} closed={closed} logs={logs} />
      <SpanBar row={row} color={serviceColor(fall.services, row.span.service)} parts={parts} logs={logs} startMs={fall.startMs} durationMs={fall.durationMs} />
    </div>
  );
});

/** Deeper than this the indent stops growing, or deep traces would have no room for names. */
const INDENT_MAX = 14;

function SpanName({ row, closed, logs }: { row: Row; closed: boolean; logs: readonly LogMark[] }) {
  const { span } = row;
  return (
    <span className="span-name" style={{ paddingLeft: 8 + Math.min(row.depth, INDENT_MAX) * 12 }}>
      {row.children ? (
        <button
          type="button"
          className="twist"
          aria-label={closed ? 'Show children' : 'Hide children'}
          aria-expanded={!closed}
        >
          <Icon name={closed ? 'right' : 'down'} size={11} />
        </button>
      ) : (
        <span className="twist" />
      )}
      {span.error ? <span className="error-count" title="status: error">▲</span> : null}
      <span className="clip">
        <b>{span.service}</b> <span className="muted">{span.name}</span>
        {logs.length ? <span className="log-count" data-bad={logs.some((one) => one.bad) || undefined} title={`${logs.length} log lines of this span`}>≡{logs.length}</span> : null}
        {row.orphan ? <span className="faint" title="Its parent was not received"> (parent missing)</span> : null}
      </span>
    </span>
  );
}

/** Shares of the track that a duration's text needs beside a bar. */
const ROOM_RIGHT = 0.85;
const ROOM_LEFT = 0.15;

const NO_PARTS: readonly Part[] = [];
const NO_LOGS: readonly LogMark[] = [];
/** More marks than this are a bar. */
const MARKS_MAX = 40;

function SpanBar({ row, color, parts, logs, startMs, durationMs }: { row: Row; color: string; parts: readonly Part[]; logs: readonly LogMark[]; startMs: number; durationMs: number }) {
  const right = row.left + row.width;
  // Right of the bar, else left of it, else in it.
  const inside = right >= ROOM_RIGHT && row.left < ROOM_LEFT;
  const place =
    right < ROOM_RIGHT ? { left: `calc(${right * 100}% + 6px)` }
    : inside ? { right: `calc(${Math.max(0, 1 - right) * 100}% + 6px)` }
    : { right: `calc(${(1 - row.left) * 100}% + 6px)` };
  return (
    <span className="span-track">
      <i className="span-bar" data-error={row.span.error || undefined} style={{ left: `${row.left * 100}%`, width: `max(2px, ${row.width * 100}%)`, background: color }} />
      {parts.map((part) => (
        <i key={part.startMs} className="span-path" style={{ left: `${((part.startMs - startMs) / durationMs) * 100}%`, width: `max(1px, ${((part.endMs - part.startMs) / durationMs) * 100}%)` }} />
      ))}
      {row.span.events.slice(0, MARKS_MAX).map((event, i) => (
        <i key={i} className="span-event" style={{ left: `${Math.min(1, row.left + ((event.ms - row.span.startMs) / Math.max(row.span.durationMs, 0.001)) * row.width) * 100}%` }} />
      ))}
      {logs.slice(0, MARKS_MAX).map((log, i) => (
        <i key={i} className="span-log" data-bad={log.bad || undefined} title={log.text} style={{ left: `${Math.min(1, Math.max(0, (log.ms - startMs) / durationMs)) * 100}%` }} />
      ))}
      <span className="span-duration" data-inside={inside || undefined} style={place}>
        {duration(row.span.durationMs)}
      </span>
    </span>
  );
}
