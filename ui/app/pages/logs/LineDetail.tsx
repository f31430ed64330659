import { useMemo, useState } from 'react';
import { AppLink } from '../../components/AppLink';
import { Attributes } from '../../components/Attributes';
import { CopyButton } from '../../components/CopyButton';
import { SeverityMark } from '../../components/Pills';
import { SidePanel } from '../../components/SidePanel';
import { logsAt, tracesAt } from '../../lib/links';
import { SERVICE_LABEL, type Term } from '../../lib/logql';
import type { Line } from '../../lib/loki';
import { severityOf } from '../../lib/severity';
import { Context } from './Context';
import { around, clockMillis, dayText } from '../../lib/time';
import { asTraceId } from '../../lib/traceql';

export function LineDetail({ line, onClose, onTerm }: { line: Line; onClose: () => void; onTerm: (term: Term) => void }) {
  const pretty = useMemo(() => prettyJson(line.text), [line.text]);
  const [raw, setRaw] = useState(false);
  const [shown, setShown] = useState(false);
  const service = line.labels[SERVICE_LABEL] ?? '';
  const traceId = asTraceId(line.labels.trace_id ?? line.labels.traceid ?? '');
  const attributes = Object.entries(line.labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return (
    <SidePanel
      title={
        <>
          <SeverityMark severity={severityOf(line.labels)} /> {dayText(line.ms)} {clockMillis(line.ms)}
        </>
      }
      onClose={onClose}
    >
      <div className="links">
        {traceId ? (
          <AppLink to="/trace/$traceId" params={{ traceId }} search={line.labels.span_id ? { span: line.labels.span_id } : {}}>
            Open trace
          </AppLink>
        ) : null}
        <AppLink to="/logs" search={{ ...around(line.ms, 30_000, 30_000), ...(service ? { service } : {}) }}>
          Lines around it
        </AppLink>
        {service ? <AppLink {...tracesAt(service, line.ms)}>Traces of {service}</AppLink> : null}
        {traceId ? null : <AppLink {...logsAt('', line.ms, 'error')}>Errors everywhere</AppLink>}
      </div>
      <div className="section-title section-row">
        Line
        <span>
          {pretty ? (
            <button type="button" className="text-button" onClick={() => setRaw(!raw)}>
              {raw ? 'Format' : 'Raw'}
            </button>
          ) : null}
          <CopyButton text={line.text} label="Copy line" />
        </span>
      </div>
      <pre className="line-full">{pretty && !raw ? pretty : line.text}</pre>
      <div className="section-title section-row">
        Around it
        <button type="button" className="text-button" aria-expanded={shown} onClick={() => setShown(!shown)}>{shown ? 'Hide' : 'Show'}</button>
      </div>
      {shown ? <Context line={line} /> : null}
      <div className="section-title">Attributes ({attributes.length})</div>
      <Attributes attributes={attributes.map(([key, value]) => ({ key, value }))} onTerm={onTerm} />
    </SidePanel>
  );
}

function prettyJson(text: string): string | undefined {
  if (!/^\s*[{[]/.test(text) || text.length > 200_000) return undefined;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}
