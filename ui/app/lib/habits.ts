/** Services that go otherwise than just before, and versions that are new: what one wants to know before searching. */
import type { Series } from './prom';
import type { Service } from './signalbox';

export type Oddity = { service: string; what: 'errors' | 'slower' | 'quieter' | 'busier'; now: number; before: number; factor: number };

/** Fewer requests than this say nothing about a habit. */
const SPANS_MIN = 50;
const ERROR_RATIO_MIN = 0.01;
const ERRORS_FACTOR = 3;
const SLOWER_FACTOR = 2;
const RATE_FACTOR = 2.5;

/** The worst first: errors, then duration, then how much is asked. */
export function oddities(now: readonly Service[], before: readonly Service[]): Oddity[] {
  const old = new Map(before.map((one) => [one.name, one]));
  const found: Oddity[] = [];
  for (const one of now) {
    const was = old.get(one.name);
    if (!was || was.spans < SPANS_MIN) continue;
    const add = (what: Oddity['what'], value: number, earlier: number) => found.push({ service: one.name, what, now: value, before: earlier, factor: earlier > 0 ? value / earlier : Infinity });
    const [ratio, wasRatio] = [one.error_ratio ?? 0, was.error_ratio ?? 0];
    if (one.spans >= SPANS_MIN && ratio >= ERROR_RATIO_MIN && ratio > wasRatio * ERRORS_FACTOR) add('errors', ratio, wasRatio);
    if (one.spans >= SPANS_MIN && one.p95_ms !== null && was.p95_ms && one.p95_ms > was.p95_ms * SLOWER_FACTOR) add('slower', one.p95_ms, was.p95_ms);
    if (was.rate_per_s > 0 && one.rate_per_s < was.rate_per_s / RATE_FACTOR) add('quieter', one.rate_per_s, was.rate_per_s);
    else if (was.rate_per_s > 0 && one.rate_per_s > was.rate_per_s * RATE_FACTOR) add('busier', one.rate_per_s, was.rate_per_s);
  }
  const rank = { errors: 0, slower: 1, quieter: 2, busier: 3 };
  return found.sort((a, b) => rank[a.what] - rank[b.what] || b.factor - a.factor);
}

export type Rollout = { service: string; version: string; before: string; atMs: number };

/** Versions that came while another one of the same service was there, the newest first. One that is there from the start is no change. */
export function rollouts(series: readonly Series[], startMs: number, stepMs: number): Rollout[] {
  const seen = new Map<string, { version: string; atMs: number }[]>();
  for (const { labels, points } of series) {
    const service = labels['resource.service.name'] ?? labels.service_name ?? '';
    const version = labels['resource.service.version'] ?? labels.service_version ?? '';
    const first = points.find(([, value]) => value > 0)?.[0];
    if (!service || !version || version === 'nil' || first === undefined) continue;
    seen.set(service, [...(seen.get(service) ?? []), { version, atMs: first }]);
  }
  return [...seen].flatMap(([service, versions]) => {
    const ordered = versions.sort((a, b) => a.atMs - b.atMs);
    return ordered.slice(1).flatMap(({ version, atMs }, i) => (atMs > startMs + 2 * stepMs ? [{ service, version, before: ordered[i]?.version ?? '', atMs }] : []));
  }).sort((a, b) => b.atMs - a.atMs);
}
