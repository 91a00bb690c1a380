import { describe, expect, it } from 'vitest';
import { callGuarded, Listeners, nameOfThrown } from '../../../src/main/callbacks.js';

describe('Listeners', () => {
  it('counts each addition of the same function for itself, and each removal once', () => {
    const listeners = new Listeners<number>();
    const told: number[] = [];
    const listener = (event: number): void => void told.push(event);
    const [first, second] = [listeners.add(listener), listeners.add(listener)];
    listeners.tell(1);
    first();
    first();
    listeners.tell(2);
    second();
    listeners.tell(3);
    expect([told, listeners.size]).toEqual([[1, 1, 2], 0]);
  });

  it('tells neither one that was removed by another meanwhile nor one that was added meanwhile', () => {
    const listeners = new Listeners<string>();
    const told: string[] = [];
    listeners.add((event) => {
      told.push(event);
      remove();
      listeners.add(() => told.push('too early'));
    });
    const remove = listeners.add(() => told.push('removed'));
    listeners.tell('told');
    expect(told).toEqual(['told']);
  });
});

describe('a guarded call', () => {
  it.each([
    ['throws', () => Promise.reject(new Error('bug'))],
    [
      'gives a thenable that throws',
      () => ({
        then: () => {
          throw new Error('bug');
        },
      }),
    ],
    [
      'gives a thenable whose then cannot be read',
      () => ({
        get then(): unknown {
          throw new Error('bug');
        },
      }),
    ],
    [
      'gives a thenable that fails twice',
      () => ({
        then: (_done: unknown, fail: (error: Error) => void) => {
          fail(new Error('bug'));
          fail(new Error('again'));
        },
      }),
    ],
  ])('is told once that it failed: %s', async (_name, call) => {
    const failures: unknown[] = [];
    expect(callGuarded(call, (thrown) => failures.push(thrown))).toBe(false);
    await new Promise(setImmediate);
    expect(failures).toEqual([new Error('bug')]);
  });
});

describe('the name of what was thrown', () => {
  it('is told of anything, also of what cannot be looked at', () => {
    const { proxy, revoke } = Proxy.revocable(new Error('gone'), {});
    revoke();
    const odd = Object.assign(new Error('odd'), { name: Symbol('odd') });
    expect([new TypeError('t'), 'text', undefined, proxy, odd].map(nameOfThrown)).toEqual([
      ...['TypeError', 'string', 'undefined', 'object', 'Error'],
    ]);
  });
});
