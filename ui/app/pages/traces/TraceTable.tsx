import { AppLink } from '../../components/AppLink';
import { duration } from '../../lib/format';
import type { Found } from '../../lib/tempo';
import { clockMillis, dateTime, dayText } from '../../lib/time';

export function TraceTable({ found, active, stale }: { found: readonly Found[]; active: number; stale: boolean }) {
  const longest = Math.max(...found.map((one) => one.durationMs), 0.001);
  const oneDay = new Set(found.map((one) => dayText(one.startMs))).size <= 1;
  return (
    <table className={stale ? 'table traces stale' : 'table traces'}>
      <thead>
        <tr>
          <th style={{ width: oneDay ? 112 : 160 }}>Start</th>
          <th style={{ width: '17%' }}>Service</th>
          <th>Root span</th>
          <th className="wide" style={{ width: '16%' }}>Spans</th>
          <th style={{ width: '30%' }}>Duration</th>
        </tr>
      </thead>
      <tbody>
        {found.map((one, i) => {
          const spans = one.services.reduce((sum, service) => sum + service.spans, 0);
          const errors = one.services.reduce((sum, service) => sum + service.errors, 0);
          return (
            <tr key={one.traceId} className="row-link" data-row data-active={i === active}>
              <td className="mono muted">{oneDay ? clockMillis(one.startMs) : dateTime(one.startMs)}</td>
              <td className="clip">{one.rootService || <span className="faint">root not received</span>}</td>
              <td className="clip">
                <AppLink to="/trace/$traceId" params={{ traceId: one.traceId }} className="row-target">
                  {one.rootName || one.traceId}
                </AppLink>
              </td>
              <td className="wide clip muted">
                {spans ? `${spans} in ${one.services.length} services` : `${one.matched} matched`}
                {errors ? <span className="error-count"> ▲ {errors}</span> : null}
              </td>
              <td>
                <span className="duration-cell">
                  <span className="duration-bar" data-error={errors > 0} style={{ width: `${Math.max(0.6, (one.durationMs / longest) * 62)}%` }} />
                  <span>{duration(one.durationMs)}</span>
                </span>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
