import { AppLink } from '../../components/AppLink';
import { Attributes } from '../../components/Attributes';
import { SeverityMark } from '../../components/Pills';
import { SidePanel } from '../../components/SidePanel';
import { duration } from '../../lib/format';
import { logsAt, tracesAt } from '../../lib/links';
import type { Line } from '../../lib/loki';
import { severityOf } from '../../lib/severity';
import type { Span } from '../../lib/trace';
import { clockMillis } from '../../lib/time';

export function SpanDetail({ span, traceStartMs, logs, onClose }: { span: Span; traceStartMs: number; logs: readonly Line[]; onClose: () => void }) {
  return (
    <SidePanel title={span.name} onClose={onClose}>
      {span.error ? (
        <p className="span-error">
          <b>▲ Error</b> {span.statusMessage || 'without a message'}
        </p>
      ) : null}
      <dl className="facts facts-small">
        <div><dt>Service</dt><dd>{span.service}</dd></div>
        <div><dt>Kind</dt><dd>{span.kind}</dd></div>
        <div><dt>Duration</dt><dd>{duration(span.durationMs)}</dd></div>
        <div><dt>Starts after</dt><dd>{duration(span.startMs - traceStartMs)}</dd></div>
      </dl>
      <div className="links">
        <AppLink {...logsAt(span.service, span.startMs)}>Logs of {span.service}</AppLink>
        <AppLink {...tracesAt(span.service, span.startMs)}>Traces of {span.service}</AppLink>
      </div>
      {logs.length ? (
        <>
          <div className="section-title">Logs ({logs.length})</div>
          <ul className="span-logs">
            {logs.map((line) => (
              <li key={line.key}>
                <SeverityMark severity={severityOf(line.labels)} /> <span className="muted">+{duration(line.ms - span.startMs)}</span> {line.text}
              </li>
            ))}
          </ul>
        </>
      ) : null}
      {span.events.length ? <div className="section-title">Events ({span.events.length})</div> : null}
      {span.events.map((event, i) => (
        <details key={i} className="event" open={event.name === 'exception'}>
          <summary>
            <b>{event.name}</b> <span className="muted">+{duration(event.ms - span.startMs)}, {clockMillis(event.ms)}</span>
          </summary>
          <Attributes attributes={event.attributes} />
        </details>
      ))}
      {span.links.length ? <div className="section-title">Links ({span.links.length})</div> : null}
      {span.links.map((link, i) => (
        <div key={i}>
          <AppLink to="/trace/$traceId" params={{ traceId: link.traceId }} search={{ span: link.spanId }} className="mono">
            {link.traceId}
          </AppLink>
          {link.attributes.length ? <Attributes attributes={link.attributes} /> : null}
        </div>
      ))}
      <div className="section-title">Attributes ({span.attributes.length})</div>
      <Attributes attributes={span.attributes} />
      <div className="section-title">Resource ({span.resource.length})</div>
      <Attributes attributes={span.resource} />
      <div className="section-title">Span</div>
      <Attributes attributes={[{ key: 'span id', value: span.id }, { key: 'parent id', value: span.parentId || 'none' }, { key: 'scope', value: span.scope || 'none' }]} />
    </SidePanel>
  );
}
