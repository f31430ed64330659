import { SEVERITY_MARK, type Severity, severityColor } from '../lib/severity';

const MARK: Record<string, string> = { firing: '▲', pending: '◔', inactive: '●', resolved: '✓' };

/** The state of an alert, as colour, sign and word. */
export function StatePill({ state, text }: { state: string; text?: string }) {
  const tone = state === 'inactive' || state === 'resolved' ? 'ok' : state;
  return (
    <span className="pill" data-tone={tone}>
      <span aria-hidden="true">{MARK[state] ?? '●'}</span>
      {text ?? state}
    </span>
  );
}

export function SeverityMark({ severity }: { severity: Severity }) {
  return (
    <span className="sev" style={{ color: severityColor(severity) }} title={severity}>
      {SEVERITY_MARK[severity]}
    </span>
  );
}
