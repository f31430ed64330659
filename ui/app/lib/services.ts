import type { Service } from './signalbox';

export type SortKey = 'name' | 'rate' | 'errors' | 'p50' | 'p95' | 'p99' | 'logs';

const VALUE: Record<Exclude<SortKey, 'name'>, (service: Service) => number> = {
  rate: (s) => s.rate_per_s,
  errors: (s) => s.error_ratio ?? -1,
  p50: (s) => s.p50_ms ?? -1,
  p95: (s) => s.p95_ms ?? -1,
  p99: (s) => s.p99_ms ?? -1,
  logs: (s) => s.error_logs,
};

/** Worst first. Error ratios below a tenth of a percent are noise: among those the names decide, so that rows rest. */
export function sortServices(services: readonly Service[], key: SortKey): Service[] {
  const byName = (a: Service, b: Service) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  if (key === 'name') return [...services].sort(byName);
  const value = VALUE[key];
  const rounded = key === 'errors' ? (s: Service) => Math.round(value(s) * 100) : value;
  return [...services].sort((a, b) => rounded(b) - rounded(a) || byName(a, b));
}
