/** Fields of log lines: which there are in the lines at hand, and the query for the most frequent values of one. */
import { labelName } from './logql';
import type { DetectedField, Line } from './loki';

export type FieldRow = { name: string; values: number; share: number; parser: string };

/** Labels of the listed lines, and what the server found inside of lines; those in every line first. */
export function fieldsOf(lines: readonly Line[], detected: readonly DetectedField[]): FieldRow[] {
  const seen = new Map<string, { lines: number; values: Set<string> }>();
  for (const line of lines) {
    for (const [name, value] of Object.entries(line.labels)) {
      const known = seen.get(name) ?? { lines: 0, values: new Set<string>() };
      known.lines += 1;
      known.values.add(value);
      seen.set(name, known);
    }
  }
  const rows: FieldRow[] = [...seen].map(([name, { lines: n, values }]) => ({ name, values: values.size, share: lines.length ? n / lines.length : 0, parser: '' }));
  for (const field of detected) {
    if (seen.has(field.label)) continue;
    rows.push({ name: field.label, values: field.cardinality, share: 0, parser: field.parsers?.[0] ?? '' });
  }
  return rows.sort((a, b) => Number(b.share > 0) - Number(a.share > 0) || b.share - a.share || (a.name < b.name ? -1 : 1));
}

/** The ten most frequent values over the whole span, not only in the lines that are listed. */
export function topValuesQuery(query: string, field: FieldRow, spanS: number): string {
  const name = labelName(field.name);
  const parsed = field.parser ? ` | ${field.parser}` : '';
  return `topk(10, sum by (${name}) (count_over_time(${query}${parsed} | ${name}!="" [${Math.max(1, Math.round(spanS))}s])))`;
}

/** The value of a field in a line: a label, or a member of a JSON or key=value text. */
export function fieldValue(line: Line, name: string): string {
  const label = line.labels[name];
  if (label !== undefined) return label;
  if (line.text.startsWith('{')) {
    try {
      const parsed = JSON.parse(line.text) as Record<string, unknown>;
      const found = Object.entries(parsed).find(([key]) => labelName(key) === name)?.[1];
      return found === undefined || found === null ? '' : typeof found === 'object' ? JSON.stringify(found) : String(found);
    } catch {
      return '';
    }
  }
  const match = new RegExp(`(?:^|\\s)${name}=("(?:[^"\\\\]|\\\\.)*"|\\S+)`).exec(line.text)?.[1];
  return match?.startsWith('"') ? match.slice(1, -1) : (match ?? '');
}
