import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { SeverityMark } from '../../components/Pills';
import { Spark } from '../../components/Spark';
import { Empty, Failure, Rows } from '../../components/States';
import { count } from '../../lib/format';
import * as loki from '../../lib/loki';
import { type Change, comparePatterns } from '../../lib/patterns';
import { niceStep } from '../../lib/prom';
import { severityOf } from '../../lib/severity';
import { useRange } from '../../state/range';
import { useSearchAll, useSetSearch } from '../../state/search';

const CHANGES: readonly Change[] = ['new', 'grown', 'same', 'shrunk', 'gone'];
const TONES: Record<Change, string> = { new: 'firing', grown: 'pending', same: 'ok', shrunk: 'pending', gone: 'pending' };
const ROWS_MAX = 300;

/** Lines of one shape as one row, against the time just before of the same length. */
export function Patterns({ query, onPattern }: { query: string; onPattern: (pattern: string) => void }) {
  const { window } = useRange();
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const spanMs = window.endMs - window.startMs;
  const stepS = niceStep(spanMs, 30);
  const ask = (startMs: number, endMs: number, signal: AbortSignal) => loki.patterns(query, startMs, endMs, stepS, signal);
  const found = useQuery({ queryKey: ['patterns', query, window], queryFn: async ({ signal }) => Promise.all([ask(window.startMs, window.endMs, signal), ask(window.startMs - spanMs, window.startMs, signal)]) });
  const rows = useMemo(() => (found.data ? comparePatterns(found.data[0], found.data[1], window.startMs, window.endMs) : []), [found.data, window]);
  if (found.error) return <Failure error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Rows count={12} />;
  const wanted = search.change ?? '';
  const shown = rows.filter((row) => !wanted || row.change === wanted);
  return (
    <div className="patterns" tabIndex={0} role="group" aria-label="Patterns">
      <div className="patterns-bar">
        <SegmentedControl value={wanted} onChange={(change) => setSearch({ change: change || undefined }, 'replace')} data={[{ value: '', label: `All ${rows.length}` }, ...CHANGES.map((change) => ({ value: change, label: `${change} ${rows.filter((row) => row.change === change).length}` }))]} />
        <span className="muted">against the time before, of the same length</span>
      </div>
      {shown.length === 0 ? (
        <Empty title="No pattern">{rows.length ? 'None has changed in this way.' : 'No line matches in this time range.'}</Empty>
      ) : (
        <table className="table patterns-table">
          <thead>
            <tr>
              <th style={{ width: 44 }} />
              <th style={{ width: 84 }}>Change</th>
              <th className="num" style={{ width: 74 }}>Lines</th>
              <th className="num wide" style={{ width: 74 }}>Before</th>
              <th className="wide" style={{ width: 130 }}>Over time</th>
              <th>Pattern</th>
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, ROWS_MAX).map((row) => (
              <tr key={`${row.level}/${row.pattern}`}>
                <td><SeverityMark severity={severityOf({ detected_level: row.level })} /></td>
                <td><span className="pill" data-tone={TONES[row.change]}>{row.change}</span></td>
                <td className="num">{count(row.count)}</td>
                <td className="num wide muted">{count(row.before)}</td>
                <td className="wide"><Spark values={row.spark} label="Lines over time" /></td>
                <td className="clip mono">
                  <button type="button" className="text-button clip" title={row.pattern.slice(0, 2_000)} onClick={() => onPattern(row.pattern)}>{row.pattern.slice(0, 600)}</button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
