import { expect, test } from 'vitest';
import { chartOf, pieces } from '../evidence';

test('lines are links where the message has some of their name', () => {
  const long = `${'x'.repeat(70)} end`;
  const links = { Logs: 'http://a/l', Graph: 'http://a/g', 'failed trace: 3 ms': 'http://a/t', [long.slice(0, 60)]: 'http://a/x' };
  expect(pieces('• failed trace: 3 ms', links)).toEqual([{ text: '• ' }, { text: 'failed trace: 3 ms', href: 'http://a/t' }]);
  expect(pieces(`• ${long}`, links)[1]).toEqual({ text: long, href: 'http://a/x' });
  expect(pieces('Graph · Logs', links)).toEqual([{ text: 'Graph', href: 'http://a/g' }, { text: ' · ' }, { text: 'Logs', href: 'http://a/l' }]);
  expect(pieces('a · b', links)).toEqual([{ text: 'a · b' }]);
  expect(pieces('constructor', links)).toEqual([{ text: 'constructor' }]);
});

test('only this server draws charts', () => {
  const path = '/api/signalbox/evidence/chart.png?d=x';
  expect(chartOf({ Chart: `http://a${path}` }, 'http://a')).toBe(path);
  expect(chartOf({ Chart: `http://b${path}` }, 'http://a')).toBe(undefined);
  expect(chartOf({ Chart: 'http://a/other.png' }, 'http://a')).toBe(undefined);
  expect(chartOf({}, 'http://a')).toBe(undefined);
});
