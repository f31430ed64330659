import { useServices } from '../../state/queries';
import { Empty, Failure, FailureLine, Rows } from '../../components/States';
import { Panel } from '../../components/Panel';
import { integer } from '../../lib/format';
import { FiringAlerts } from './FiringAlerts';
import { ServiceTable } from './ServiceTable';
import { Unusual } from './Unusual';

export default function HomePage() {
  const { data, error, refetch } = useServices();
  const retry = () => void refetch();
  const side = data?.length ? `${integer(data.reduce((sum, s) => sum + s.spans, 0))} spans, ${integer(data.reduce((sum, s) => sum + s.logs, 0))} logs` : null;
  return (
    <div className="page">
      <FiringAlerts />
      {data?.length ? <Unusual services={data} /> : null}
      <Panel title={data?.length ? `Services (${data.length})` : 'Services'} side={side}>
        {data && error ? <FailureLine error={error} retry={retry} /> : null}
        {data ? (
          data.length ? (
            <ServiceTable services={data} />
          ) : (
            <Empty title="No service has sent anything in this time">
              Point an OTLP exporter at port 4317 (gRPC) or 4318 (HTTP) of this server, or choose a longer time range.
            </Empty>
          )
        ) : error ? (
          <Failure error={error} retry={retry} />
        ) : (
          <Rows count={12} />
        )}
      </Panel>
    </div>
  );
}
