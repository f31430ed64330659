import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { AppLink } from '../../components/AppLink';
import { Panel } from '../../components/Panel';
import { Empty, Failure, Rows } from '../../components/States';
import { duration, percent, rate } from '../../lib/format';
import { quote } from '../../lib/logql';
import { type Operation, operationsOf } from '../../lib/operations';
import * as tempo from '../../lib/tempo';
import { useRange } from '../../state/range';

const SHOWN = 25;

/** What the service is asked for, the busiest first. */
export function Operations({ service }: { service: string }) {
  const { window } = useRange();
  const stepS = Math.max(1, Math.ceil((window.endMs - window.startMs) / 1000));
  const filter = `resource.service.name = ${quote(service)} && kind = server`;
  const found = useQuery({
    queryKey: ['operations', service, window],
    queryFn: ({ signal }) => {
      const ask = (query: string) => tempo.metrics(query, window.startMs, window.endMs, stepS, signal);
      return Promise.all([ask(`{ ${filter} } | rate() by (name)`), ask(`{ ${filter} && status = error } | rate() by (name)`), ask(`{ ${filter} } | quantile_over_time(duration, .95) by (name)`)]);
    },
  });
  const rows = useMemo<Operation[]>(() => (found.data ? operationsOf(...found.data) : []), [found.data]);
  const search = (name: string, more: string) => ({ q: `{ ${filter} && name = ${quote(name)}${more} }` });
  return (
    <Panel title="Operations" side={rows.length > SHOWN ? `the first ${SHOWN} of ${rows.length}` : `${rows.length}`}>
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : !found.data ? <Rows count={5} /> : rows.length === 0 ? <Empty title="No requests in this time range" /> : (
        <table className="table services">
          <thead>
            <tr>
              <th>Operation</th>
              <th className="num" style={{ width: 100 }}>Req/s</th>
              <th className="num" style={{ width: 90 }}>Errors</th>
              <th className="num" style={{ width: 100 }}>p95</th>
              <th className="num" style={{ width: 150 }} />
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map((row) => (
              <tr key={row.name}>
                <td className="clip">{row.name}</td>
                <td className="num">{rate(row.ratePerS)}</td>
                <td className="num" data-tone={row.errorRatio > 0.01 ? 'bad' : undefined}>{percent(row.errorRatio)}</td>
                <td className="num">{row.p95Ms === undefined ? '–' : duration(row.p95Ms)}</td>
                <td className="num row-actions">
                  <AppLink to="/traces" search={search(row.name, '')}>Traces</AppLink>
                  <AppLink to="/traces" search={search(row.name, ' && status = error')}>Failed</AppLink>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
