import { useEffect, useRef } from 'react';
import { PAGES } from '../pages';
import { useRange } from '../state/range';
import { useGo } from '../state/search';

/** How long after `g` the next letter still counts. */
const CHORD_MS = 1_200;

/** The keys that work everywhere. While somebody types, only Escape does: it leaves the box. */
export function useHotkeys(toggleHelp: () => void, openPalette: () => void): void {
  const go = useGo();
  const { bump, window: shown, setRange } = useRange();
  // Times count from the opening of the page: zero would take the first keys for the end of a chord.
  const chord = useRef(-Infinity);
  useEffect(() => {
    const size = shown.endMs - shown.startMs;
    const set = (from: number, to: number) => setRange({ from: String(Math.round(from)), to: String(Math.round(to)) });
    const shift = (by: number) => set(shown.startMs + by * size, shown.endMs + by * size);
    const zoomOut = () => set(shown.startMs - size / 2, Math.min(Date.now(), shown.endMs + size / 2));
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        openPalette();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      const target = event.target instanceof HTMLElement ? event.target : undefined;
      if (target && isEditable(target)) {
        if (event.key === 'Escape') target.blur();
        return;
      }
      if (event.timeStamp - chord.current < CHORD_MS) {
        chord.current = -Infinity;
        const page = PAGES.find((one) => one.shortcut === event.key);
        if (page) {
          event.preventDefault();
          go(page.path);
        }
        return;
      }
      if (event.key === 'g') chord.current = event.timeStamp;
      else if (event.key === '?') toggleHelp();
      else if (event.key === 'r') bump();
      else if (event.key === '[' || event.key === ']') shift(event.key === '[' ? -0.5 : 0.5);
      else if (event.key === '-') zoomOut();
      else if (event.key === '/') {
        const box = document.querySelector<HTMLElement>('[data-search]');
        if (!box) return;
        event.preventDefault();
        box.focus();
        if (box instanceof HTMLInputElement) box.select();
      }
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [go, bump, toggleHelp, openPalette, shown, setRange]);
}

export function isEditable(element: HTMLElement): boolean {
  return element.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(element.tagName);
}
