/** Every page of the app, one row each: router, navigation, keyboard, help and the browser test read this table. */
import { type JSX, type LazyExoticComponent, lazy } from 'react';
import type { IconName } from './components/Icon';

export type Page = {
  key: string;
  /** Below the base; `$name` is a parameter. */
  path: string;
  title: string;
  icon: IconName;
  /** After `g`. Pages without one are reached from others and stand not in the navigation. */
  shortcut?: string;
  /** Follows new data by itself unless the URL says otherwise. */
  live: boolean;
  /** Shows the time range picker. */
  ranged: boolean;
  component: LazyExoticComponent<() => JSX.Element>;
  /** Fetches the code of the page, which is then drawn at once. */
  preload: () => Promise<void>;
};

type Module = { default: () => JSX.Element };

/** A page whose code is there is drawn without a fallback: after one, React holds back what follows for 300 ms. */
function code(load: () => Promise<Module>): Pick<Page, 'component' | 'preload'> {
  let loaded: Module | undefined;
  const component = lazy(() => {
    const module = loaded;
    // `lazy` takes any thenable, and one that answers at once does not suspend.
    return module ? ({ then: (done: (module: Module) => void) => done(module) } as Promise<Module>) : load();
  });
  return { component, preload: async () => void (loaded = await load()) };
}

export const PAGES: readonly Page[] = [
  { key: 'home', path: '/', title: 'Home', icon: 'home', shortcut: 'h', live: true, ranged: true, ...code(() => import('./pages/home/HomePage')) },
  { key: 'logs', path: '/logs', title: 'Logs', icon: 'logs', shortcut: 'l', live: true, ranged: true, ...code(() => import('./pages/logs/LogsPage')) },
  { key: 'traces', path: '/traces', title: 'Traces', icon: 'traces', shortcut: 't', live: false, ranged: true, ...code(() => import('./pages/traces/TracesPage')) },
  { key: 'trace', path: '/trace/$traceId', title: 'Trace', icon: 'traces', live: false, ranged: false, ...code(() => import('./pages/trace/TracePage')) },
  { key: 'map', path: '/map', title: 'Service map', icon: 'map', shortcut: 'p', live: false, ranged: true, ...code(() => import('./pages/map/MapPage')) },
  { key: 'service', path: '/service/$name', title: 'Service', icon: 'map', live: true, ranged: true, ...code(() => import('./pages/service/ServicePage')) },
  { key: 'metrics', path: '/metrics', title: 'Metrics', icon: 'metrics', shortcut: 'm', live: false, ranged: true, ...code(() => import('./pages/metrics/MetricsPage')) },
  { key: 'dashboards', path: '/dashboards', title: 'Dashboards', icon: 'dashboards', shortcut: 'd', live: false, ranged: false, ...code(() => import('./pages/dashboards/DashboardsPage')) },
  { key: 'dashboard', path: '/dashboards/$uid', title: 'Dashboard', icon: 'dashboards', live: false, ranged: true, ...code(() => import('./pages/dashboard/DashboardPage')) },
  { key: 'alerts', path: '/alerts', title: 'Alerts', icon: 'alerts', shortcut: 'a', live: true, ranged: false, ...code(() => import('./pages/alerts/AlertsPage')) },
  { key: 'chat', path: '/chat', title: 'Chat', icon: 'chat', shortcut: 'c', live: true, ranged: false, ...code(() => import('./pages/chat/ChatPage')) },
  { key: 'status', path: '/status', title: 'Status', icon: 'status', shortcut: 's', live: true, ranged: false, ...code(() => import('./pages/status/StatusPage')) },
];

/** The row a pathname (without the base) belongs to. */
export function pageAt(pathname: string): Page | undefined {
  const given = pathname.split('/').filter(Boolean);
  return PAGES.find((page) => {
    const wanted = page.path.split('/').filter(Boolean);
    return wanted.length === given.length && wanted.every((part, i) => part.startsWith('$') || part === given[i]);
  });
}
