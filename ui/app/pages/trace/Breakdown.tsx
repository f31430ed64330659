import { SegmentedControl } from '@mantine/core';
import { useMemo } from 'react';
import { serviceColor } from '../../lib/colors';
import { breakdown } from '../../lib/flame';
import { count, duration, percent } from '../../lib/format';
import type { Span } from '../../lib/trace';
import { useSearchAll, useSetSearch } from '../../state/search';

const ROWS_MAX = 300;

/** Who spent the time itself, without those it waited for. */
export function Breakdown({ spans, services, onFind }: { spans: readonly Span[]; services: readonly string[]; onFind: (text: string) => void }) {
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const by = search.by === 'operation' ? 'operation' : 'service';
  const rows = useMemo(() => breakdown(spans, by), [spans, by]);
  const all = rows.reduce((sum, row) => sum + row.selfMs, 0);
  const most = rows[0]?.selfMs ?? 1;
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label="Breakdown">
      <div className="trace-tools">
        <SegmentedControl value={by} onChange={(value) => setSearch({ by: value === 'operation' ? value : undefined }, 'replace')} data={[{ value: 'service', label: 'Services' }, { value: 'operation', label: 'Operations' }]} />
        <span className="muted">time spans spent themselves, without those they waited for</span>
      </div>
      <table className="table">
        <thead>
          <tr>
            <th style={{ width: '20%' }}>Service</th>
            {by === 'operation' ? <th>Operation</th> : null}
            <th className="num" style={{ width: 80 }}>Spans</th>
            <th className="num" style={{ width: 80 }}>Errors</th>
            <th className="num wide" style={{ width: 110 }}>Longest</th>
            <th style={{ width: '34%' }}>Itself</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, ROWS_MAX).map((row) => (
            <tr key={`${row.service}/${row.name}`}>
              <td className="clip"><i className="swatch" style={{ background: serviceColor(services, row.service) }} /> <button type="button" className="text-button" onClick={() => onFind(row.service)}>{row.service}</button></td>
              {by === 'operation' ? <td className="clip"><button type="button" className="text-button clip" onClick={() => onFind(row.name)}>{row.name}</button></td> : null}
              <td className="num">{count(row.spans)}</td>
              <td className="num">{row.errors ? <span className="error-count">▲ {row.errors}</span> : '0'}</td>
              <td className="num wide">{duration(row.longestMs)}</td>
              <td><span className="duration-cell"><span className="duration-bar" style={{ width: `${Math.max(0.6, (row.selfMs / most) * 56)}%` }} />{duration(row.selfMs)} <span className="muted">{percent(all ? row.selfMs / all : 0)}</span></span></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
