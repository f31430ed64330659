/** Server data that more than one page reads. */
import { useQuery } from '@tanstack/react-query';
import * as prom from '../lib/prom';
import * as signalbox from '../lib/signalbox';
import { NOW_KEY, useRange } from './range';

export function useAlerts() {
  return useQuery({ queryKey: [NOW_KEY, 'alerts', 'list'], queryFn: ({ signal }) => prom.alerts(signal) });
}

export function useRules() {
  return useQuery({ queryKey: [NOW_KEY, 'alerts', 'rules'], queryFn: ({ signal }) => prom.rules(signal) });
}

export function useNotifications(limit: number) {
  return useQuery({ queryKey: [NOW_KEY, 'alerts', 'notifications', limit], queryFn: ({ signal }) => signalbox.notifications(limit, signal) });
}

export function useStatus() {
  return useQuery({ queryKey: [NOW_KEY, 'status'], queryFn: ({ signal }) => signalbox.status(signal), staleTime: 5_000 });
}

/** Asked once: a server that changes its version has been restarted, and with it this page. */
export function useVersion(): string | undefined {
  return useQuery({ queryKey: ['version'], queryFn: ({ signal }) => signalbox.status(signal), staleTime: Infinity, gcTime: Infinity }).data?.version;
}

export function useServices() {
  const { window } = useRange();
  return useQuery({
    queryKey: ['services', window],
    queryFn: ({ signal }) => signalbox.services(window.startMs, window.endMs, signal),
  });
}

/** Names for the service filter; a list that changes slowly, so it is asked by the minute. */
export function useServiceNames(): string[] {
  const { window } = useRange();
  const startMs = Math.floor(window.startMs / 60_000) * 60_000;
  const endMs = Math.ceil(window.endMs / 60_000) * 60_000;
  const query = useQuery({
    queryKey: ['service-names', startMs, endMs],
    queryFn: ({ signal }) => signalbox.services(startMs, endMs, signal),
    staleTime: 60_000,
  });
  return (query.data ?? []).map((service) => service.name).sort();
}
