/** LogQL from simple filters. A box of words becomes a query; the query stays editable as text. */

export type Term = { key: string; value: string; op: '=' | '!=' };
export type LogFilters = { service: string; level: string; text: string; terms: readonly Term[] };

/** The stream label every log has; a selector must not be empty, so this one stands for "everything". */
export const SERVICE_LABEL = 'service_name';
export const LEVEL_LABEL = 'detected_level';

const LEVEL_REGEX: Record<string, string> = {
  error: 'error|fatal|critical',
  warn: 'warn|warning|error|fatal|critical',
  info: 'info|warn|warning|error|fatal|critical',
};

/** Order matters for speed: the selector and the text narrow before labels are looked at. */
export function buildLogQL(filters: LogFilters): string {
  const { service, level, text, terms } = filters;
  const selector = service ? `${SERVICE_LABEL}=${quote(service)}` : `${SERVICE_LABEL}=~".+"`;
  const parts = [`{${selector}}`];
  for (const word of splitText(text)) parts.push(word.not ? `!= ${quote(word.text)}` : `|= ${quote(word.text)}`);
  if (level) {
    const regex = LEVEL_REGEX[level];
    parts.push(regex ? `| ${LEVEL_LABEL}=~${quote(regex)}` : `| ${LEVEL_LABEL}=${quote(level)}`);
  }
  for (const term of terms) parts.push(`| ${labelName(term.key)}${term.op}${quote(term.value)}`);
  return parts.join(' ');
}

/** What is typed: words, `"quoted phrases"`, and `-word` for without. All must match. */
export function splitText(text: string): { text: string; not: boolean }[] {
  const words: { text: string; not: boolean }[] = [];
  for (const match of text.matchAll(/(-?)"([^"]*)"?|(\S+)/g)) {
    const bare = match[3];
    if (bare === undefined) {
      if (match[2]) words.push({ text: match[2], not: match[1] === '-' });
    } else if (bare.startsWith('-') && bare.length > 1) words.push({ text: bare.slice(1), not: true });
    else words.push({ text: bare, not: false });
  }
  return words;
}

export function quote(text: string): string {
  return JSON.stringify(text);
}

/** Loki's label names: dots and other signs become underscores. */
export function labelName(key: string): string {
  const name = key.replace(/[^a-zA-Z0-9_]/g, '_');
  return /^[0-9]/.test(name) ? `_${name}` : name;
}

/** The histogram's query. Only a log query has lines to count. */
export function volumeQuery(query: string, stepS: number): string {
  return `sum by (${LEVEL_LABEL}) (count_over_time(${query} [${stepS}s]))`;
}

/** Adds one label filter to a query somebody wrote. */
export function withTerm(query: string, term: Term): string {
  const filter = `| ${labelName(term.key)}${term.op}${quote(term.value)}`;
  return query.includes(filter) ? query : `${query.trim()} ${filter}`;
}

/** `a=b,c!=d` in the URL; keys and values are escaped so that any text survives. */
export function encodeTerms(terms: readonly Term[]): string {
  const key = (text: string) => encodeURIComponent(text).replace(/!/g, '%21');
  return terms.map((t) => `${key(t.key)}${t.op}${encodeURIComponent(t.value)}`).join(',');
}

export function decodeTerms(text: string): Term[] {
  return text.split(',').flatMap((part): Term[] => {
    const match = /^([^=!]+)(!?=)(.*)$/.exec(part);
    if (!match?.[1]) return [];
    try {
      return [{ key: decodeURIComponent(match[1]), op: match[2] === '!=' ? '!=' : '=', value: decodeURIComponent(match[3] ?? '') }];
    } catch {
      return [];
    }
  });
}
