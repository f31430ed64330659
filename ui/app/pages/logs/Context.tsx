import { useQuery } from '@tanstack/react-query';
import { SeverityMark } from '../../components/Pills';
import { Failure, Rows } from '../../components/States';
import { SERVICE_LABEL, quote } from '../../lib/logql';
import { type Line, firstLine, justAfter, lines, nanos } from '../../lib/loki';
import { severityOf } from '../../lib/severity';
import { clockMillis } from '../../lib/time';

const EACH = 12;
const SPAN_MS = 3_600_000;

/** What the same service said just before and after a line, whatever the filters hide. */
export function Context({ line }: { line: Line }) {
  const service = line.labels[SERVICE_LABEL] ?? '';
  const query = service ? `{${SERVICE_LABEL}=${quote(service)}}` : `{${SERVICE_LABEL}=~".+"}`;
  const found = useQuery({
    queryKey: ['context', line.key],
    queryFn: async ({ signal }) => {
      const [before, after] = await Promise.all([lines(query, nanos(line.ms - SPAN_MS), justAfter(line.ns), EACH + 1, signal), lines(query, justAfter(line.ns), nanos(line.ms + SPAN_MS), EACH, signal, 'forward')]);
      return [...after, ...before];
    },
    staleTime: 30_000,
  });
  if (found.error) return <Failure error={found.error} />;
  if (!found.data) return <Rows count={6} height={20} />;
  return (
    <ol className="context" aria-label="Lines around this one">
      {found.data.map((one) => (
        <li key={one.key} data-here={(one.ns === line.ns && one.text === line.text) || undefined} title={firstLine(one.text)}>
          <span className="faint">{clockMillis(one.ms)}</span> <SeverityMark severity={severityOf(one.labels)} /> {firstLine(one.text)}
        </li>
      ))}
    </ol>
  );
}
