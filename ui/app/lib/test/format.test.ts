import { describe, expect, it } from 'vitest';
import { bytes, count, digits, duration, integer, percent, rate, sample } from '../format';

/** One row per case: input, then what a person reads. */
describe('duration', () => {
  it.each([
    [0, '0 ms'], [0.0004, '400 ns'], [0.0123, '12.3 µs'], [0.5, '500 µs'], [1, '1 ms'], [9.999, '10 ms'], [12.34, '12.3 ms'], [999.4, '999 ms'],
    [1_000, '1 s'], [1_234, '1.23 s'], [59_960, '60 s'], [60_000, '1 min'], [119_600, '2 min'], [3_600_000, '1 h'], [90_000_000, '1 d 1 h'],
    [-5, '-5 ms'], [null, '–'], [undefined, '–'], [NaN, '–'], [Infinity, '–'],
  ])('%s is %s', (ms, text) => expect(duration(ms)).toBe(text));
});

describe('count', () => {
  it.each([[0, '0'], [7, '7'], [999, '999'], [1_000, '1 k'], [1_234, '1.23 k'], [999_949, '1 M'], [1_500_000, '1.5 M'], [2e9, '2 G'], [3e12, '3 T'], [0.123, '0.12'], [null, '–']])(
    '%s is %s',
    (value, text) => expect(count(value)).toBe(text),
  );
});

describe('the rest', () => {
  it('groups digits of whole numbers', () => expect(integer(1_234_567)).toBe('1\u202f234\u202f567'));
  it('keeps three significant digits', () => expect([0.1, 1.005, 99.94, 99.96, 1234.5].map(digits)).toEqual(['0.1', '1', '99.9', '100', '1235']));
  it('never rounds a rate down to nothing', () => expect([0, 0.001, 0.5].map(rate)).toEqual(['0', '< 0.01', '0.5']));
  it('never rounds a ratio down to nothing', () => expect([0, 0.00001, 0.0123, 1, null].map(percent)).toEqual(['0 %', '< 0.01 %', '1.23 %', '100 %', '–']));
  it('counts bytes by 1024', () => expect([0, 1023, 1024, 1_572_864].map(bytes)).toEqual(['0 B', '1023 B', '1 KiB', '1.5 MiB']));
  it('shows samples as they are', () =>
    expect([0, 0.25, 123456, 1234567, 8.22e6, 1e-7, NaN, Infinity, -Infinity, 1e21].map(sample)).toEqual(['0', '0.25', '123456', '1.235 M', '8.22 M', '1e-7', 'NaN', '+Inf', '-Inf', '1e21']));
});
