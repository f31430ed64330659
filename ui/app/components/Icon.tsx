/** The dozen icons the app needs, as 16-pixel strokes. */
const PATHS = {
  home: 'M2.5 7.5 8 3l5.5 4.5M4 6.5V13h8V6.5',
  logs: 'M2.5 4h11M2.5 8h11M2.5 12h7',
  traces: 'M2.5 3.5h7M5 8h8.5M7.5 12.5h4',
  metrics: 'M2.5 13.5v-11M2.5 13.5h11M4.5 10.5l3-4 2.5 2 3.5-5',
  alerts: 'M8 2.2 14 13H2zM8 6.5v3M8 11.2v.3',
  chat: 'M2.5 3h11v8H7l-3 2.5V11H2.5z',
  status: 'M2.5 8h2.7l1.6-4.5 2.6 9L11 8h2.5',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6M8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1',
  moon: 'M13 9.7A5.4 5.4 0 0 1 6.3 3 5.4 5.4 0 1 0 13 9.7',
  auto: 'M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11',
  refresh: 'M13.2 8A5.2 5.2 0 1 1 11.5 4.2M11.8 1.8v2.7H9.1',
  clock: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 5v3.2l2 1.3',
  close: 'm4 4 8 8M12 4l-8 8',
  more: 'M8 3.6v.1M8 8v.1M8 12.4v.1',
  dashboards: 'M2.5 2.5h4.5v6H2.5zM9 2.5h4.5v3.5H9zM9 8h4.5v5.5H9zM2.5 10.5h4.5v3H2.5z',
  map: 'M4 3.2a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2M12 3.2a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2M8 10a1.6 1.6 0 1 0 0 3.2A1.6 1.6 0 0 0 8 10M5.6 4.8h4.8M4.8 6.2l2.4 4M11.2 6.2l-2.4 4',
  search: 'M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4M10.2 10.2l3.3 3.3',
  help: 'M5.8 6.1a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .8-1 1.5M8 12v.2',
  copy: 'M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1',
  plus: 'M8 3.5v9M3.5 8h9',
  minus: 'M3.5 8h9',
  play: 'M5 3.2v9.6L12.5 8z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  right: 'm6 3.5 4.5 4.5L6 12.5',
  down: 'M3.5 6 8 10.5 12.5 6',
  gear: 'M8 5.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4M8 1.8v2M8 12.2v2M1.8 8h2M12.2 8h2M3.6 3.6 5 5M11 11l1.4 1.4M3.6 12.4 5 11M11 5l1.4-1.4',
  bell: 'M4 11V7a4 4 0 0 1 8 0v4l1.2 1.3H2.8zM6.8 14h2.4',
  info: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 7.5V11M8 5.1v.2',
  check: 'm3 8.5 3.2 3.2L13 4.8',
  share: 'M12 2.4a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2M4 6.4a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2M12 10.4a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2M5.5 7.3l5-2.5M5.5 8.7l5 2.5',
  link: 'M6.5 3.5h-3v9h9v-3M9 3h4v4M13 3 7.5 8.5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth={1.4} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** A semaphore arm on its post: the sign a signal box works. */
export function Logo({ size = 22 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" aria-hidden="true" focusable="false">
      <path d="M16.5 2.5v19M12.5 21.5h8" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
      <path d="M17.5 6.6 3.5 3.2v5.2l14 1.5z" fill="var(--bar-warn)" />
      <path d="m7 4.05 2.6.63v4.36L7 8.77z" fill="var(--surface)" />
      <circle cx="16.5" cy="14.6" r="2.6" fill="var(--ok)" stroke="var(--surface)" strokeWidth="1.2" />
    </svg>
  );
}
