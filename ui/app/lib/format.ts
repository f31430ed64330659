/** Numbers as people read them: three significant digits, the unit last, the same width where it can be. */

/** Units above thousands, each with how many thousands it is. */
const LARGE = [['T', 1e9], ['G', 1e6], ['M', 1e3]] as const;

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms === 0) return '0 ms';
  if (ms < 0.001) return `${Math.max(1, Math.round(ms * 1e6))} ns`;
  if (ms < 1) return `${digits(ms * 1000)} µs`;
  if (ms < 1000) return `${digits(ms)} ms`;
  if (ms < 60_000) return `${digits(ms / 1000)} s`;
  const s = Math.round(ms / 1000);
  if (s < 3600) return both(Math.floor(s / 60), 'min', s % 60, 's');
  if (s < 86_400) return both(Math.floor(s / 3600), 'h', Math.floor((s % 3600) / 60), 'min');
  return both(Math.floor(s / 86_400), 'd', Math.floor((s % 86_400) / 3600), 'h');
}

function both(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small ? `${large} ${largeUnit} ${small} ${smallUnit}` : `${large} ${largeUnit}`;
}

/** Three significant digits without an exponent for what a screen shows. */
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.95) return String(Math.round(value));
  if (size >= 9.995) return trimZeros(value.toFixed(1));
  return trimZeros(value.toFixed(2));
}

export function count(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size < 1000) return Number.isInteger(value) ? String(value) : digits(value);
  for (const [unit, thousands] of [...LARGE, ['k', 1] as const]) {
    const scale = thousands * 1000;
    // 999 950 would round to `1000 k`.
    if (size >= scale * 0.9995) return `${digits(value / scale)} ${unit}`;
  }
  return digits(value);
}

export function integer(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
}

export function rate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined) return '–';
  if (perSecond > 0 && perSecond < 0.01) return '< 0.01';
  return count(perSecond);
}

export function percent(ratio: number | null | undefined): string {
  if (ratio === null || ratio === undefined || !Number.isFinite(ratio)) return '–';
  const value = ratio * 100;
  if (value === 0) return '0 %';
  if (value < 0.01) return '< 0.01 %';
  return `${digits(value)} %`;
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let size = value;
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(size) : digits(size)} ${units[unit]}`;
}

/** A sample's value: exact where it is short, otherwise compact; never locale dependent. */
export function sample(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size < 1e-4 || size >= 1e15) return trimExponent(value.toPrecision(4));
  for (const [unit, scale] of LARGE) {
    if (size >= scale * 1000) return `${trimZeros((value / (scale * 1000)).toPrecision(4))} ${unit}`;
  }
  return trimZeros(value.toPrecision(6));
}

function trimZeros(text: string): string {
  return text.includes('.') && !text.includes('e') ? text.replace(/\.?0+$/, '') : text;
}

function trimExponent(text: string): string {
  const [head = '', tail] = text.split('e');
  return tail === undefined ? trimZeros(head) : `${trimZeros(head)}e${tail.replace('+', '')}`;
}
