import { Button } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Panel } from '../../components/Panel';
import { SearchBox } from '../../components/SearchBox';
import { Empty, Failure, Rows } from '../../components/States';
import { duration } from '../../lib/format';
import * as api from '../../lib/routes';
import { NOW_KEY } from '../../state/range';
import { useSearchAll, useSetSearch } from '../../state/search';

/** The tree of routes, where an alert with given labels would go, and the receivers with a button that sends a test. */
export function Routes() {
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const labels = api.parseLabels(search.where ?? '');
  const wrong = typeof labels === 'string' ? labels : undefined;
  const asked = typeof labels === 'string' || Object.keys(labels).length === 0 ? undefined : labels;
  const found = useQuery({ queryKey: [NOW_KEY, 'alerts', 'routes', asked ?? null], queryFn: ({ signal }) => api.routes(asked, signal) });
  return (
    <Panel title="Routes">
      <div className="route-ask">
        <SearchBox label="Where would an alert with these labels go?" value={search.where ?? ''} onSubmit={(where) => setSearch({ where: where || undefined }, 'replace')} placeholder='where would this go? alertname="Down", severity="page"' />
        {asked && found.data ? <Destinations list={found.data.destinations} /> : null}
      </div>
      {wrong ? <p className="span-error">{wrong}</p> : null}
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} />
        : !found.data ? <Rows count={4} />
        : found.data.root === null ? <Empty title="Nobody is told of alerts">Name an alertmanager.yml in the configuration (alertmanager).</Empty>
        : (
          <>
            <ul className="routes">
              <RouteRow route={found.data.root} asked={asked !== undefined} root />
            </ul>
            <Receivers list={found.data.receivers} />
          </>
        )}
    </Panel>
  );
}

function Destinations({ list }: { list: readonly api.Destination[] }) {
  return (
    <p className="route-answer">
      goes to{' '}
      {list.map((one) => (
        <span key={one.route}>
          <b>{one.receiver || 'nobody'}</b>
          {Object.keys(one.group_labels).length ? <span className="muted"> grouped as {api.labelsText(one.group_labels)}</span> : null}
          {one.muted_by.length ? <span className="pill" data-tone="pending">quiet now: {one.muted_by.join(', ')}</span> : null}{' '}
        </span>
      ))}
    </p>
  );
}

function RouteRow({ route, asked, root = false }: { route: api.Route; asked: boolean; root?: boolean }) {
  const how = [`waits ${duration(route.group_wait_ms)}`, `changes every ${duration(route.group_interval_ms)}`, `repeats every ${duration(route.repeat_interval_ms)}`];
  return (
    <li>
      <div className="route" data-takes={(asked && route.takes) || undefined} data-faded={(asked && !route.matches) || undefined}>
        <span className="mono clip">{root && route.matchers.length === 0 ? 'every alert' : route.matchers.join(', ') || 'every alert'}</span>
        <span aria-hidden="true" className="faint">→</span>
        <b>{route.receiver || 'nobody'}</b>
        {route.continue ? <span className="pill">goes on</span> : null}
        {route.muted_by.length ? <span className="pill" data-tone="pending">quiet now: {route.muted_by.join(', ')}</span> : route.intervals.length ? <span className="pill">{route.intervals.join(', ')}</span> : null}
        {asked && route.takes ? <span className="pill" data-tone="ok">takes it</span> : null}
        <span className="muted clip route-how">{route.group_by.length ? `by ${route.group_by.map((name) => (name === '...' ? 'every label' : name)).join(', ')}; ` : ''}{how.join(', ')}</span>
      </div>
      {route.routes.length ? (
        <ul>
          {route.routes.map((below, i) => <RouteRow key={`${below.key}/${i}`} route={below} asked={asked} />)}
        </ul>
      ) : null}
    </li>
  );
}

function Receivers({ list }: { list: readonly api.Receiver[] }) {
  return (
    <table className="table receivers">
      <thead>
        <tr><th style={{ width: '30%' }}>Receiver</th><th>Tells</th><th style={{ width: '40%' }} /></tr>
      </thead>
      <tbody>
        {list.map((one) => <ReceiverRow key={one.name} receiver={one} />)}
      </tbody>
    </table>
  );
}

function ReceiverRow({ receiver }: { receiver: api.Receiver }) {
  const test = useMutation({ mutationFn: () => api.testReceiver(receiver.name) });
  return (
    <tr>
      <td className="clip"><b>{receiver.name}</b></td>
      <td className="clip muted">{receiver.integrations.join(', ') || 'nobody'}</td>
      <td>
        <span className="receiver-test">
          <Button size="compact-xs" variant="default" loading={test.isPending} disabled={receiver.integrations.length === 0} aria-label={`Send a test to ${receiver.name}`} onClick={() => test.mutate()}>Send a test</Button>
          {test.error ? <span className="error-count clip" role="status" title={test.error.message}>{test.error.message}</span> : null}
          {(test.data ?? []).map((one, i) => (
            <span key={i} role="status" className={one.delivered ? 'muted' : 'error-count clip'} title={one.error}>{one.delivered ? `✓ ${one.kind} took it` : `▲ ${one.kind}: ${one.error ?? 'not delivered'}`}</span>
          ))}
        </span>
      </td>
    </tr>
  );
}

