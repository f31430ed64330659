import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { AppLink } from '../../components/AppLink';
import { Panel } from '../../components/Panel';
import { SeverityMark } from '../../components/Pills';
import { Spark } from '../../components/Spark';
import { Empty, Failure, Rows } from '../../components/States';
import { count } from '../../lib/format';
import { SERVICE_LABEL, quote } from '../../lib/logql';
import * as loki from '../../lib/loki';
import { type PatternRow, comparePatterns, patternFilter } from '../../lib/patterns';
import { niceStep } from '../../lib/prom';
import { severityOf } from '../../lib/severity';
import { useRange } from '../../state/range';

const SHOWN = 12;
const BARS = 30;
const TONES: Partial<Record<PatternRow['change'], string>> = { new: 'firing', grown: 'pending' };

/** What a service complains about, lines of one shape as one row, against the time just before. */
export function ErrorGroups({ name }: { name: string }) {
  const { window } = useRange();
  const query = `{${SERVICE_LABEL}=${quote(name)}} | detected_level=~"warn|warning|error|fatal|critical"`;
  const spanMs = window.endMs - window.startMs;
  const stepS = niceStep(spanMs, BARS);
  const ask = (startMs: number, endMs: number, signal: AbortSignal) => loki.patterns(query, startMs, endMs, stepS, signal);
  const found = useQuery({ queryKey: ['service-patterns', name, window], queryFn: async ({ signal }) => Promise.all([ask(window.startMs, window.endMs, signal), ask(window.startMs - spanMs, window.startMs, signal)]) });
  const rows = useMemo(() => (found.data ? comparePatterns(found.data[0], found.data[1], window.startMs, window.endMs).filter((row) => row.count > 0 && /^(warn|error|fatal|critical|$)/i.test(row.level)) : []), [found.data, window]);
  return (
    <Panel title="Warnings and errors by pattern" side={<AppLink to="/logs" search={{ q: query, view: 'patterns' }}>{rows.length > SHOWN ? `All ${rows.length}` : 'Patterns'}</AppLink>}>
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : !found.data ? <Rows count={5} height={28} /> : rows.length === 0 ? <Empty title="None in this time range" /> : (
        <table className="table status-table">
          <tbody>
            {rows.slice(0, SHOWN).map((row) => (
              <tr key={`${row.level}/${row.pattern}`}>
                <td style={{ width: 50 }}><SeverityMark severity={severityOf({ detected_level: row.level })} /></td>
                <td className="clip mono" title={row.pattern.slice(0, 2_000)}><AppLink to="/logs" search={{ q: `${query} ${patternFilter(row.pattern)}` }}>{row.pattern.slice(0, 400)}</AppLink></td>
                <td style={{ width: 78 }}>{TONES[row.change] ? <span className="pill" data-tone={TONES[row.change]}>{row.change}</span> : null}</td>
                <td className="wide" style={{ width: 110 }}><Spark values={row.spark} label="Lines over time" /></td>
                <td className="num" style={{ width: 64 }}>{count(row.count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
