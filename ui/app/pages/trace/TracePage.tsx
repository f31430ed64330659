import { Button, SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { type ReactNode, useCallback, useMemo, useState } from 'react';
import { AppLink } from '../../components/AppLink';
import { CopyButton } from '../../components/CopyButton';
import { ShareMenu } from '../../components/ShareMenu';
import { Empty, Failure, Rows } from '../../components/States';
import { FlameGraph } from '../../components/FlameGraph';
import { SearchBox } from '../../components/SearchBox';
import { type Part, criticalPath, matchingSpans, pathByService } from '../../lib/critical';
import { curlOf } from '../../lib/curl';
import { flameOf } from '../../lib/flame';
import { duration, percent } from '../../lib/format';
import { logsOfTrace } from '../../lib/links';
import { type Line, firstLine } from '../../lib/loki';
import { severityOf } from '../../lib/severity';
import * as tempo from '../../lib/tempo';
import type { Trace } from '../../lib/trace';
import { type Waterfall, layOut } from '../../lib/waterfall';
import { clockMillis, dayText } from '../../lib/time';
import { useSearchAll, useSetSearch } from '../../state/search';
import { Breakdown } from './Breakdown';
import { Compare } from './Compare';
import { SpanDetail } from './SpanDetail';
import { TraceLogs, useTraceLogs } from './TraceLogs';
import { type LogMark, WaterfallView } from './WaterfallView';

export default function TracePage() {
  const { traceId = '' } = useParams({ strict: false }) as { traceId?: string };
  const result = useQuery<Trace>({
    queryKey: ['trace', traceId],
    queryFn: ({ signal }) => tempo.trace(traceId, signal),
    staleTime: 5_000,
    // Another trace is no stand-in for this one.
    placeholderData: () => undefined,
  });
  if (result.data?.spans.length) return <Loaded trace={result.data} traceId={traceId} />;
  return (
    <div className="page-fixed">
      {result.error ? (
        <Failure error={result.error} retry={() => void result.refetch()} />
      ) : result.data ? (
        <Empty title="This trace has no spans" action={<AppLink to="/traces">Search traces</AppLink>} />
      ) : (
        <Rows count={16} height={26} />
      )}
    </div>
  );
}

function Loaded({ trace, traceId }: { trace: Trace; traceId: string }) {
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const fall = useMemo(() => layOut(trace.spans, collapsed), [trace, collapsed]);
  const logs = useTraceLogs(traceId, fall.startMs, fall.startMs + fall.durationMs);
  const selected = trace.spans.find((span) => span.id === search.span);
  const select = useCallback((id: string | undefined) => setSearch({ span: id }, 'replace'), [setSearch]);
  const close = useCallback(() => select(undefined), [select]);
  const view = VIEWS.find((one) => one === search.view) ?? 'spans';
  const root = fall.rows[0]?.span;
  const find = useCallback((text: string) => setSearch({ find: text, view: undefined }), [setSearch]);
  const critical = useMemo(() => criticalPath(trace.spans), [trace]);
  const hits = useMemo(() => (search.find ? matchingSpans(trace.spans, search.find) : undefined), [trace, search.find]);
  const parents = useMemo(() => new Set(fall.rows.filter((row) => row.children > 0).map((row) => row.span.id)), [fall]);
  const toggle = useCallback((id: string) => setCollapsed((now) => {
    const next = new Set(now);
    if (!next.delete(id)) next.add(id);
    return next;
  }), []);
  const logMarks = useMemo(() => marksBySpan(logs.data ?? []), [logs.data]);
  return (
    <div className="page-fixed">
      <TraceHead traceId={traceId} fall={fall} spans={trace.spans.length}>
        <SegmentedControl
          value={view}
          onChange={(value) => setSearch({ view: value === 'spans' ? undefined : value })}
          data={[
            { value: 'spans', label: 'Waterfall' },
            { value: 'flame', label: 'Flame graph' },
            { value: 'breakdown', label: 'Breakdown' },
            { value: 'compare', label: 'Compare' },
            { value: 'logs', label: logs.data ? `Logs (${logs.data.length})` : 'Logs' },
          ]}
        />
      </TraceHead>
      {view === 'spans' ? (
        <div className="trace-tools">
          <SearchBox label="Find in this trace" value={search.find ?? ''} onSubmit={(text) => setSearch({ find: text || undefined }, 'replace')} placeholder="name, service, attribute=value" />
          {hits ? <span className="muted">{hits.size} of {trace.spans.length} spans</span> : null}
          <Button variant={search.path ? 'light' : 'default'} aria-pressed={search.path === '1'} onClick={() => setSearch({ path: search.path ? undefined : '1' }, 'replace')}>Critical path</Button>
          <Button variant="default" onClick={() => setCollapsed(collapsed.size ? new Set() : parents)}>{collapsed.size ? 'Expand all' : 'Collapse all'}</Button>
          {search.path ? <PathSums sums={pathByService(trace.spans, critical)} total={fall.durationMs} /> : null}
        </div>
      ) : null}
      <div className="trace-body" data-detail={selected ? true : undefined}>
        {view === 'logs' ? <TraceLogs logs={logs} startMs={fall.startMs} onSpan={select} /> : view === 'flame' ? <Flame trace={trace} services={fall.services} /> : view === 'breakdown' ? <Breakdown spans={trace.spans} services={fall.services} onFind={find} /> : view === 'compare' && root ? <Compare trace={{ ...trace, id: trace.id || traceId }} root={root} services={fall.services} other={search.with} /> : <WaterfallView fall={fall} selected={selected?.id} collapsed={collapsed} onSelect={select} onToggle={toggle} path={search.path ? critical : NO_PATH} hits={hits} logs={logMarks} />}
        {selected ? <SpanDetail key={selected.id} span={selected} traceStartMs={fall.startMs} logs={(logs.data ?? []).filter((line) => line.labels.span_id === selected.id)} onClose={close} /> : null}
      </div>
    </div>
  );
}

const VIEWS = ['spans', 'flame', 'breakdown', 'compare', 'logs'] as const;

/** Spans of the same name below the same parents are one box. */
function Flame({ trace, services }: { trace: Trace; services: readonly string[] }) {
  const root = useMemo(() => flameOf([trace.spans]), [trace]);
  return <div className="scroll"><FlameGraph root={root} services={services} title="This trace" /></div>;
}

function marksBySpan(lines: readonly Line[]): Map<string, LogMark[]> {
  const by = new Map<string, LogMark[]>();
  for (const line of lines) {
    const id = line.labels.span_id;
    if (!id) continue;
    const severity = severityOf(line.labels);
    const mark = { ms: line.ms, bad: severity === 'error' || severity === 'fatal', text: firstLine(line.text) };
    const known = by.get(id);
    if (known) known.push(mark);
    else by.set(id, [mark]);
  }
  return by;
}

const NO_PATH: ReadonlyMap<string, Part[]> = new Map();

/** Who was waited for, and how long. */
function PathSums({ sums, total }: { sums: readonly { service: string; ms: number }[]; total: number }) {
  return (
    <span className="path-sums">
      {sums.slice(0, 6).map((one) => (
        <span key={one.service} className="chip"><b>{one.service}</b>&nbsp;{duration(one.ms)} ({percent(one.ms / total)})</span>
      ))}
    </span>
  );
}

function TraceHead({ traceId, fall, spans, children }: { traceId: string; fall: Waterfall; spans: number; children: ReactNode }) {
  const root = fall.rows[0]?.span;
  return (
    <header className="trace-head">
      <div className="trace-title">
        <h2 className="clip">
          <span className="muted">{root?.service}</span> {root?.name}
        </h2>
        <span className="mono faint clip">
          {traceId}
          <CopyButton text={traceId} label="Copy trace id" />
          <ShareMenu curl={() => curlOf(`/api/v2/traces/${traceId}`, {})} open={[{ label: 'Open in TraceQL', to: '/traces', search: { q: `{ trace:id = "${traceId}" }` } }]} />
        </span>
      </div>
      <div className="facts-line">
      <dl className="facts">
        <Fact name="Start" value={`${dayText(fall.startMs)} ${clockMillis(fall.startMs)}`} />
        <Fact name="Duration" value={duration(fall.durationMs)} />
        <Fact name="Spans" value={String(spans)} />
        <Fact name="Services" value={String(fall.services.length)} />
        <Fact name="Errors" value={fall.errors ? `▲ ${fall.errors}` : '0'} bad={fall.errors > 0} />
      </dl>
        <div className="trace-actions">
          <AppLink {...logsOfTrace(traceId, fall.startMs, fall.startMs + fall.durationMs)}>Search its logs</AppLink>
          {children}
        </div>
      </div>
    </header>
  );
}

function Fact({ name, value, bad }: { name: string; value: string; bad?: boolean }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-bad={bad}>{value}</dd>
    </div>
  );
}
