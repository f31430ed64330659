/** Severities: one name, one colour variable and one letter each, so that colour is never the only sign. */
import type { Labels } from './prom';

export const SEVERITIES = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'unknown'] as const;
export type Severity = (typeof SEVERITIES)[number];

const SPELLINGS: Record<string, Severity> = {
  fatal: 'fatal', critical: 'fatal', crit: 'fatal', emergency: 'fatal', emerg: 'fatal', alert: 'fatal', panic: 'fatal',
  error: 'error', err: 'error', severe: 'error',
  warn: 'warn', warning: 'warn',
  info: 'info', information: 'info', notice: 'info',
  debug: 'debug',
  trace: 'trace', verbose: 'trace',
};

const LABELS = ['detected_level', 'level', 'severity_text', 'severity'] as const;

export function severityOf(labels: Labels): Severity {
  for (const key of LABELS) {
    const found = severityNamed(labels[key]);
    if (found !== 'unknown') return found;
  }
  return severityNumbered(Number(labels.severity_number));
}

/** `ERROR3` is OTel's third grade of error. */
export function severityNamed(text: string | undefined): Severity {
  return SPELLINGS[(text ?? '').trim().toLowerCase().replace(/[1-4]$/, '')] ?? 'unknown';
}

export function severityNumbered(number: number): Severity {
  if (!(number >= 1 && number <= 24)) return 'unknown';
  return (['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const)[Math.floor((number - 1) / 4)] ?? 'unknown';
}

export const SEVERITY_MARK: Record<Severity, string> = {
  fatal: 'FTL', error: 'ERR', warn: 'WRN', info: 'INF', debug: 'DBG', trace: 'TRC', unknown: '···',
};

export function severityColor(severity: Severity): string {
  return `var(--sev-${severity})`;
}
