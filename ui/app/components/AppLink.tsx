import { Link } from '@tanstack/react-router';
import type { CSSProperties, ReactNode } from 'react';
import { safeHref } from '../lib/links';
import type { Search } from '../lib/search';
import { kept } from '../state/search';

type Props = { to: string; params?: Record<string, string>; search?: Search; children: ReactNode; className?: string; title?: string; style?: CSSProperties; 'data-active'?: boolean };

/** A link inside the app that keeps the time range, unless it brings its own. */
export function AppLink({ to, params, search = {}, children, ...rest }: Props) {
  return (
    <Link to={to} params={(params ?? {}) as never} search={((previous: Search) => ({ ...kept(previous), ...search })) as never} {...rest}>
      {children}
    </Link>
  );
}

/** A link that came with the data. Anything but http, https or a path of this server is shown as text. */
export function ForeignLink({ href, children }: { href: string; children: ReactNode }) {
  const safe = safeHref(href);
  if (!safe) return <span>{children}</span>;
  return (
    <a href={safe} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}
