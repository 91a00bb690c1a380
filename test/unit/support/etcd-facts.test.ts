import { expect, it } from 'vitest';
import { isSince } from '../../support/etcd-facts.js';

it.each([
  ['3.4.24', false],
  ['3.4.25', true],
  ['3.4.30', true],
  ['3.5.7', false],
  ['3.5.8', true],
  ['3.5.30', true],
  ['3.6.0', true],
  ['3.6.0-rc.1', true],
  ['4.0.0', true],
  ['3.3.99', false],
])('what came with 3.4.25 and 3.5.8 is in %s: %s', (version, has) => {
  expect(isSince(version, '3.4.25', '3.5.8')).toBe(has);
});
