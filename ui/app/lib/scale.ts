/** Scales of hand-drawn charts. */

/** Maps low..high to from..to by the logarithm. */
export function logScale(low: number, high: number, from: number, to: number): (value: number) => number {
  const base = Math.log(low);
  const span = Math.log(high) - base || 1;
  return (value) => from + ((Math.log(Math.max(value, low)) - base) / span) * (to - from);
}

/** Powers of ten between the two; every second one if there are many. */
export function logTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.ceil(Math.log10(low)); power <= Math.log10(high); power += 1) ticks.push(10 ** power);
  return ticks.length > 4 ? ticks.filter((_, i) => i % 2 === 0) : ticks;
}
