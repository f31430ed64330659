import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, useState } from 'react';
import { severityOf } from '../../lib/severity';
import { firstLine } from '../../lib/loki';
import type { Labels } from '../../lib/prom';
import { clockMillis } from '../../lib/time';
import { SeverityMark } from '../Pills';
import type { VizProps } from './types';

type Row = { ms: number; text: string; labels: Labels };

export function LogsViz({ panel, frames, height }: VizProps) {
  const rows = useMemo(() => rowsOf(frames, panel.options.sortOrder === 'Ascending'), [frames, panel.options.sortOrder]);
  const [open, setOpen] = useState<number>();
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => 21, overscan: 10 });
  if (rows.length === 0) return <div className="viz-none">No lines</div>;
  const wrapped = panel.options.wrapLogMessage === true;
  return (
    <div ref={box} className="viz-logs" style={{ height }} tabIndex={0} role="group" aria-label="Log lines">
      <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          return (
            <div key={item.key} ref={virtual.measureElement} data-index={item.index} className="viz-log" data-severity={severityOf(row.labels)} style={{ transform: `translateY(${item.start}px)` }} onClick={() => setOpen(open === item.index ? undefined : item.index)}>
              {panel.options.showTime === false ? null : <span className="line-time">{clockMillis(row.ms)}</span>}
              <SeverityMark severity={severityOf(row.labels)} />
              {panel.options.showLabels === true ? <span className="muted clip viz-log-labels">{Object.entries(row.labels).map(([key, value]) => `${key}=${value}`).join(' ')}</span> : null}
              <span className={wrapped || open === item.index ? 'viz-log-wrapped' : 'clip'}>{wrapped || open === item.index ? pretty(row.text, panel.options.prettifyLogMessage === true).slice(0, 20_000) : firstLine(row.text)}</span>
              {open === item.index ? (
                <div className="viz-log-detail mono">
                  {Object.entries(row.labels).map(([key, value]) => (
                    <div key={key}><span className="muted">{key}</span> {value}</div>
                  ))}
                </div>
              ) : null}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function pretty(text: string, wanted: boolean): string {
  if (!wanted || !/^\s*\{/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function rowsOf(frames: VizProps['frames'], ascending: boolean): Row[] {
  const all = frames.flatMap((one) => {
    const time = one.fields.find((field) => field.type === 'time');
    const line = one.fields.find((field) => field.name === 'Line') ?? one.fields.find((field) => field.type === 'string');
    const labels = one.fields.find((field) => field.name === 'labels');
    if (!time || !line) return [];
    return line.values.map((text, i): Row => ({ ms: time.values[i] as number, text: String(text ?? ''), labels: labels ? (JSON.parse(String(labels.values[i] ?? '{}')) as Labels) : {} }));
  });
  return all.sort((a, b) => (ascending ? a.ms - b.ms : b.ms - a.ms));
}
