import { describe, expect, it } from 'vitest';
import { buildLogQL, decodeTerms, encodeTerms, labelName, splitText, volumeQuery, withTerm } from '../logql';

const none = { service: '', level: '', text: '', terms: [] };

describe('buildLogQL', () => {
  it('selects everything without filters', () => expect(buildLogQL(none)).toBe('{service_name=~".+"}'));
  it('puts the text before the labels', () =>
    expect(buildLogQL({ service: 'cart', level: 'error', text: 'time out', terms: [{ key: 'http.route', op: '!=', value: '/x' }] })).toBe(
      '{service_name="cart"} |= "time" |= "out" | detected_level=~"error|fatal|critical" | http_route!="/x"',
    ));
  it('escapes quotes, backslashes and line ends', () =>
    expect(buildLogQL({ ...none, service: 'a"b\\c', text: '"x\ny"' })).toBe('{service_name="a\\"b\\\\c"} |= "x\\ny"'));
  it('takes an unknown level literally', () => expect(buildLogQL({ ...none, level: 'x"y' })).toContain('| detected_level="x\\"y"'));
});

describe('splitText', () => {
  it.each([
    ['', []],
    ['  a  b ', [{ text: 'a', not: false }, { text: 'b', not: false }]],
    ['"a b" -c -"d e"', [{ text: 'a b', not: false }, { text: 'c', not: true }, { text: 'd e', not: true }]],
    ['-', [{ text: '-', not: false }]],
    ['"open end', [{ text: 'open end', not: false }]],
  ])('%j', (text, words) => expect(splitText(text)).toEqual(words));
});

describe('terms', () => {
  it('survive the URL whatever they hold', () => {
    const terms = [{ key: 'a=b,c', op: '=' as const, value: 'x,y!=z' }, { key: 'k', op: '!=' as const, value: '' }, { key: 'ü!', op: '=' as const, value: '%41' }];
    expect(decodeTerms(encodeTerms(terms))).toEqual(terms);
  });
  it('ignore what is not a term', () => expect(decodeTerms('a,=b,%zz=1,ok=1')).toEqual([{ key: 'ok', op: '=', value: '1' }]));
  it('are added once to a written query', () => {
    const once = withTerm('{a="b"} ', { key: 'x.y', op: '=', value: '1' });
    expect(once).toBe('{a="b"} | x_y="1"');
    expect(withTerm(once, { key: 'x.y', op: '=', value: '1' })).toBe(once);
  });
});

it('makes label names of any key', () => expect(['service.name', '0a', 'a-b/c', 'ok_1'].map(labelName)).toEqual(['service_name', '_0a', 'a_b_c', 'ok_1']));
it('counts lines by level', () => expect(volumeQuery('{a="b"}', 15)).toBe('sum by (detected_level) (count_over_time({a="b"} [15s]))'));
