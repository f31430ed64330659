/** Several queries of the Metrics page as they stand in the URL: `q`, `q2`, `q3` …, each perhaps switched off. */
import type { Search } from './search';

export const QUERIES_MAX = 6;
export type Query = { key: string; text: string; off: boolean };

const key = (i: number) => (i === 0 ? 'q' : `q${i + 1}`);

export function queriesOf(search: Search): Query[] {
  // Alerts carry a `generatorURL` that says `query`.
  const texts = Array.from({ length: QUERIES_MAX }, (_, i) => search[key(i)] ?? (i === 0 ? (search.query ?? '') : ''));
  const last = texts.findLastIndex((text) => text !== '');
  const off = new Set((search.off ?? '').split(','));
  const wanted = Math.min(QUERIES_MAX, Math.max(last + 1, Number(search.rows ?? 1) || 1));
  return texts.slice(0, wanted).map((text, i) => ({ key: key(i), text, off: off.has(key(i)) }));
}

/** The change of the URL that makes the list what it is now; nothing is left of rows that are gone. */
export function queriesPatch(list: readonly Query[]): Record<string, string | undefined> {
  const patch: Record<string, string | undefined> = { query: undefined, rows: list.length > 1 ? String(list.length) : undefined };
  for (let i = 0; i < QUERIES_MAX; i += 1) patch[key(i)] = list[i]?.text || undefined;
  patch.off = list.flatMap((one, i) => (one.off ? [key(i)] : [])).join(',') || undefined;
  return patch;
}

/** `1:14: parse error: …` or `… at character 14`: where in the text the mistake is. */
export function errorPosition(message: string, text: string): number | undefined {
  const at = /\b(\d+):(\d+)\b/.exec(message);
  if (at) {
    const before = text.split('\n').slice(0, Number(at[1]) - 1);
    const position = before.reduce((sum, line) => sum + line.length + 1, 0) + Number(at[2]) - 1;
    return position >= 0 && position <= text.length ? position : undefined;
  }
  const character = /\bcharacter (\d+)/.exec(message);
  return character ? Math.min(text.length, Number(character[1])) : undefined;
}
