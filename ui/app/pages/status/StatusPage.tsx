import { Panel } from '../../components/Panel';
import { Empty, Failure, FailureLine, Rows } from '../../components/States';
import { integer } from '../../lib/format';
import type { Status } from '../../lib/signalbox';
import { type StatusSection, statusSections, valueText, words } from '../../lib/status';
import { ago } from '../../lib/time';
import { useStatus } from '../../state/queries';
import { useRange } from '../../state/range';
import { Config } from './Config';
import { Intake } from './Intake';
import { QueryLog } from './QueryLog';

export default function StatusPage() {
  const { data, error, refetch } = useStatus();
  const retry = () => void refetch();
  return (
    <div className="page">
      {data && error ? <FailureLine error={error} retry={retry} /> : null}
      {data ? <Loaded status={data} /> : error ? <Failure error={error} retry={retry} /> : <Rows count={12} />}
    </div>
  );
}

function Loaded({ status }: { status: Status }) {
  const { nowMs } = useRange();
  return (
    <>
      <dl className="facts status-facts">
        <div><dt>State</dt><dd data-bad={!status.ready}>{status.ready ? 'ready' : 'not ready'}</dd></div>
        <div><dt>Version</dt><dd>{status.version}</dd></div>
        {status.started_ms ? <div><dt>Started</dt><dd>{ago(status.started_ms, nowMs)}</dd></div> : null}
        <div><dt>Tenants</dt><dd>{tenants(status.tenants)}</dd></div>
        <div><dt>Quarantined</dt><dd data-bad={status.quarantined.length > 0}>{integer(status.quarantined.length)}</dd></div>
      </dl>
      {status.quarantined.length ? (
        <Panel title="Quarantined files">
          <ul className="quarantined">
            {status.quarantined.map((one, i) => (
              <li key={i} className="mono">{describe(one)}</li>
            ))}
          </ul>
        </Panel>
      ) : null}
      <QueryLog />
      <div className="status-grid">
        <Intake />
        {statusSections(status).map((section) => (
          <Panel key={section.title} title={section.title}>{section.rows.length ? <Figures section={section} /> : <Empty title="Nothing yet" />}</Panel>
        ))}
      </div>
      <Config />
      <p className="end-note">
        <a href="/ui/licenses.txt" target="_blank" rel="noopener">Licences of the packages in this page</a>
      </p>
    </>
  );
}

function Figures({ section: { columns, rows } }: { section: StatusSection }) {
  return (
    <table className="table status-table">
      {columns ? (
        <thead>
          <tr>
            <th />
            {columns.map((column) => (
              <th key={column} className="num">{column}</th>
            ))}
          </tr>
        </thead>
      ) : null}
      <tbody>
        {rows.map((row) => (
          <tr key={row.name}>
            <td className="muted">{row.name}</td>
            {row.values.map((value, i) => (
              <td key={i} className="num mono">{value}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const NAMES_MAX = 4;

function tenants(given: string[] | number): string {
  if (typeof given === 'number') return integer(given);
  if (!Array.isArray(given)) return '–';
  return given.length > NAMES_MAX ? integer(given.length) : given.join(', ') || '–';
}

function describe(one: unknown): string {
  if (typeof one !== 'object' || one === null) return String(one);
  return Object.entries(one).map(([key, value]) => `${words(key)}: ${valueText(key, value)}`).join(' · ');
}
