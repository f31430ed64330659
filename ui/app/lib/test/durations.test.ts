import { describe, expect, it } from 'vitest';
import { durationAt, durationsOf, shareOf } from '../durations';
import type { Found } from '../tempo';

const trace = (durationMs: number, errors = 0): Found => ({ traceId: String(durationMs), rootService: 'shop', rootName: 'GET /', startMs: 0, durationMs, matched: 1, services: [{ name: 'shop', spans: 1, errors }] });

describe('the histogram of durations', () => {
  it('counts each trace once, failed ones apart, extremes included', () => {
    const { bars } = durationsOf([trace(0), trace(1), trace(1, 2), trace(1_000)], 10);
    expect(bars.reduce((sum, bar) => sum + bar.total, 0)).toBe(4);
    expect(bars.reduce((sum, bar) => sum + bar.failed, 0)).toBe(1);
    expect(bars[0]?.total).toBe(1);
    expect(bars.at(-1)?.total).toBe(1);
  });
  it('has bars that join', () => {
    const { bars, lowMs, highMs } = durationsOf([trace(2), trace(200)], 4);
    expect(bars[0]?.minMs).toBeCloseTo(lowMs);
    expect(bars.at(-1)?.maxMs).toBeCloseTo(highMs);
    bars.slice(1).forEach((bar, i) => expect(bar.minMs).toBeCloseTo(bars[i]?.maxMs ?? NaN));
  });
  it('goes from a duration to its place and back', () => expect(durationAt(shareOf(42, 1, 1_000), 1, 1_000)).toBeCloseTo(42));
  it('has no bars of nothing', () => expect(durationsOf([]).bars).toEqual([]));
});
