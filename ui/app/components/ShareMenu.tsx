import { ActionIcon, Menu } from '@mantine/core';
import type { Search } from '../lib/search';
import { useGo } from '../state/search';
import { Icon } from './Icon';

type Open = { label: string; to: string; search: Search };

/** What every view can be taken away as: a link, a request for a shell, a query on the page of its language. */
export function ShareMenu({ curl, open = [] }: { curl?: (() => string) | undefined; open?: readonly Open[] }) {
  const go = useGo();
  const copy = (text: string) => void navigator.clipboard?.writeText(text);
  return (
    <Menu position="bottom-end" width={190}>
      <Menu.Target>
        <ActionIcon aria-label="Share and open"><Icon name="more" /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {open.map((one) => <Menu.Item key={one.label} onClick={() => go(one.to, one.search)}>{one.label}</Menu.Item>)}
        {curl ? <Menu.Item onClick={() => copy(curl())}>Copy as curl</Menu.Item> : null}
        <Menu.Item onClick={() => copy(location.href)}>Copy link</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
