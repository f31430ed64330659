import { Spark } from '../../components/Spark';
import { AppLink } from '../../components/AppLink';
import { count, duration, percent, rate } from '../../lib/format';
import { type SortKey, sortServices } from '../../lib/services';
import type { Service } from '../../lib/signalbox';
import { ago } from '../../lib/time';
import { useRange } from '../../state/range';
import { useGo, useSearchAll, useSetSearch } from '../../state/search';
import { useListKeys } from '../../components/useListKeys';

const COLUMNS: readonly { key: SortKey; label: string; width: string | number; num?: boolean; wide?: boolean }[] = [
  { key: 'name', label: 'Service', width: '20%' },
  { key: 'rate', label: 'Req/s', width: 66, num: true },
  { key: 'errors', label: 'Errors', width: 76, num: true },
  { key: 'p50', label: 'p50', width: 80, num: true, wide: true },
  { key: 'p95', label: 'p95', width: 80, num: true },
  { key: 'p99', label: 'p99', width: 80, num: true, wide: true },
  { key: 'logs', label: 'Error logs', width: 84, num: true },
];

export function ServiceTable({ services }: { services: Service[] }) {
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const go = useGo();
  const sort = (COLUMNS.find((column) => column.key === search.sort)?.key ?? 'errors') as SortKey;
  const rows = sortServices(services, sort);
  const { active } = useListKeys(rows.length, (i) => {
    const row = rows[i];
    if (row) go('/logs', { service: row.name });
  });
  return (
    <table className="table services">
      <thead>
        <tr>
          {COLUMNS.map((column) => (
            <th key={column.key} style={{ width: column.width }} className={cell(column)} aria-sort={column.key === sort ? 'descending' : 'none'}>
              <button type="button" className="sort" data-active={column.key === sort} onClick={() => setSearch({ sort: column.key }, 'replace')}>
                {column.label}
                {column.key === sort ? ' ↓' : ''}
              </button>
            </th>
          ))}
          <th className="spark-head">Requests, errors</th>
          <th className="num wide" style={{ width: 92 }}>Last seen</th>
          <th style={{ width: 104 }}>
            <span className="visually-hidden">Go to</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((service, i) => (
          <Row key={service.name} service={service} active={i === active} />
        ))}
      </tbody>
    </table>
  );
}

function cell(column: { num?: boolean; wide?: boolean }): string {
  return `${column.num ? 'num' : ''} ${column.wide ? 'wide' : ''}`;
}

/** From one request in a hundred on an error ratio is worth a colour. */
const RATIO_WARN = 0.01;
const RATIO_BAD = 0.05;

function Row({ service, active }: { service: Service; active: boolean }) {
  const { nowMs } = useRange();
  const ratio = service.error_ratio ?? 0;
  const tone = ratio >= RATIO_BAD ? 'bad' : ratio >= RATIO_WARN ? 'warn' : 'calm';
  return (
    <tr className="row-link" data-active={active} data-row>
      <td className="clip">
        <AppLink to="/service/$name" params={{ name: service.name }} className="service-name">
          {service.name}
        </AppLink>
      </td>
      <td className="num">{rate(service.rate_per_s)}</td>
      <td className="num" data-tone={tone}>{percent(service.error_ratio)}</td>
      <td className="num wide">{duration(service.p50_ms)}</td>
      <td className="num">{duration(service.p95_ms)}</td>
      <td className="num wide">{duration(service.p99_ms)}</td>
      <td className="num">
        {service.error_logs ? (
          <AppLink to="/logs" search={{ service: service.name, level: 'error' }}>
            {count(service.error_logs)}
          </AppLink>
        ) : (
          <span className="faint">0</span>
        )}
      </td>
      <td className="spark-cell">
        <Spark values={service.spark} errors={service.spark_errors} label={`requests of ${service.name} over time`} />
      </td>
      <td className="num wide muted">{service.last_seen_ms ? ago(service.last_seen_ms, nowMs) : '–'}</td>
      <td className="num row-actions">
        <AppLink to="/logs" search={{ service: service.name }}>Logs</AppLink>
        <AppLink to="/traces" search={{ service: service.name }}>Traces</AppLink>
      </td>
    </tr>
  );
}
