/** The frame: navigation, top bar, the page, and the dialogs that can open from anywhere. */
import { Outlet } from '@tanstack/react-router';
import { Suspense, lazy, useCallback, useEffect, useState } from 'react';
import { onUnauthorized } from '../lib/api';
import { pageAt } from '../pages';
import { LiveProvider } from '../state/live';
import { RangeProvider } from '../state/range';
import { usePathname } from '../state/search';
import { HelpDialog } from './HelpDialog';
import { Rail } from './Rail';
import { Rows } from './States';
import { AccessDialog } from './AccessDialog';
import { TopBar } from './TopBar';
import { useHotkeys } from './useHotkeys';

const Palette = lazy(() => import('./Palette'));

export function Shell() {
  return (
    <LiveProvider>
      <RangeProvider>
        <Frame />
      </RangeProvider>
    </LiveProvider>
  );
}

function Frame() {
  const [help, setHelp] = useState(false);
  const [access, setAccess] = useState<'closed' | 'open' | 'asked'>('closed');
  const page = pageAt(usePathname());
  const [palette, setPalette] = useState(false);
  const toggleHelp = useCallback(() => setHelp((open) => !open), []);
  const openPalette = useCallback(() => setPalette(true), []);
  useHotkeys(toggleHelp, openPalette);
  useEffect(() => onUnauthorized(() => setAccess((now) => (now === 'closed' ? 'asked' : now))), []);
  useEffect(() => {
    document.title = page ? `${page.title} · Signalbox` : 'Signalbox';
  }, [page]);
  return (
    <div className="shell">
      <Rail />
      <TopBar page={page} onHelp={() => setHelp(true)} onAccess={() => setAccess('open')} onPalette={openPalette} />
      <main className="main" id="main">
        <Suspense fallback={<div className="page"><Rows count={8} /></div>}>
          <Outlet />
        </Suspense>
      </main>
      {palette ? (
        <Suspense>
          <Palette onClose={() => setPalette(false)} />
        </Suspense>
      ) : null}
      <HelpDialog opened={help} onClose={() => setHelp(false)} />
      <AccessDialog state={access} onClose={() => setAccess('closed')} />
    </div>
  );
}
