/** How a shard rests: asleep on its own thread, with its sockets unread on a shared one. */
import { globalTimers } from '../../support/global-timers.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { leaveUnread, sleep } from '../../../src/workers/rest.js';

describe('sleep', () => {
  it('blocks for the time, then calls back after what is readable was read', async () => {
    const block = vi.spyOn(Atomics, 'wait');
    const rested = new Promise<void>((resolve) => void sleep(globalTimers)(20, resolve));
    expect(block).toHaveBeenCalledExactlyOnceWith(expect.anything(), 0, 0, 20);
    expect(block).toHaveReturnedWith('timed-out');
    block.mockRestore();
    await rested;
  });

  it('can be given up', async () => {
    let called = false;
    sleep(globalTimers)(0, () => (called = true))();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(called).toBe(false);
  });
});

describe('leaveUnread', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const told: string[] = [];
  const readable = { hold: () => void told.push('hold'), release: () => void told.push('release') };
  beforeEach(() => void told.splice(0));

  it('holds at once, releases after the time, and calls back later', () => {
    leaveUnread(readable, globalTimers)(5, () => void told.push('rested'));
    expect(told).toEqual(['hold']);
    vi.advanceTimersByTime(4);
    expect(told).toEqual(['hold']);
    vi.advanceTimersToNextTimer();
    expect(told).toEqual(['hold', 'release']);
    vi.advanceTimersToNextTimer();
    expect(told).toEqual(['hold', 'release', 'rested']);
  });

  it('given up, it releases and leaves no timer', () => {
    leaveUnread(readable, globalTimers)(5, () => void told.push('rested'))();
    expect(told).toEqual(['hold', 'release']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('runs its timer under the guard', () => {
    const broken = {
      ...readable,
      release: () => {
        throw new TypeError('a bug');
      },
    };
    const caught: unknown[] = [];
    const guarded = (callback: () => void) => () => {
      try {
        callback();
      } catch (error) {
        caught.push(error);
      }
    };
    const timers = {
      ...globalTimers,
      setTimeout: (callback: () => void, ms: number) => setTimeout(guarded(callback), ms),
    };
    const giveUp = leaveUnread(broken, timers)(5, () => void told.push('rested'));
    vi.advanceTimersByTime(5);
    giveUp(); // as the guard does, which takes the shard down
    expect(caught).toEqual([new TypeError('a bug')]);
    expect(told).toEqual(['hold']);
  });
});
