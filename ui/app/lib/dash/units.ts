/** Grafana's units, a row each or a family of rows; numbers as people read them. */
import { dateText } from './interpolate';

export type Shown = { text: string; prefix?: string; suffix?: string };
type Format = (value: number, decimals: number | undefined, nowMs: number) => Shown;

/** Digits that a number of this size needs to be told from its neighbours. */
function autoDecimals(value: number): number {
  const size = Math.abs(value);
  if (size === 0 || Number.isInteger(value)) return 0;
  if (size >= 100) return 0;
  if (size >= 10) return 1;
  if (size >= 1) return 2;
  return Math.min(8, 2 - Math.floor(Math.log10(size)));
}

export function toFixed(value: number, decimals?: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const text = value.toFixed(Math.min(20, Math.max(0, decimals ?? autoDecimals(value))));
  const trimmed = decimals === undefined && text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return trimmed === '-0' ? '0' : trimmed;
}

const plain = (suffix: string): Format => (value, decimals) => ({ text: toFixed(value, decimals), ...(suffix ? { suffix } : {}) });

/** Steps of a factor, with names from the step of the unit itself on. */
function scaled(factor: number, names: readonly string[], offset = 0): Format {
  return (value, decimals) => {
    let size = value;
    let at = offset;
    while (Math.abs(size) >= factor && at < names.length - 1) {
      size /= factor;
      at += 1;
    }
    while (Math.abs(size) < 1 && size !== 0 && at > 0 && offset > 0) {
      size *= factor;
      at -= 1;
    }
    return { text: toFixed(size, decimals), suffix: names[at] ?? '' };
  };
}

const IEC = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi'];
const SI_UP = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const SI = ['f', 'p', 'n', 'µ', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binary = (unit: string, offset = 0) => scaled(1024, IEC.map((prefix) => ` ${prefix}${unit}`).slice(offset));
const decimal = (unit: string, offset = 0) => scaled(1000, SI_UP.map((prefix) => ` ${prefix}${unit}`).slice(offset));
const si = (unit: string, offset = 0) => scaled(1000, SI.map((prefix) => ` ${prefix}${unit}`), 5 + offset);
const SHORT = ['', ' K', ' Mil', ' Bil', ' Tri', ' Quadr', ' Quint', ' Sext', ' Sept'];
const simple = (unit: string): Format => {
  const format = scaled(1000, ['', 'K', 'M', 'B', 'T']);
  return (value, decimals, now) => {
    const { text, suffix } = format(value, decimals, now);
    return { text, suffix: `${suffix} ${unit}` };
  };
};

/** Durations: up and down from the given unit, each step with its own factor. */
const TIME: readonly [string, number][] = [[' ns', 1e-9], [' µs', 1e-6], [' ms', 1e-3], [' s', 1], [' mins', 60], [' hours', 3600], [' days', 86_400], [' weeks', 604_800], [' years', 31_536_000]];
const time = (seconds: number): Format => (value, decimals) => {
  const total = value * seconds;
  const size = Math.abs(total);
  if (size === 0) return { text: '0', suffix: TIME.find(([, one]) => one === seconds)?.[0] ?? ' s' };
  const fits = TIME.filter(([name, one]) => size >= one && name !== ' weeks').at(-1) ?? TIME[0];
  const [suffix, unit] = fits ?? [' s', 1];
  return { text: toFixed(total / unit, decimals), suffix: total / unit === 1 ? suffix.replace(/s$/, (s) => (suffix.length > 3 ? '' : s)) : suffix };
};

const PARTS: readonly [string, number][] = [['year', 31_536_000], ['month', 2_628_000], ['week', 604_800], ['day', 86_400], ['hour', 3600], ['minute', 60], ['second', 1]];
/** `2 days, 3 hours`: as many parts as decimals ask for. */
const words = (seconds: number): Format => (value, decimals) => {
  let rest = Math.abs(value * seconds);
  if (rest < 1) return { text: `${Math.round(rest * 1000)} milliseconds` };
  const out: string[] = [];
  for (const [name, size] of PARTS) {
    const n = Math.floor(rest / size);
    if (n === 0 && out.length === 0) continue;
    rest -= n * size;
    if (n > 0) out.push(`${n} ${name}${n === 1 ? '' : 's'}`);
    if (out.length > (decimals ?? 0)) break;
  }
  return { text: out.join(', ') };
};

const clock = (seconds: number): Format => (value) => {
  const total = Math.floor(Math.abs(value * seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  return { text: `${two(Math.floor(total / 3600))}:${two(Math.floor((total % 3600) / 60))}:${two(total % 60)}` };
};

const currency = (symbol: string, after = false): Format => (value, decimals) => {
  const { text, suffix } = scaled(1000, ['', 'K', 'M', 'B', 'T'])(value, decimals, 0);
  return after ? { text: `${text}${suffix ?? ''}`, suffix: ` ${symbol}` } : { text, prefix: symbol, suffix: suffix ?? '' };
};

const yesNo = (yes: string, no: string): Format => (value) => ({ text: value ? yes : no });
const date = (pattern: string): Format => (value) => ({ text: dateText(value, pattern) });
const ago: Format = (value, _decimals, nowMs) => {
  const s = Math.round((nowMs - value) / 1000);
  const size = Math.abs(s);
  const [name, unit] = PARTS.find(([, one]) => size >= one) ?? ['second', 1];
  const n = Math.floor(size / (unit as number));
  const said = `${n} ${name as string}${n === 1 ? '' : 's'}`;
  return { text: s >= 0 ? `${said} ago` : `in ${said}` };
};

const UNITS: Record<string, Format> = {
  none: plain(''), string: plain(''), short: scaled(1000, SHORT), sishort: scaled(1000, SI.map((prefix) => (prefix ? ` ${prefix}` : '')), 5),
  percent: plain('%'), percentunit: (value, decimals) => ({ text: toFixed(value * 100, decimals), suffix: '%' }),
  humidity: plain(' %H'), dB: plain(' dB'), candela: plain(' cd'), hex0x: (value) => ({ text: `0x${Math.round(value).toString(16).toUpperCase()}` }), hex: (value) => ({ text: Math.round(value).toString(16).toUpperCase() }),
  sci: (value, decimals) => ({ text: value.toExponential(decimals) }), locale: (value, decimals) => ({ text: Number(toFixed(value, decimals)).toLocaleString('en-US', { maximumFractionDigits: 10 }) }), pixel: plain(' px'),
  celsius: plain(' °C'), fahrenheit: plain(' °F'), kelvin: plain(' K'),
  bytes: binary('B'), kbytes: binary('B', 1), mbytes: binary('B', 2), gbytes: binary('B', 3), tbytes: binary('B', 4), pbytes: binary('B', 5), bits: binary('b'),
  decbytes: decimal('B'), deckbytes: decimal('B', 1), decmbytes: decimal('B', 2), decgbytes: decimal('B', 3), dectbytes: decimal('B', 4), decbits: decimal('b'),
  Bps: decimal('B/s'), KBs: decimal('B/s', 1), MBs: decimal('B/s', 2), GBs: decimal('B/s', 3), bps: decimal('b/s'), Kbits: decimal('b/s', 1), Mbits: decimal('b/s', 2), Gbits: decimal('b/s', 3),
  binBps: binary('B/s'), KiBs: binary('B/s', 1), MiBs: binary('B/s', 2), GiBs: binary('B/s', 3), binbps: binary('b/s'), Kibits: binary('b/s', 1), Mibits: binary('b/s', 2), pps: decimal('p/s'),
  cps: simple('c/s'), ops: simple('ops/s'), reqps: simple('req/s'), rps: simple('rd/s'), wps: simple('wr/s'), iops: simple('io/s'), eps: simple('evt/s'), mps: simple('msg/s'), recps: simple('rec/s'), rowsps: simple('rows/s'), cpm: simple('c/m'), opm: simple('ops/m'), reqpm: simple('req/m'), rpm: simple('rd/m'), wpm: simple('wr/m'), epm: simple('evts/m'), mpm: simple('msgs/m'), recpm: simple('rec/m'),
  ns: time(1e-9), 'µs': time(1e-6), us: time(1e-6), ms: time(1e-3), s: time(1), m: time(60), h: time(3600), d: time(86_400), w: time(604_800),
  dtdurationms: words(1e-3), dtdurations: words(1), dthms: clock(1), dtdhms: words(1), timeticks: time(0.01), clockms: clock(1e-3), clocks: clock(1),
  hertz: si('Hz'), rotrpm: plain(' rpm'), rothz: si('Hz'), rotrads: plain(' rad/s'), watt: si('W'), kwatt: si('W', 1), voltamp: si('VA'), volt: si('V'), amp: si('A'), mamp: si('A', -1), joule: si('J'), kwatth: si('Wh', 1), watth: si('Wh'), farad: si('F'), ohm: si('Ω'), lumens: si('Lm'), ev: si('eV'),
  lengthm: si('m'), lengthmm: si('m', -1), lengthkm: si('m', 1), massg: si('g'), masskg: si('g', 1), velocityms: plain(' m/s'), velocitykmh: plain(' km/h'), pressurebar: si('bar'), pressurehpa: plain(' hPa'), pressurembar: plain(' mbar'), litre: si('L'), flowlpm: plain(' L/min'), flops: decimal('FLOPS'), flopss: decimal('FLOPS'), Hs: decimal('H/s'), MHs: decimal('H/s', 2),
  bool: yesNo('True', 'False'), bool_yes_no: yesNo('Yes', 'No'), bool_on_off: yesNo('On', 'Off'),
  dateTimeAsIso: date('YYYY-MM-DD HH:mm:ss'), dateTimeAsIsoNoDateIfToday: date('YYYY-MM-DD HH:mm:ss'), dateTimeAsUS: date('MM/DD/YYYY h:mm:ss A'), dateTimeAsLocal: date('YYYY-MM-DD HH:mm:ss'), dateTimeAsSystem: date('YYYY-MM-DD HH:mm:ss'), dateTimeFromNow: ago,
  currencyUSD: currency('$'), currencyEUR: currency('€'), currencyGBP: currency('£'), currencyJPY: currency('¥'), currencyINR: currency('₹'), currencyCHF: currency('CHF', true), currencyBTC: currency('฿'), currencyBRL: currency('R$'), currencyRUB: currency('₽', true), currencyKRW: currency('₩'), currencySEK: currency('kr', true),
  ppm: plain(' ppm'), conppm: plain(' ppm'), degree: plain('°'), accG: plain(' g'),
};

/** Not the same letters, but the same unit. */
const SAME: Record<string, string> = { rds: 'rps', wtps: 'wps', Bytes: 'bytes', B: 'bytes', percentage: 'percent', dateTimeAsIsoSmart: 'dateTimeAsIso', currency: 'currencyUSD', sec: 's', '1': 'short', deckbits: 'Kbits' };

export const UNIT_NAMES: readonly string[] = Object.keys(UNITS);

export function isKnownUnit(unit: string): boolean {
  return formatOf(unit) !== undefined;
}

function formatOf(unit: string): Format | undefined {
  const known = UNITS[SAME[unit] ?? unit];
  if (known) return known;
  const custom = /^(suffix|prefix|currency|si|count|bool|time|short):\s?(.*)$/s.exec(unit);
  const given = custom?.[2] ?? '';
  switch (custom?.[1]) {
    case 'suffix':
      return plain(` ${given}`);
    case 'prefix':
      return (value, decimals) => ({ text: toFixed(value, decimals), prefix: `${given} ` });
    case 'currency':
      return currency(given.replace(/^(prefix|suffix):/, ''), given.startsWith('suffix:'));
    case 'si': {
      const at = 'fpnµm kMGTPE'.indexOf(given[0] ?? '');
      return at >= 0 && given.length > 1 && given[0] !== ' ' ? si(given.slice(1), at - 5) : si(given);
    }
    case 'count':
    case 'short':
      return simple(given);
    case 'bool': {
      const [yes = 'true', no = 'false'] = given.split('/');
      return yesNo(yes, no);
    }
    case 'time':
      return date(given);
    default:
      return undefined;
  }
}

/** A unit nobody knows is its own suffix, as Grafana does it. */
export function formatUnit(value: number, unit: string | undefined, decimals?: number, nowMs = Date.now()): Shown {
  if (!Number.isFinite(value)) return { text: toFixed(value) };
  if (!unit) return { text: toFixed(value, decimals) };
  return (formatOf(unit) ?? plain(` ${unit}`))(value, decimals, nowMs);
}

export function unitText(value: number, unit: string | undefined, decimals?: number, nowMs?: number): string {
  const { text, prefix = '', suffix = '' } = formatUnit(value, unit, decimals, nowMs);
  return `${prefix}${text}${suffix}`;
}
