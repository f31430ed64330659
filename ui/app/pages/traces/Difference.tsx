import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Failure, Rows } from '../../components/States';
import { count, duration, percent } from '../../lib/format';
import { type Selection, selectionQuery, singleCondition } from '../../lib/selection';
import * as signalbox from '../../lib/signalbox';
import { clock } from '../../lib/time';
import { useRange } from '../../state/range';
import { useSetSearch } from '../../state/search';

type Props = { selection: Selection; query: string; matched: number };

/** What tells the chosen spans from all others of the same time. */
export function Difference({ selection, query, matched }: Props) {
  const { setRange } = useRange();
  const setSearch = useSetSearch();
  const among = singleCondition(query);
  const found = useQuery({
    queryKey: ['difference', among, selection],
    queryFn: ({ signal }) => signalbox.difference(among, selectionQuery(selection), selection.fromMs, selection.toMs + 1_000, signal),
    placeholderData: () => undefined,
    staleTime: 60_000,
  });
  return (
    <>
      <div className="selection-bar">
        <b>{matched} traces chosen</b>
        <span className="muted">{clock(selection.fromMs)} – {clock(selection.toMs)}, {duration(selection.minMs)} – {duration(selection.maxMs)}</span>
        <Button variant="default" size="compact-xs" onClick={() => setRange({ from: String(Math.round(selection.fromMs)), to: String(Math.round(selection.toMs)) })}>Zoom into the time</Button>
        <Button variant="default" size="compact-xs" onClick={() => setSearch({ sel: undefined }, 'replace')}>Take away</Button>
      </div>
      <section className="difference" aria-label="What is different">
        {found.error ? <Failure error={found.error} retry={() => void found.refetch()} /> : !found.data ? <Rows count={4} height={26} /> : found.data.values.length === 0 ? <p className="muted">No attribute tells these spans from the others.</p> : <Table answer={found.data} />}
      </section>
    </>
  );
}

function Table({ answer }: { answer: signalbox.DifferenceAnswer }) {
  const setSearch = useSetSearch();
  return (
    <table className="table">
      <thead>
        <tr>
          <th>Attribute</th>
          <th style={{ width: '30%' }}>of {count(answer.selected)} chosen spans</th>
          <th style={{ width: '30%' }}>of {count(answer.others)} others</th>
        </tr>
      </thead>
      <tbody>
        {answer.values.map((one) => {
          const share = answer.selected ? one.selected / answer.selected : 0;
          const other = answer.others ? one.others / answer.others : 0;
          return (
            <tr key={`${one.attribute}=${one.value}`} title={one.explained_by ? `comes with ${one.explained_by.attribute} = ${one.explained_by.value}` : undefined}>
              <td className="clip">
                <button type="button" className="text-button clip" onClick={() => setSearch({ q: `{ ${one.attribute} = ${one.type === 'string' ? JSON.stringify(one.value) : one.value} }`, sel: undefined, service: undefined, name: undefined, status: undefined, min: undefined, max: undefined })}>{one.attribute} = {one.value}</button>
                {one.explained_by ? <span className="faint"> (with {one.explained_by.attribute})</span> : null}
              </td>
              <td><span className="share"><i style={{ width: `${share * 60}%` }} />{percent(share)}</span></td>
              <td><span className="share"><i data-others style={{ width: `${other * 60}%` }} />{percent(other)}</span></td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
