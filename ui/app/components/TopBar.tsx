import { ActionIcon, Menu, Tooltip, useMantineColorScheme } from '@mantine/core';
import { REFRESH, isRelative } from '../lib/time';
import type { Page } from '../pages';
import { useLive } from '../state/live';
import { useRange } from '../state/range';
import { Busy } from './Busy';
import { Icon, type IconName } from './Icon';
import { Requests } from './Requests';
import { TimeRange } from './TimeRange';

export function TopBar({ page, onHelp, onAccess, onPalette }: { page: Page | undefined; onHelp: () => void; onAccess: () => void; onPalette: () => void }) {
  return (
    <header className="topbar">
      <h1>{page?.title ?? 'Signalbox'}</h1>
      <div className="topbar-right">
        <Busy />
        <LiveSign />
        {page?.ranged ? <TimeRange /> : null}
        <Refresh intervals={page?.ranged || page?.live || false} />
        <Requests />
        <Tooltip label="Commands (Ctrl-K)">
          <ActionIcon aria-label="Commands" onClick={onPalette}>
            <Icon name="search" />
          </ActionIcon>
        </Tooltip>
        <Scheme />
        <Tooltip label="Tenant and token">
          <ActionIcon aria-label="Tenant and token" onClick={onAccess}>
            <Icon name="gear" />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Keyboard and help (?)">
          <ActionIcon aria-label="Help" onClick={onHelp}>
            <Icon name="help" />
          </ActionIcon>
        </Tooltip>
      </div>
    </header>
  );
}

/** Whether what is on the screen follows the data, and if not, why. */
function LiveSign() {
  const { connected } = useLive();
  const { refresh, range, held } = useRange();
  if (refresh !== 'live') return null;
  const [on, text, why] =
    !isRelative(range) ? ['off', 'Fixed', 'The time range is fixed']
    : held ? ['off', 'Held', 'Held while you read; scroll to the top or close the details to go on']
    : connected ? ['true', 'Live', 'New data is shown as it arrives']
    : ['wait', 'Waiting', 'Waiting for the live stream of the server'];
  return (
    <Tooltip label={why}>
      <span className="live" data-on={on}>
        <span className="live-dot" />
        {text}
      </span>
    </Tooltip>
  );
}

function Refresh({ intervals }: { intervals: boolean }) {
  const { refresh, setRefresh, bump } = useRange();
  return (
    <>
      <Tooltip label="Refresh now (r)">
        <ActionIcon aria-label="Refresh now" onClick={bump}>
          <Icon name="refresh" />
        </ActionIcon>
      </Tooltip>
      {intervals ? <Intervals refresh={refresh} setRefresh={setRefresh} /> : null}
    </>
  );
}

function Intervals({ refresh, setRefresh }: { refresh: string; setRefresh: (value: string) => void }) {
  return (
      <Menu position="bottom-end" width={130}>
        <Menu.Target>
          <Tooltip label="Refresh by itself">
            <ActionIcon aria-label={`Refresh interval: ${REFRESH.find((one) => one.value === refresh)?.label ?? refresh}`} w="auto" px={6} fz="xs" style={{ fontVariantNumeric: 'tabular-nums' }}>
              {REFRESH.find((one) => one.value === refresh)?.label ?? refresh}
              <Icon name="down" size={12} />
            </ActionIcon>
          </Tooltip>
        </Menu.Target>
        <Menu.Dropdown>
          {REFRESH.map((one) => (
            <Menu.Item key={one.value} onClick={() => setRefresh(one.value)} rightSection={one.value === refresh ? <Icon name="check" size={12} /> : null}>
              {one.label}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
  );
}

const SCHEMES: Record<string, { next: 'auto' | 'light' | 'dark'; icon: IconName; label: string }> = {
  auto: { next: 'light', icon: 'auto', label: 'Colours: as the system' },
  light: { next: 'dark', icon: 'sun', label: 'Colours: light' },
  dark: { next: 'auto', icon: 'moon', label: 'Colours: dark' },
};

function Scheme() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const scheme = SCHEMES[colorScheme] ?? { next: 'auto', icon: 'auto', label: '' };
  return (
    <Tooltip label={scheme.label}>
      <ActionIcon aria-label={scheme.label} onClick={() => setColorScheme(scheme.next)}>
        <Icon name={scheme.icon} />
      </ActionIcon>
    </Tooltip>
  );
}
