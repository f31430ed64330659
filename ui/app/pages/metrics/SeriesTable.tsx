import { useMemo } from 'react';
import type { Aligned } from '../../lib/align';
import { summarize } from '../../lib/align';
import { colorAt } from '../../lib/colors';
import { sample } from '../../lib/format';
import { type Series, distinguishing, legendName, seriesName } from '../../lib/prom';
import { clock } from '../../lib/time';

type Props = { series: readonly Series[]; data: Aligned; cursor: number | null; hidden: ReadonlySet<number>; onHidden: (hidden: ReadonlySet<number>) => void };

/** Legend and table in one: a click shows or hides, a double click shows one alone. */
export function SeriesTable({ series, data, cursor, hidden, onHidden }: Props) {
  const keys = useMemo(() => distinguishing(series), [series]);
  const toggle = (index: number) => {
    const next = new Set(hidden);
    if (!next.delete(index)) next.add(index);
    onHidden(next);
  };
  const alone = (index: number) => {
    const only = series.every((_, i) => hidden.has(i) === (i !== index));
    onHidden(new Set(only ? [] : series.map((_, i) => i).filter((i) => i !== index)));
  };
  const at = cursor === null ? undefined : data.times[cursor];
  return (
    <table className="table series">
      <thead>
        <tr>
          <th>Series</th>
          <th className="num">{at === undefined ? 'Last' : clock(at)}</th>
          <th className="num">Min</th>
          <th className="num">Avg</th>
          <th className="num">Max</th>
        </tr>
      </thead>
      <tbody>
        {series.map((one, i) => {
          const sums = summarize(one);
          const value = cursor === null ? sums?.last : (data.values[i]?.[cursor] ?? undefined);
          const show = (number: number | undefined) => (number === undefined ? '–' : sample(number));
          return (
            <tr key={seriesName(one.labels)} data-hidden={hidden.has(i)}>
              <td className="clip">
                <button type="button" className="legend-button mono" aria-pressed={!hidden.has(i)} title={seriesName(one.labels)} onClick={() => toggle(i)} onDoubleClick={() => alone(i)}>
                  <i style={{ background: colorAt(i) }} />
                  {legendName(one.labels, keys)}
                </button>
              </td>
              <td className="num mono">{show(value)}</td>
              <td className="num mono">{show(sums?.min)}</td>
              <td className="num mono">{show(sums?.avg)}</td>
              <td className="num mono">{show(sums?.max)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
