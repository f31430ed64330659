import { ActionIcon } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import { Icon } from './Icon';

/** Details beside a list: the list stays usable, and Escape closes. */
export function SidePanel({ title, onClose, children }: { title: ReactNode; onClose: () => void; children: ReactNode }) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || event.defaultPrevented || document.querySelector('.mantine-Modal-content')) return;
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
      onClose();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [onClose]);
  return (
    <aside className="side-panel" aria-label="Details">
      <header>
        <h2>{title}</h2>
        <ActionIcon aria-label="Close details" onClick={onClose}>
          <Icon name="close" />
        </ActionIcon>
      </header>
      <div className="side-panel-body">{children}</div>
    </aside>
  );
}
