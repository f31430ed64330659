import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { SeverityMark } from '../../components/Pills';
import { Empty, Failure, Rows } from '../../components/States';
import { duration } from '../../lib/format';
import { logQueryOfTrace } from '../../lib/links';
import { SERVICE_LABEL } from '../../lib/logql';
import { type Line, firstLine, lines, nanos } from '../../lib/loki';
import { severityOf } from '../../lib/severity';
import { clockMillis } from '../../lib/time';

const LIMIT = 1_000;
/** Clocks differ, and a line may be written after its span has ended. */
const SLACK_MS = 60_000;

export function useTraceLogs(traceId: string, startMs: number, endMs: number) {
  return useQuery({
    queryKey: ['trace-logs', traceId, startMs, endMs],
    queryFn: async ({ signal }) => (await lines(logQueryOfTrace(traceId), nanos(startMs - SLACK_MS), nanos(endMs + SLACK_MS), LIMIT, signal)).reverse(),
    staleTime: 5_000,
    placeholderData: () => undefined,
  });
}

/** The lines of the whole trace in the order they happened. */
export function TraceLogs({ logs, startMs, onSpan }: { logs: UseQueryResult<Line[]>; startMs: number; onSpan: (id: string) => void }) {
  if (logs.error) return <Failure error={logs.error} retry={() => void logs.refetch()} />;
  if (!logs.data) return <Rows count={10} height={24} />;
  if (logs.data.length === 0) return <Empty title="No log line names this trace">Lines belong to a trace if they carry its trace id.</Empty>;
  return (
    <div className="lines trace-lines" role="list" aria-label="Log lines of the trace">
      {logs.data.map((line) => (
        <div key={line.key} role="listitem" data-row className="line" data-severity={severityOf(line.labels)} onClick={() => line.labels.span_id && onSpan(line.labels.span_id)}>
          <span className="line-time" title={clockMillis(line.ms)}>+{duration(line.ms - startMs)}</span>
          <SeverityMark severity={severityOf(line.labels)} />
          <span className="line-service clip">{line.labels[SERVICE_LABEL] ?? ''}</span>
          <span className="line-text clip">{firstLine(line.text)}</span>
        </div>
      ))}
    </div>
  );
}
