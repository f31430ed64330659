import { useCallback, useEffect, useState } from 'react';
import { isEditable } from './useHotkeys';

/** Arrow keys (or j and k) move a mark through a list, Enter opens, Escape takes the mark away. */
export function useListKeys(count: number, open: (index: number) => void, show?: (index: number) => void) {
  const [active, setActive] = useState(-1);
  const move = useCallback(
    (to: number) => {
      setActive(to);
      show?.(to);
    },
    [show],
  );
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target instanceof HTMLElement ? event.target : undefined;
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || count === 0) return;
      if (target && (isEditable(target) || target.closest('[role="dialog"], [role="menu"], [role="listbox"]'))) return;
      const key = event.key === 'j' ? 'ArrowDown' : event.key === 'k' ? 'ArrowUp' : event.key;
      if (key === 'ArrowDown') move(Math.min(count - 1, active + 1));
      else if (key === 'ArrowUp') move(Math.max(0, active - 1));
      else if (key === 'Home') move(0);
      else if (key === 'End') move(count - 1);
      else if (key === 'Enter' && active >= 0 && target?.tagName !== 'A' && target?.tagName !== 'BUTTON') open(Math.min(active, count - 1));
      else if (key === 'Escape' && active >= 0) return setActive(-1);
      else return undefined;
      event.preventDefault();
      return undefined;
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [active, count, move, open]);
  return { active: Math.min(active, count - 1), setActive };
}
