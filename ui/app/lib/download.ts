/** Log lines as files: all that match, up to a limit, newest first. */
import { csv, saveFile } from './files';
import { type Line, joinPages, justAfter, lines, nanos } from './loki';

const PAGE = 1_000;
/** What a browser can hold and a person will read. */
export const DOWNLOAD_LINES_MAX = 50_000;

export async function collect(query: string, startMs: number, endMs: number, progress: (n: number) => void, signal: AbortSignal): Promise<Line[]> {
  let found: Line[] = [];
  let end = nanos(endMs);
  while (found.length < DOWNLOAD_LINES_MAX) {
    const page = await lines(query, nanos(startMs), end, PAGE, signal);
    const before = found.length;
    found = joinPages([found, page]);
    progress(found.length);
    const oldest = page.at(-1);
    if (page.length < PAGE || !oldest || found.length === before) break;
    end = justAfter(oldest.ns);
  }
  return found.slice(0, DOWNLOAD_LINES_MAX);
}

export function saveLines(kind: 'ndjson' | 'csv', found: readonly Line[]): void {
  if (kind === 'ndjson') {
    saveFile('logs.ndjson', 'application/x-ndjson', found.map((line) => JSON.stringify({ time: line.ns, line: line.text, labels: line.labels })).join('\n'));
    return;
  }
  const names = [...new Set(found.flatMap((line) => Object.keys(line.labels)))].sort();
  saveFile('logs.csv', 'text/csv', csv([['time', 'line', ...names], ...found.map((line) => [new Date(line.ms).toISOString(), line.text, ...names.map((name) => line.labels[name] ?? '')])]));
}
