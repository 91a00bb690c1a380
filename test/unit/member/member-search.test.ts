/** How a usable member is searched for, on a simulated clock. */
import { describe, expect, it } from 'vitest';
import { MemberSearch, type MemberSearchInit } from '../../../src/member/member-search.js';
import { EtcdError } from '../../../src/wire/errors.js';
import { SimulatedTimers } from './simulated-timers.js';

type Fate = 'found' | 'refuses' | 'silent';

/** A search over members of which each has a fate; notes when each attempt began. */
class Rig {
  readonly timers = new SimulatedTimers();
  readonly began: [member: number, atMs: number][] = [];
  readonly cancelled: number[] = [];
  readonly failures: number[] = [];
  found: number | undefined;
  exhausted = 0;
  readonly fates: Fate[];
  readonly search: MemberSearch<number>;

  constructor(fates: Fate[], more: Partial<MemberSearchInit<number>> = {}) {
    this.fates = fates;
    this.search = new MemberSearch<number>({
      timers: this.timers,
      random: () => 0,
      order: () => fates.map((_, member) => member),
      attempt: (member) => {
        this.began.push([member, this.timers.nowMs]);
        return { found: this.#meet(member), cancel: () => void this.cancelled.push(member) };
      },
      onFound: (found) => (this.found = found),
      onFailure: (member) => void this.failures.push(member),
      onExhausted: () => (this.exhausted += 1),
      ...more,
    });
  }

  #meet(member: number): Promise<number> {
    const fate = this.fates[member];
    if (fate === 'found') return Promise.resolve(member);
    if (fate === 'refuses') return Promise.reject(new EtcdError('refused', { code: 'unavailable' }));
    return new Promise(() => undefined);
  }

  attempts(withinMs: number): number {
    return this.began.filter(([, atMs]) => atMs >= this.timers.nowMs - withinMs).length;
  }
}

describe('a search for a member', () => {
  it('tries the next one at once when one refuses', async () => {
    const rig = new Rig(['refuses', 'refuses', 'found']);
    await rig.timers.pass(0);
    expect(rig.began).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
    expect([rig.found, rig.failures, rig.timers.pending]).toEqual([2, [0, 1], 0]);
  });

  it('gives a silent one company after 250 ms, and gives it up when another answers', async () => {
    const rig = new Rig(['silent', 'found']);
    await rig.timers.pass(249);
    expect(rig.began).toHaveLength(1);
    await rig.timers.pass(1);
    expect([rig.found, rig.cancelled, rig.timers.pending]).toEqual([1, [0], 0]);
  });

  it('keeps one that has a longer head start before it back until then, also where another one refuses', async () => {
    const rig = new Rig(['silent', 'refuses', 'found'], { headStartMs: (member) => (member === 2 ? 1_000 : 250) });
    await rig.timers.pass(1_249);
    expect(rig.began).toEqual([
      [0, 0],
      [1, 250],
    ]);
    await rig.timers.pass(1);
    expect([rig.found, rig.began.at(-1), rig.timers.pending]).toEqual([2, [2, 1_250], 0]);
  });

  it('does not keep it back when nobody else is being tried', async () => {
    const rig = new Rig(['refuses', 'found'], { headStartMs: () => 1_000 });
    await rig.timers.pass(0);
    expect(rig.found).toBe(1);
  });

  it('tries four at once at most', async () => {
    const rig = new Rig(['silent', 'silent', 'silent', 'silent', 'found']);
    await rig.timers.pass(60_000);
    expect(rig.began.map(([member]) => member)).toEqual([0, 1, 2, 3]);
    expect(rig.found).toBeUndefined();
  });

  it('tries those that refused again while a silent one keeps it waiting', async () => {
    const rig = new Rig(['silent', 'refuses']);
    await rig.timers.pass(1_000);
    rig.fates[1] = 'found';
    await rig.timers.pass(1_000);
    expect(rig.found).toBe(1);
    expect(rig.began.filter(([member]) => member === 0)).toHaveLength(1);
  });

  it('pauses longer after each round that failed, up to a second', async () => {
    const rig = new Rig(['refuses', 'refuses']);
    await rig.timers.pass(60_000);
    const rounds = rig.began.filter(([member]) => member === 0).map(([, atMs]) => atMs);
    const pauses = rounds.slice(1).map((atMs, index) => atMs - (rounds[index] ?? 0));
    expect(pauses.slice(0, 7)).toEqual([50, 100, 200, 400, 800, 1_000, 1_000]);
    // Two members, a round a second.
    expect(rig.attempts(10_000)).toBeLessThanOrEqual(2 * 11);
  });

  it('goes on with the pauses of the search before it', async () => {
    const rig = new Rig(['found'], { failedRounds: 5 });
    await rig.timers.pass(799);
    expect(rig.began).toEqual([]);
    await rig.timers.pass(1);
    expect([rig.began, rig.found, rig.search.failedRounds]).toEqual([[[0, 800]], 0, 5]);
  });

  it('that is to be made once tells when none would do, and never tries again', async () => {
    const rig = new Rig(['refuses', 'refuses'], { isOnce: true });
    await rig.timers.pass(60_000);
    expect([rig.began.length, rig.exhausted, rig.timers.pending]).toEqual([2, 1, 0]);
  });

  it('calls nobody back after it was cancelled, and leaves no timer and no attempt', async () => {
    const rig = new Rig(['silent', 'found']);
    rig.search.cancel();
    await rig.timers.pass(10_000);
    expect([rig.found, rig.began.length, rig.cancelled, rig.timers.pending]).toEqual([undefined, 1, [0], 0]);
  });

  it('may be cancelled from the callback of a failure', async () => {
    const rig = new Rig(['refuses', 'found'], { onFailure: () => rig.search.cancel() });
    await rig.timers.pass(10_000);
    expect([rig.found, rig.began.length, rig.timers.pending]).toEqual([undefined, 1, 0]);
  });
});
