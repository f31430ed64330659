import type { ReactNode } from 'react';
import { safeHref } from '../../lib/links';

/** A link that stands in a dashboard: of this server in this tab, else in a new one, and only if it is http or https. */
export function ForeignOrOwnLink({ href, className, title, children }: { href: string; className?: string; title?: string; children: ReactNode }) {
  const safe = safeHref(href);
  if (!safe) return <span className={className}>{children}</span>;
  const own = safe.startsWith('/');
  return (
    <a href={safe} className={className} title={title} {...(own ? {} : { target: '_blank', rel: 'noopener noreferrer nofollow' })}>
      {children}
    </a>
  );
}
