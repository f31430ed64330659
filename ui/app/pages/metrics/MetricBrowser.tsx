import { TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, useState } from 'react';
import { Empty, Failure, Rows } from '../../components/States';
import { labelValues, metadata } from '../../lib/prom';

const ROW_HEIGHT = 25;
/** Names of one histogram differ at their ends, so ends are never cut. */
const TAIL = 8;

/** Every metric name, filtered as one types. All words must occur, in any order. */
export function MetricBrowser({ onPick, current }: { onPick: (name: string) => void; current: string }) {
  const names = useQuery({ queryKey: ['metric-names'], queryFn: ({ signal }) => labelValues('__name__', undefined, signal), staleTime: 30_000 });
  const about = useQuery({ queryKey: ['metadata'], queryFn: ({ signal }) => metadata(signal), staleTime: 60_000 });
  const [text, setText] = useState('');
  const found = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return (names.data ?? []).filter((name) => words.every((word) => name.toLowerCase().includes(word)));
  }, [names.data, text]);
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: found.length, getScrollElement: () => box.current, estimateSize: () => ROW_HEIGHT, overscan: 10 });
  return (
    <aside className="metric-browser" aria-label="Metric names">
      <TextInput placeholder="Find a metric" aria-label="Find a metric" value={text} onChange={(event) => setText(event.currentTarget.value)} spellCheck={false} />
      <div className="faint metric-count">{names.data ? `${found.length} of ${names.data.length} metrics` : '\u00a0'}</div>
      <div ref={box} className="metric-names">
        {names.error ? <Failure error={names.error} retry={() => void names.refetch()} /> : null}
        {names.isPending ? <Rows count={12} height={ROW_HEIGHT} /> : null}
        {names.data && found.length === 0 ? <Empty title={names.data.length ? 'No such metric' : 'No metrics yet'} /> : null}
        <div style={{ height: rows.getTotalSize(), position: 'relative' }}>
          {rows.getVirtualItems().map((item) => {
            const name = found[item.index] ?? '';
            const help = about.data?.[name]?.[0];
            return (
              <button
                key={name}
                type="button"
                className="metric-name mono clip"
                data-active={current.includes(name)}
                style={{ transform: `translateY(${item.start}px)`, height: ROW_HEIGHT }}
                title={help ? `${name}\n${help.type}${help.unit ? `, ${help.unit}` : ''}\n${help.help}` : name}
                onClick={() => onPick(name)}
              >
                <span className="metric-text"><span className="clip">{name.slice(0, -TAIL)}</span><span>{name.slice(-TAIL)}</span></span>
                {help ? <span className="metric-kind faint">{help.type === 'unknown' ? '' : help.type}{help.unit ? `, ${help.unit}` : ''}</span> : null}
              </button>
            );
          })}
        </div>
      </div>
    </aside>
  );
}
