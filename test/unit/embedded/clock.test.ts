import { expect, it } from 'vitest';
import { ManualClock } from '../../../src/embedded/clock.js';

it('a manual clock runs what falls due in order of time, each at its own moment, and nothing that was cancelled', () => {
  const clock = new ManualClock();
  const ran: string[] = [];
  const at = (name: string) => () => ran.push(`${name}@${String(clock.nowMs())}`);
  clock.setTimer(20, at('late'));
  clock.setTimer(10, () => {
    at('early')();
    clock.setTimer(5, at('nested'));
  });
  clock.setTimer(12, at('never'))();
  clock.setTimer(31, at('future'));
  clock.advance(30);
  expect(ran).toEqual(['early@10', 'nested@15', 'late@20']);
  expect(clock.nowMs()).toBe(30);
});
