import { expect, test } from 'vitest';
// @ts-expect-error a script without types
import { matching } from '../../../dev/matching.mjs';

test.each([
  '(/dev/)?(mmcblk.p.+|nvme.+|rbd.+|sd.+|vd.+|xvd.+|dm-.+|md.+|dasd.+)', '.*', '.+', 'job-1', '1..|2..', '5..', '^(?:GET|POST)$', '[a-z]+', '[^/]+', '(?i)abc', '\\d+\\.\\d+', 'a{2,3}b', 'x*y?z', '|a', 'node-exporter|', '(a|b)+', '.*foo.*',
])('%s takes what is made for it', (pattern) => {
  const made = matching(pattern, 'label-1') as string;
  expect(made).toMatch(new RegExp(`^(?:${pattern.replace('(?i)', '')})$`));
});
