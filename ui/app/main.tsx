import { MantineProvider } from '@mantine/core';
import '@mantine/core/styles.layer.css';
import { QueryClient, QueryClientProvider, keepPreviousData } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiError } from './lib/api';
import { pageAt } from './pages';
import { router } from './router';
import './styles/tokens.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/logs.css';
import './styles/traces.css';
import './styles/metrics.css';
import './styles/alerts.css';
import './styles/pages.css';
import { schemeManager, theme } from './theme';

const RETRIES_MAX = 2;

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 1_000,
      gcTime: 60_000,
      placeholderData: keepPreviousData,
      refetchOnWindowFocus: false,
      // What we asked for is wrong, or not ours to see: asking again changes nothing.
      retry: (failures, error) => failures < RETRIES_MAX && error instanceof ApiError && (error.status === 0 || error.status >= 502),
      retryDelay: (attempt) => 500 * 2 ** attempt,
    },
  },
});

const container = document.getElementById('root');
if (container) {
  const app = createRoot(container);
  // Should the code not come, the page says so.
  void (pageAt(location.pathname.replace(/^\/ui/, ''))?.preload() ?? Promise.resolve())
    .catch(() => undefined)
    .then(() =>
      app.render(
        <StrictMode>
          <MantineProvider theme={theme} colorSchemeManager={schemeManager} defaultColorScheme="auto">
            <QueryClientProvider client={queries}>
              <RouterProvider router={router} />
            </QueryClientProvider>
          </MantineProvider>
        </StrictMode>,
      ),
    );
}
