/** Colours by Grafana's names, schemes over a range, and the palette for series. */
import { type Json, num, obj, objs, str } from './json';

const HUES: Record<string, [super_: string, light: string, base: string, semi: string, dark: string]> = {
  red: ['#ff9aa2', '#ff6f7d', '#e8404f', '#d02a3a', '#b81428'],
  orange: ['#ffc894', '#ffac5c', '#f58a1f', '#e6700c', '#cc5500'],
  yellow: ['#fff2a3', '#ffe766', '#f2cc0c', '#deb000', '#c49300'],
  green: ['#c2edb8', '#93d984', '#5fb85a', '#46a044', '#2f8734'],
  blue: ['#bcd8ff', '#88b5fa', '#5690ee', '#3574dc', '#1f5cc4'],
  purple: ['#dcc1f2', '#c79aea', '#ad72d9', '#9450c4', '#7b36ab'],
};
const SHADES = ['super-light-', 'light-', '', 'semi-dark-', 'dark-'] as const;

const NAMED = new Map<string, string>(Object.entries(HUES).flatMap(([hue, shades]) => SHADES.map((shade, i): [string, string] => [`${shade}${hue}`, shades[i] ?? ''])));

/** Twelve hues that can be told apart on either ground. */
export const PALETTE = ['#2f9e9a', '#8c6fd0', '#d08a2e', '#4a86d8', '#c2569a', '#7a9f35', '#c9553f', '#5f9bb5', '#9a7b4f', '#5d6fc2', '#3fa46c', '#b07cc6'];

export function namedColor(name: string): string {
  if (!name) return 'var(--muted)';
  if (name === 'transparent') return 'transparent';
  if (name === 'text') return 'var(--text)';
  const known = NAMED.get(name);
  if (known) return known;
  return isColor(name) ? name : 'var(--muted)';
}

/** Only what is a colour may stand in a style: a value comes from somebody's JSON. */
function isColor(text: string): boolean {
  return /^#[0-9a-f]{3,8}$/i.test(text) || /^(rgb|hsl)a?\([\d\s.,%/]+\)$/i.test(text) || /^[a-z]{3,20}$/i.test(text);
}

export type Step = { value: number; color: string };
export type Thresholds = { percent: boolean; steps: Step[] };

export function thresholdsOf(config: Json): Thresholds {
  const given = obj(config.thresholds);
  const steps = objs(given.steps).map((step) => ({ value: num(step.value) ?? -Infinity, color: namedColor(str(step.color)) }));
  return { percent: given.mode === 'percentage', steps: steps.length ? steps.sort((a, b) => a.value - b.value) : [{ value: -Infinity, color: namedColor('green') }, { value: 80, color: namedColor('red') }] };
}

export function thresholdColor(thresholds: Thresholds, value: number | null, min: number, max: number): string {
  const compared = value === null ? -Infinity : thresholds.percent ? (max > min ? ((value - min) / (max - min)) * 100 : 0) : value;
  return thresholds.steps.filter((step) => compared >= step.value).at(-1)?.color ?? thresholds.steps[0]?.color ?? namedColor('green');
}

/** Continuous schemes as a few stops. */
const SCHEMES: Record<string, string[]> = {
  grylrd: ['#5fb85a', '#f2cc0c', '#e8404f'], rdylgr: ['#e8404f', '#f2cc0c', '#5fb85a'], blylrd: ['#5690ee', '#f2cc0c', '#e8404f'], ylrd: ['#f2cc0c', '#e8404f'], blpu: ['#5690ee', '#ad72d9'], ylbl: ['#f2cc0c', '#5690ee'],
  blues: ['#dce9fb', '#5690ee', '#153f86'], reds: ['#fbdcdf', '#e8404f', '#7d0d1b'], greens: ['#dff3da', '#5fb85a', '#1d5a22'], purples: ['#eee2f8', '#ad72d9', '#512170'], oranges: ['#fdead6', '#f58a1f', '#8a3600'],
  spectral: ['#5e4fa2', '#66c2a5', '#e6f598', '#fdae61', '#9e0142'], rdylbu: ['#a50026', '#fdae61', '#ffffbf', '#abd9e9', '#313695'], viridis: ['#440154', '#31688e', '#35b779', '#fde725'], inferno: ['#000004', '#781c6d', '#ed6925', '#fcffa4'], magma: ['#000004', '#721f81', '#f1605d', '#fcfdbf'], plasma: ['#0d0887', '#9c179e', '#ed7953', '#f0f921'], turbo: ['#30123b', '#28bbec', '#a2fc3c', '#fb8022', '#7a0403'], ylorrd: ['#ffffcc', '#fd8d3c', '#800026'], ylgnbu: ['#ffffd9', '#41b6c4', '#081d58'], bugn: ['#f7fcfd', '#66c2a4', '#00441b'], gnbu: ['#f7fcf0', '#7bccc4', '#084081'], pubu: ['#fff7fb', '#74a9cf', '#023858'], greys: ['#f0f0f0', '#969696', '#252525'],
};

/** A colour of a scheme at 0…1. */
export function schemeColor(name: string, share: number): string {
  const stops = SCHEMES[name.toLowerCase().replace(/^continuous-|^interpolate/, '')] ?? SCHEMES.oranges ?? [];
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const low = stops[Math.floor(at)] ?? '#888888';
  return mix(low, stops[Math.ceil(at)] ?? low, at % 1);
}

function mix(a: string, b: string, share: number): string {
  const parts = (hex: string) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const [from, to] = [parts(a), parts(b)];
  return `rgb(${from.map((value, i) => Math.round(value + ((to[i] ?? value) - value) * share)).join(' ')})`;
}

/** The colour of a whole series or of one value of it. */
export function fieldColor(config: Json, index: number, value: number | null, min: number, max: number): string {
  const given = obj(config.color);
  const mode = str(given.mode);
  if (mode === 'fixed' || mode === 'shades') return namedColor(str(given.fixedColor, 'gray'));
  if (mode === 'thresholds') return thresholdColor(thresholdsOf(config), value, min, max);
  if (mode.startsWith('continuous')) return schemeColor(mode, value === null || max <= min ? 0 : (value - min) / (max - min));
  return PALETTE[index % PALETTE.length] ?? '#2f9e9a';
}
