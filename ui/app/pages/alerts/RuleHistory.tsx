import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { AppLink } from '../../components/AppLink';
import { type Stretch, stretches } from '../../lib/alerts';
import { duration } from '../../lib/format';
import { queryRange } from '../../lib/prom';
import { clock, dateTime } from '../../lib/time';
import { useRange } from '../../state/range';

const SPAN_MS = 24 * 3_600_000;
const STEP_S = 120;
const ROWS_MAX = 12;

/** When each alert of a rule was pending and fired in the last day; a click looks at the time around it. */
export function RuleHistory({ name }: { name: string }) {
  const { nowMs } = useRange();
  const endMs = Math.ceil(nowMs / (STEP_S * 1000)) * STEP_S * 1000;
  const startMs = endMs - SPAN_MS;
  const expr = `ALERTS{alertname=${JSON.stringify(name)}}`;
  const found = useQuery({ queryKey: ['rule-history', name, endMs], queryFn: ({ signal }) => queryRange(expr, startMs, endMs, STEP_S, signal), staleTime: 60_000 });
  const rows = useMemo(() => stretches(found.data?.series ?? [], STEP_S * 1000), [found.data]);
  if (found.error) return <p className="span-error">{found.error.message}</p>;
  if (!found.data) return <p className="faint" data-state="loading">Asking for the last day…</p>;
  if (rows.length === 0) return <p className="faint rule-quiet">Neither pending nor firing in the last day.</p>;
  return (
    <div className="history" role="group" aria-label="The last day">
      {rows.slice(0, ROWS_MAX).map((row) => (
        <div key={row.name} className="history-row">
          <span className="clip mono" title={row.name}>{row.name || name}</span>
          <span className="history-track">
            {row.parts.map((part) => <Part key={`${part.state}/${part.startMs}`} part={part} startMs={startMs} q={expr} />)}
          </span>
        </div>
      ))}
      <div className="history-row faint">
        <span />
        <span className="history-axis">{[0, 0.25, 0.5, 0.75, 1].map((share) => <span key={share}>{clock(startMs + share * SPAN_MS).slice(0, 5)}</span>)}</span>
      </div>
    </div>
  );
}

function Part({ part, startMs, q }: { part: Stretch; startMs: number; q: string }) {
  const left = Math.max(0, (part.startMs - startMs) / SPAN_MS);
  const width = Math.max(0.003, (part.endMs - part.startMs) / SPAN_MS);
  const text = `${part.state} from ${dateTime(part.startMs)}, ${duration(part.endMs - part.startMs)}`;
  return (
    <AppLink to="/metrics" search={{ q, from: String(part.startMs - 600_000), to: String(part.endMs + 600_000) }} className={`history-part history-${part.state}`} title={text} style={{ left: `${left * 100}%`, width: `${Math.min(width, 1 - left) * 100}%` }}>
      <span className="visually-hidden">{text}</span>
    </AppLink>
  );
}
