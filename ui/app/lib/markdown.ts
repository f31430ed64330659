/** Markdown as blocks of plain data, for components to draw: no HTML is ever made of it. HTML in a text shows as its text. */

export type Inline = { kind: 'text' | 'code' | 'bold' | 'italic'; text: string } | { kind: 'link'; text: string; href: string };
export type Block =
  | { kind: 'heading'; level: number; inline: Inline[] }
  | { kind: 'paragraph' | 'quote'; inline: Inline[] }
  | { kind: 'list'; ordered: boolean; items: Inline[][] }
  | { kind: 'code'; text: string }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }
  | { kind: 'rule' };

const BLOCKS_MAX = 500;

export function parseMarkdown(given: string): Block[] {
  const lines = given.replace(/\r\n?/g, '\n').split('\n');
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length && blocks.length < BLOCKS_MAX) {
    const line = lines[at] ?? '';
    const heading = /^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$/.exec(line);
    if (line.trim() === '') at += 1;
    else if (/^\s*```/.test(line)) at = code(lines, at, blocks);
    else if (heading) {
      blocks.push({ kind: 'heading', level: heading[1]?.length ?? 1, inline: parseInline(heading[2] ?? '') });
      at += 1;
    } else if (/^\s{0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) {
      blocks.push({ kind: 'rule' });
      at += 1;
    } else if (/^\s*\|.*\|\s*$/.test(line) && /^\s*\|?[\s:|-]+\|[\s:|-]*$/.test(lines[at + 1] ?? '')) at = table(lines, at, blocks);
    else if (/^\s*([-*+]|\d+[.)])\s+/.test(line)) at = list(lines, at, blocks);
    else at = paragraph(lines, at, blocks);
  }
  return blocks;
}

function code(lines: readonly string[], from: number, blocks: Block[]): number {
  let at = from + 1;
  while (at < lines.length && !/^\s*```/.test(lines[at] ?? '')) at += 1;
  blocks.push({ kind: 'code', text: lines.slice(from + 1, at).join('\n') });
  return at + 1;
}

function list(lines: readonly string[], from: number, blocks: Block[]): number {
  const ordered = /^\s*\d/.test(lines[from] ?? '');
  const items: string[] = [];
  let at = from;
  for (; at < lines.length; at += 1) {
    const item = /^\s*(?:[-*+]|\d+[.)])\s+(.*)$/.exec(lines[at] ?? '');
    if (item) items.push(item[1] ?? '');
    else if ((lines[at] ?? '').trim() === '' || !/^\s{2,}/.test(lines[at] ?? '')) break;
    else items[items.length - 1] = `${items.at(-1) ?? ''} ${(lines[at] ?? '').trim()}`;
  }
  blocks.push({ kind: 'list', ordered, items: items.map(parseInline) });
  return at;
}

function table(lines: readonly string[], from: number, blocks: Block[]): number {
  const cells = (line: string) => line.trim().replace(/^\||\|$/g, '').split('|').map((cell) => parseInline(cell.trim()));
  let at = from + 2;
  const rows: Inline[][][] = [];
  for (; at < lines.length && /\|/.test(lines[at] ?? ''); at += 1) rows.push(cells(lines[at] ?? ''));
  blocks.push({ kind: 'table', head: cells(lines[from] ?? ''), rows });
  return at;
}

function paragraph(lines: readonly string[], from: number, blocks: Block[]): number {
  const quote = /^\s*>/.test(lines[from] ?? '');
  let at = from;
  const text: string[] = [];
  while (at < lines.length && (lines[at] ?? '').trim() !== '' && (at === from || !/^\s*(```|#{1,6}\s|[-*+]\s|\d+[.)]\s)/.test(lines[at] ?? ''))) {
    text.push((lines[at] ?? '').replace(/^\s*>\s?/, ''));
    at += 1;
  }
  const inline = parseInline(stripTags(text.join(' ')));
  if (inline.length) blocks.push({ kind: quote ? 'quote' : 'paragraph', inline });
  return at;
}

/** The text of what looks like HTML. */
export function stripTags(text: string): string {
  return text.replace(/<(script|style)[\s\S]*?<\/\1>/gi, '').replace(/<\/?[a-z][^<>]*>/gi, ' ').replace(/&nbsp;/g, ' ').replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&amp;/g, '&').replace(/[ \t]+/g, ' ').trim();
}

const INLINE = /`([^`]+)`|!?\[([^\]]*)\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|(?<![\w])_([^_\s][^_]*)_(?![\w])|<?(https?:\/\/[^\s<>)]+)>?/g;

export function parseInline(text: string): Inline[] {
  const out: Inline[] = [];
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > from) out.push({ kind: 'text', text: text.slice(from, match.index) });
    from = match.index + match[0].length;
    const [, inCode, label, href, bold, bold2, italic, italic2, url] = match;
    if (inCode !== undefined) out.push({ kind: 'code', text: inCode });
    else if (href !== undefined) out.push({ kind: 'link', text: label || href, href });
    else if (bold ?? bold2) out.push({ kind: 'bold', text: bold ?? bold2 ?? '' });
    else if (italic ?? italic2) out.push({ kind: 'italic', text: italic ?? italic2 ?? '' });
    else if (url) out.push({ kind: 'link', text: url, href: url });
  }
  if (from < text.length) out.push({ kind: 'text', text: text.slice(from) });
  return out;
}
