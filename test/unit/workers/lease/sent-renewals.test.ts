import { describe, expect, it } from 'vitest';
import { SentRenewals, type SentRenewal } from '../../../../src/workers/lease/sent-renewals.js';
import { splitSuspects } from '../../../../src/workers/lease/suspects.js';
import { StreamLoad } from '../../../../src/workers/lease/stream-load.js';
import { Rng } from '../../../support/rng.js';

const into = (): SentRenewal => ({ slot: -1, generation: -1, sentMs: -1 });

describe('renewals on their way', () => {
  it('gives the send time of the oldest renewal of an id, whatever the order of answers', () => {
    const sent = new SentRenewals(2);
    sent.add(1, 10, 100, 0, 5);
    sent.add(2, 20, 200, 0, 6);
    sent.add(1, 11, 100, 0, 7);
    const taken = into();
    expect(sent.take(200, 0, taken)).toBe(true);
    expect(taken).toEqual({ slot: 2, generation: 20, sentMs: 6 });
    expect(sent.take(200, 0, taken)).toBe(false);
    expect(sent.take(100, 0, taken)).toBe(true);
    expect(taken).toEqual({ slot: 1, generation: 10, sentMs: 5 });
    expect(sent.take(100, 1, taken)).toBe(false); // the other half of the id counts too
    expect(sent.unanswered).toBe(1);
    expect(sent.drain()).toEqual([{ slot: 1, generation: 11, sentMs: 7 }]);
    expect(sent.unanswered).toBe(0);
  });

  it('keeps order and count over growth and wrap-around', () => {
    const random = new Rng(5);
    const sent = new SentRenewals(2);
    const model: number[] = [];
    let next = 0;
    for (let step = 0; step < 5_000; step += 1) {
      if (random.chance(0.55)) {
        sent.add(next, 0, next, 0, next);
        model.push(next);
        next += 1;
      } else if (model.length > 0) {
        const at = random.chance(0.8) ? 0 : random.integer(0, model.length - 1);
        const [id = -1] = model.splice(at, 1);
        expect(sent.take(id, 0, into())).toBe(true);
      }
      expect(sent.unanswered).toBe(model.length);
    }
    expect(sent.drain().map(({ slot }) => slot)).toEqual(model);
  });
});

describe('suspects', () => {
  it('stand in groups that hold each of them once, the oldest alone', () => {
    expect(splitSuspects([])).toEqual([]);
    expect(splitSuspects([4])).toEqual([[4]]);
    expect(splitSuspects([4, 5])).toEqual([[4], [5]]);
    expect(splitSuspects([4, 5, 6, 7, 8])).toEqual([[4], [5, 6], [7, 8]]);
  });

  it('are found one by one in a logarithmic number of rounds, wherever they stand', () => {
    const culprits = new Set([17, 400, 999]);
    let groups = splitSuspects(Array.from({ length: 1_000 }, (_, slot) => slot));
    const found: number[] = [];
    let rounds = 0;
    while (groups.length > 0) {
      rounds += 1;
      groups = groups.flatMap((group) => {
        if (!group.some((slot) => culprits.has(slot))) return [];
        if (group.length > 1) return splitSuspects(group);
        found.push(...group);
        return [];
      });
    }
    expect(found.sort((a, b) => a - b)).toEqual([17, 400, 999]);
    expect(rounds).toBeLessThan(12);
  });
});

describe('the number of streams', () => {
  const busy = (ms: number): { takeBusyMs(): number } => ({ takeBusyMs: () => ms });

  it('doubles while they are at work more than half of the time, up to a limit', () => {
    const load = new StreamLoad();
    expect(load.wanted([busy(600)], 1_000)).toBe(2);
    expect(load.wanted([busy(600)], 1_500)).toBe(2); // once a second
    expect(load.wanted([busy(800), busy(800)], 2_000)).toBe(4);
    for (let nowMs = 3_000; nowMs < 12_000; nowMs += 1_000)
      load.wanted(
        Array.from({ length: 64 }, () => busy(900)),
        nowMs,
      );
    expect(load.count).toBe(64);
  });

  it('falls again only after a long idle time', () => {
    const load = new StreamLoad();
    load.wanted([busy(900)], 1_000);
    for (let second = 2; second < 31; second += 1) expect(load.wanted([busy(0), busy(0)], second * 1_000)).toBe(2);
    expect(load.wanted([busy(0), busy(0)], 31_000)).toBe(1);
  });
});
