/** The process's own metrics, as text of Prometheus' format. */
import { request } from './api';
import type { Labels } from './prom';

export type Sample = { name: string; labels: Labels; value: number };

export async function ownMetrics(signal?: AbortSignal): Promise<Sample[]> {
  return parseExposition(await (await request('/metrics', {}, signal, 'text/plain')).text());
}

export async function ownConfig(signal?: AbortSignal): Promise<string> {
  return (await request('/config', {}, signal, 'text/plain')).text();
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

export function parseExposition(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const match = line.startsWith('#') ? null : LINE.exec(line);
    if (!match) continue;
    const labels: Labels = {};
    for (const [, name = '', value = ''] of (match[2] ?? '').matchAll(LABEL)) labels[name] = value.replace(/\\(.)/g, (_whole, c: string) => (c === 'n' ? '\n' : c));
    samples.push({ name: match[1] ?? '', labels, value: Number(match[3]) });
  }
  return samples;
}

export function sumBy(samples: readonly Sample[], name: string, keys: readonly string[]): { labels: Labels; value: number }[] {
  const sums = new Map<string, { labels: Labels; value: number }>();
  for (const one of samples) {
    if (one.name !== name) continue;
    const labels = Object.fromEntries(keys.map((key) => [key, one.labels[key] ?? '']));
    const at = JSON.stringify(labels);
    const sum = sums.get(at);
    if (sum) sum.value += one.value;
    else sums.set(at, { labels, value: one.value });
  }
  return [...sums.values()].sort((a, b) => b.value - a.value);
}
