import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { AppLink } from '../../components/AppLink';
import { Panel } from '../../components/Panel';
import { Empty, Failure, Rows } from '../../components/States';
import { duration } from '../../lib/format';
import * as api from '../../lib/queryLog';
import { clock } from '../../lib/time';
import { NOW_KEY } from '../../state/range';
import { useSearchAll, useSetSearch } from '../../state/search';

const SHOWN = 25;

/** What is asked of this server: what runs, what was slow, what was asked last. */
export function QueryLog() {
  const search = useSearchAll();
  const setSearch = useSetSearch();
  const which = search.queries === 'recent' || search.queries === 'running' ? search.queries : 'slowest';
  const found = useQuery({ queryKey: [NOW_KEY, 'queries'], queryFn: ({ signal }) => api.queries(signal), staleTime: 3_000 });
  const running = (found.data?.recent ?? []).filter((one) => one.state === 'running');
  const list = which === 'slowest' ? found.data?.slowest : which === 'running' ? running : found.data?.recent;
  return (
    <Panel title="Queries" side={<SegmentedControl value={which} onChange={(value) => setSearch({ queries: value === 'slowest' ? undefined : value }, 'replace')} data={[{ value: 'slowest', label: 'Slowest' }, { value: 'recent', label: 'Newest' }, { value: 'running', label: `Running ${running.length}` }]} />}>
      {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : !list ? <Rows count={6} height={28} /> : list.length === 0 ? <Empty title={which === 'running' ? 'Nothing runs' : 'Nothing was asked yet'} /> : (
        <table className="table status-table">
          <thead>
            <tr><th style={{ width: 90 }}>At</th><th style={{ width: 96 }}>API</th><th>Query</th><th className="num wide" style={{ width: 90 }}>Looks at</th><th className="num" style={{ width: 90 }}>Took</th><th style={{ width: 118 }}>Outcome</th></tr>
          </thead>
          <tbody>
            {list.slice(0, SHOWN).map((one, i) => <QueryRow key={`${one.at_ms}/${i}`} one={one} />)}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function QueryRow({ one }: { one: api.Asked }) {
  const page = api.pageOf(one);
  const text = one.query || one.path;
  return (
    <tr>
      <td className="mono muted">{clock(one.at_ms)}</td>
      <td className="muted">{one.api}</td>
      <td className="clip mono" title={`${one.path}\n${one.query}\nby ${one.by}`}>{page ? <AppLink to={page.to} search={page.search}>{text.slice(0, 400)}</AppLink> : text.slice(0, 400)}</td>
      <td className="num wide muted">{one.range_ms === undefined ? '–' : duration(one.range_ms)}</td>
      <td className="num mono">{duration(one.took_ms)}</td>
      <td>{one.state === 'running' ? <span className="pill" data-tone="pending">runs</span> : one.state === 'left' ? <span className="pill" data-tone="pending">given up</span> : (one.status ?? 200) < 400 ? <span className="pill" data-tone="ok">answered</span> : <span className="pill" data-tone="firing">{one.status}</span>}</td>
    </tr>
  );
}
