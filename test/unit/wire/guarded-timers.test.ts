import { expect, it } from 'vitest';
import { guardedTimers, type GuardedTimers } from '../../../src/wire/guarded-timers.js';
import { eventually } from '../../support/poll.js';

const settings: Record<string, (timers: GuardedTimers, callback: () => void) => void> = {
  setTimeout: (timers, callback) => void timers.setTimeout(callback, 1),
  setInterval: (timers, callback) => {
    const interval = timers.setInterval(() => {
      timers.clear(interval);
      callback();
    }, 1);
  },
  setImmediate: (timers, callback) => void timers.setImmediate(callback),
  queueMicrotask: (timers, callback) => timers.queueMicrotask(callback),
  nextTick: (timers, callback) => timers.nextTick(callback),
};

it('every timer of a shard runs its callback under the guard', async () => {
  const caught: unknown[] = [];
  const timers = guardedTimers((callback) => () => {
    try {
      callback();
    } catch (error) {
      caught.push(error);
    }
  });
  const setters = Object.keys(timers).filter((name) => !name.startsWith('clear'));
  expect(setters.sort()).toEqual(Object.keys(settings).sort());
  for (const [name, set] of Object.entries(settings))
    set(timers, () => {
      throw new Error(name);
    });
  await eventually(() => caught.length === setters.length);
  expect(caught.map((error) => (error as Error).message).sort()).toEqual(setters.sort());
});
