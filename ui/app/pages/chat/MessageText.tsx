import { ForeignLink } from '../../components/AppLink';
import { safeHref } from '../../lib/links';
import { chartOf, pieces } from '../../lib/evidence';

type Props = { text: string; links: Record<string, string> };

/** What a message says, its lines linked to what they are about, and its chart. */
export function MessageText({ text, links }: Props) {
  const chart = chartOf(links, window.location.origin);
  return (
    <>
      <div className="message-text">
        {text.split('\n').map((line, at) => (
          <p key={at}>
            {pieces(line, links).map((piece, nth) => {
              const href = piece.href && safeHref(piece.href);
              return href ? <ForeignLink key={nth} href={href}>{piece.text}</ForeignLink> : piece.text;
            })}
          </p>
        ))}
      </div>
      {chart ? <img className="message-chart" src={chart} alt="The alert's expression around the time it fired" width={760} height={300} loading="lazy" /> : null}
    </>
  );
}
