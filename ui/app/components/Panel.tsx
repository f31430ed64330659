import type { ReactNode } from 'react';

export function Panel({ title, side, children, label }: { title?: ReactNode; side?: ReactNode; children: ReactNode; label?: string }) {
  return (
    <section className="panel" aria-label={label}>
      {title ? (
        <header className="panel-head">
          <h2>{title}</h2>
          {side ? <div className="side">{side}</div> : null}
        </header>
      ) : null}
      {children}
    </section>
  );
}
