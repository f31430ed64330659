/** Routes from the page table. The base is where the server mounts the app. */
import { createRootRoute, createRoute, createRouter } from '@tanstack/react-router';
import { NotFound } from './components/NotFound';
import { PageFailure } from './components/States';
import { Shell } from './components/Shell';
import { parseSearch, stringifySearch } from './lib/search';
import { PAGES } from './pages';

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const routes = PAGES.map((page) =>
  createRoute({ getParentRoute: () => root, path: page.path, component: page.component, errorComponent: ({ error }) => <PageFailure error={error} /> }),
);

export const router = createRouter({
  routeTree: root.addChildren(routes),
  basepath: '/ui',
  parseSearch,
  stringifySearch,
  defaultPreload: false,
  scrollRestoration: false,
});
