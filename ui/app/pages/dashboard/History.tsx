import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { Empty, Failure, Rows } from '../../components/States';
import { readDashboard } from '../../lib/dash/migrate';
import { diffLines } from '../../lib/diff';
import * as dashboards from '../../lib/dashboards';
import { dateTime } from '../../lib/time';
import type { DialogProps } from './Dialogs';

/** Every version, what it changed against the newest, and the way back to it. */
export function History({ editing, onClose }: DialogProps) {
  const { stored, save } = editing;
  const [picked, setPicked] = useState<number>();
  const old = useQuery({ queryKey: ['dashboard-version', stored?.uid, picked], queryFn: ({ signal }) => dashboards.version(stored?.uid ?? '', picked ?? 0, signal), enabled: picked !== undefined });
  const lines = useMemo(() => (old.data && stored ? diffLines(pretty(old.data), pretty(stored.model)) : undefined), [old.data, stored]);
  if (!stored || stored.versions.length === 0) return <Empty title="Nothing was saved yet">This dashboard ships with Signalbox; what you save becomes its first version.</Empty>;
  return (
    <>
      <div className="report" style={{ maxHeight: 260 }}>
        <table className="table">
          <tbody>
            {stored.versions.map((version, i) => (
              <tr key={version.version} data-active={picked === version.version} className="row-link">
                <td style={{ width: 60 }}>v{version.version}</td>
                <td className="mono muted" style={{ width: 170 }}>{dateTime(version.at_ms)}</td>
                <td className="muted clip" style={{ width: 120 }}>{version.by}</td>
                <td className="clip">{version.message}</td>
                <td className="num" style={{ width: 190 }}>
                  {i === 0 ? (
                    <span className="muted">newest</span>
                  ) : (
                    <>
                      <button type="button" className="text-button" onClick={() => setPicked(version.version)}>Compare</button>{' '}
                      <Button size="compact-xs" variant="default" loading={save.isPending} onClick={() => void restore(version.version)}>Restore</Button>
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {save.error ? <p className="span-error" role="alert">{save.error.message}</p> : null}
      {picked === undefined ? null : old.error ? (
        <Failure error={old.error} />
      ) : lines ? (
        <>
          <p className="muted">From v{picked} to the newest: {lines.filter((line) => line.sign !== ' ').length} lines differ.</p>
          <pre className="diff" tabIndex={0}>
            {lines.map((line, i) => (
              <span key={i} data-sign={line.sign}>{`${line.sign} ${line.text}\n`}</span>
            ))}
          </pre>
        </>
      ) : (
        <Rows count={6} />
      )}
    </>
  );

  async function restore(version: number) {
    const model = await dashboards.version(stored?.uid ?? '', version);
    save.mutate({ message: `back to version ${version}`, model: readDashboard(model) }, { onSuccess: onClose });
  }
}

function pretty(model: unknown): string[] {
  return JSON.stringify(model, null, 2).split('\n');
}
