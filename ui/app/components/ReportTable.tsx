import type { Grade, Report } from '../lib/dash/report';

const TONES: Record<Grade, string> = { exact: 'ok', approximated: 'pending', unsupported: 'firing' };
const MARKS: Record<Grade, string> = { exact: '✓', approximated: '≈', unsupported: '✕' };

/** How faithful each panel is shown; what is not exact stands first. */
export function ReportTable({ report, height }: { report: Report; height: number }) {
  const rank: Record<Grade, number> = { unsupported: 0, approximated: 1, exact: 2 };
  const rows = [...report.panels.map((panel) => ({ ...panel, name: panel.title || `(${panel.type})` })), ...report.variables.filter((one) => one.grade !== 'exact').map((one, i) => ({ ...one, id: -1 - i, type: 'variable', title: one.name }))];
  rows.sort((a, b) => rank[a.grade] - rank[b.grade]);
  const total = report.panels.length || 1;
  return (
    <>
      <p className="report-sum">
        {(['exact', 'approximated', 'unsupported'] as const).map((grade) => (
          <span key={grade} className="pill" data-tone={TONES[grade]}>
            {MARKS[grade]} {report.counts[grade]} {grade} ({Math.round((report.counts[grade] / total) * 100)} %)
          </span>
        ))}
      </p>
      <div className="report" style={{ maxHeight: height }} tabIndex={0} role="group" aria-label="Fidelity of each panel">
        <table className="table">
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.type}/${row.id}`}>
                <td style={{ width: 130 }}><span className="pill" data-tone={TONES[row.grade]}>{MARKS[row.grade]} {row.grade}</span></td>
                <td className="clip" style={{ width: '30%' }} title={row.name}>{row.name}</td>
                <td className="muted" style={{ width: 110 }}>{row.type}</td>
                <td className="muted">{row.reasons.join('; ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
