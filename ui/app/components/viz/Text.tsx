import { type Inline, parseMarkdown, stripTags } from '../../lib/markdown';
import { interpolate } from '../../lib/dash/interpolate';
import { obj, str } from '../../lib/dash/json';
import { ourPath } from '../../lib/dash/links';
import { ForeignOrOwnLink } from './VizLink';
import type { VizProps } from './types';

/** Markdown drawn from data; HTML shows as its text, and code as it stands. */
export function Text({ panel, scope }: VizProps) {
  const content = interpolate(str(panel.options.content), scope);
  const mode = str(panel.options.mode, 'markdown');
  if (mode === 'code') return <pre className="viz-text viz-code" tabIndex={0} data-language={str(obj(panel.options.code).language)}>{content}</pre>;
  const text = mode === 'html' ? stripTags(content.replace(/<\/(p|div|li|h\d|tr)>|<br\s*\/?>/gi, '\n\n')).replace(/ ?\n ?/g, '\n') : content;
  return (
    <div className="viz-text" tabIndex={0} role="group" aria-label="Text">
      {parseMarkdown(text).map((block, i) => {
        switch (block.kind) {
          case 'heading': {
            const Heading = (['h3', 'h4', 'h5'] as const)[Math.min(2, block.level - 1)] ?? 'h5';
            return <Heading key={i}><Inlines of={block.inline} scope={scope} /></Heading>;
          }
          case 'list': {
            const items = block.items.map((item, n) => <li key={n}><Inlines of={item} scope={scope} /></li>);
            return block.ordered ? <ol key={i}>{items}</ol> : <ul key={i}>{items}</ul>;
          }
          case 'code':
            return <pre key={i}>{block.text}</pre>;
          case 'rule':
            return <hr key={i} />;
          case 'table':
            return (
              <table key={i}>
                <thead><tr>{block.head.map((cell, n) => <th key={n}><Inlines of={cell} scope={scope} /></th>)}</tr></thead>
                <tbody>{block.rows.map((row, r) => <tr key={r}>{row.map((cell, n) => <td key={n}><Inlines of={cell} scope={scope} /></td>)}</tr>)}</tbody>
              </table>
            );
          case 'quote':
            return <blockquote key={i}><Inlines of={block.inline} scope={scope} /></blockquote>;
          default:
            return <p key={i}><Inlines of={block.inline} scope={scope} /></p>;
        }
      })}
    </div>
  );
}

function Inlines({ of, scope }: { of: readonly Inline[]; scope: VizProps['scope'] }) {
  return of.map((one, i) => {
    if (one.kind === 'link') return <ForeignOrOwnLink key={i} href={ourPath(one.href, scope)}>{one.text}</ForeignOrOwnLink>;
    if (one.kind === 'code') return <code key={i}>{one.text}</code>;
    if (one.kind === 'bold') return <b key={i}>{one.text}</b>;
    if (one.kind === 'italic') return <i key={i}>{one.text}</i>;
    return <span key={i}>{one.text}</span>;
  });
}
