/** What a chat message carries beside its words: lines that are links, and a chart. */

export type Piece = { text: string; href?: string | undefined };

/** The server names links by no more characters than this. */
const NAME_MOST = 60;
const BULLET = '• ';
const BETWEEN = ' · ';
const CHART_PATH = '/api/signalbox/evidence/chart.png';

function named(text: string, links: Record<string, string>): string | undefined {
  const name = [...text].slice(0, NAME_MOST).join('');
  return Object.hasOwn(links, name) ? links[name] : undefined;
}

/** A line as text and links; a line of links has dots between them. */
export function pieces(line: string, links: Record<string, string>): Piece[] {
  const bullet = line.startsWith(BULLET) ? BULLET : '';
  const said = line.slice(bullet.length);
  const whole = named(said, links);
  if (whole) return [{ text: bullet }, { text: said, href: whole }];
  const parts = said.split(BETWEEN);
  if (parts.length > 1 && parts.every((part) => named(part, links))) {
    return parts.flatMap((text, at) => [...(at > 0 ? [{ text: BETWEEN }] : []), { text, href: named(text, links) }]);
  }
  return [{ text: line }];
}

/** The chart's address, if this server draws it: pictures of others are not loaded. */
export function chartOf(links: Record<string, string>, origin: string): string | undefined {
  const address = links.Chart;
  if (!address || !URL.canParse(address, origin)) return undefined;
  const url = new URL(address, origin);
  return url.origin === origin && url.pathname === CHART_PATH ? url.pathname + url.search : undefined;
}
