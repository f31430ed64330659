/** Colours for things that are only different, not good or bad: none of them near the error and warning hues. */
export const CATEGORICAL = [
  '#3f8fa8', '#8b7bc8', '#5d9c6c', '#a8883a', '#b3709a', '#5b80cf', '#8a9440', '#44a39a', '#9c7d62', '#7d8a9c', '#a45fc4', '#6f9fd6',
] as const;

/** By order of appearance: in one trace neighbours differ, and the same trace always looks the same. */
export function serviceColor(services: readonly string[], service: string): string {
  return colorAt(services.indexOf(service));
}

export function colorAt(index: number): string {
  return CATEGORICAL[Math.max(0, index) % CATEGORICAL.length] ?? CATEGORICAL[0];
}
