/** Which members are tried last, on a clock of the test's. */
import { describe, expect, it } from 'vitest';
import { MemberHealth } from '../../../src/member/member-health.js';

function make(): { health: MemberHealth; clock: { nowMs: number } } {
  const clock = { nowMs: 0 };
  return {
    health: new MemberHealth(
      () => clock.nowMs,
      () => 0,
    ),
    clock,
  };
}

describe('the health of members', () => {
  it('leaves the order alone while all serve', () => {
    const { health } = make();
    expect([0, 1, 2].map((first) => health.order(['a', 'b', 'c'], first))).toEqual([
      [0, 1, 2],
      [1, 2, 0],
      [2, 0, 1],
    ]);
  });

  it('puts a member that failed last, for longer with each failure, until it serves', () => {
    const { health, clock } = make();
    health.failed('a');
    expect(health.order(['a', 'b'], 0)).toEqual([1, 0]);
    clock.nowMs = 501;
    expect(health.isAvoided('a')).toBe(false);
    health.failed('a');
    clock.nowMs += 501;
    expect(health.isAvoided('a')).toBe(true);
    health.succeeded('a');
    expect(health.isAvoided('a')).toBe(false);
  });

  it('avoids no member for more than ten seconds', () => {
    const { health, clock } = make();
    for (let failure = 0; failure < 1_000; failure += 1) health.failed('a');
    clock.nowMs = 10_001;
    expect(health.isAvoided('a')).toBe(false);
  });

  it('forgets members that are configured no more', () => {
    const { health } = make();
    health.failed('a');
    health.failed('b');
    health.keep(['b']);
    expect([health.isAvoided('a'), health.isAvoided('b')]).toEqual([false, true]);
  });
});
