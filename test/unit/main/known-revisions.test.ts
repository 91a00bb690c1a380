import { describe, expect, it } from 'vitest';
import { KnownRevisions } from '../../../src/main/known-revisions.js';

const OURS = 7n;

function knownOf(clusterId: bigint | undefined = OURS): KnownRevisions {
  return new KnownRevisions(() => clusterId);
}

describe('what an engine knows of its store', () => {
  it('is nothing before anybody answered', () => {
    expect(knownOf().highest).toBeUndefined();
  });

  it('is the highest revision of any answer, of unary calls and of shards', () => {
    const known = knownOf();
    known.answered({ clusterId: OURS, revision: 10 }, known.epoch);
    known.answered({ clusterId: OURS, revision: 8 }, known.epoch);
    expect(known.highest).toEqual({ clusterId: OURS, revision: 10 });
    known.shardAt(0, { clusterId: OURS, revision: 12 });
    known.shardBrought(0, 15);
    known.shardBrought(0, 14);
    expect(known.highest).toEqual({ clusterId: OURS, revision: 15 });
  });

  it('does not come from members of another cluster, or from answers that name none', () => {
    const known = knownOf();
    known.answered({ clusterId: 8n, revision: 1_000 }, known.epoch);
    known.answered({ clusterId: 0n, revision: 1_000 }, known.epoch);
    known.shardAt(0, { clusterId: 8n, revision: 1_000 });
    known.shardBrought(0, 2_000);
    known.shardBrought(1, 2_000);
    expect(known.highest).toBeUndefined();
  });

  it('does not come from revisions that no watch could begin after', () => {
    const known = knownOf();
    for (const revision of [2 ** 53, Infinity, NaN, -1, 0]) known.answered({ clusterId: OURS, revision }, known.epoch);
    expect(known.highest).toBeUndefined();
  });

  it('counts answers that came before the engine knew its cluster, if they were of that one', () => {
    const engine: { clusterId: bigint | undefined } = { clusterId: undefined };
    const known = new KnownRevisions(() => engine.clusterId);
    known.answered({ clusterId: OURS, revision: 10 }, known.epoch);
    known.answered({ clusterId: 8n, revision: 20 }, known.epoch);
    expect(known.highest).toBeUndefined();
    engine.clusterId = OURS;
    expect(known.highest).toEqual({ clusterId: OURS, revision: 10 });
  });

  it('is forgotten with the store; what was on its way then says nothing of the new one', () => {
    const known = knownOf();
    const sent = known.epoch;
    known.shardAt(0, { clusterId: OURS, revision: 1_000 });
    known.shardAt(1, { clusterId: OURS, revision: 1_000 });
    known.storeReplaced(0);
    expect(known.highest).toBeUndefined();
    known.answered({ clusterId: OURS, revision: 1_001 }, sent);
    known.shardBrought(0, 1_001);
    known.shardBrought(1, 1_001);
    expect(known.highest).toBeUndefined();
    known.shardAt(0, { clusterId: OURS, revision: 3 });
    known.shardBrought(0, 4);
    known.shardBrought(1, 1_002);
    known.answered({ clusterId: OURS, revision: 5 }, known.epoch);
    expect(known.highest).toEqual({ clusterId: OURS, revision: 5 });
  });

  it('is not forgotten once more when another shard finds the same replacement', () => {
    const known = knownOf();
    known.shardAt(0, { clusterId: OURS, revision: 1_000 });
    known.shardAt(1, { clusterId: OURS, revision: 1_000 });
    known.storeReplaced(0);
    known.shardAt(0, { clusterId: OURS, revision: 3 });
    const sent = known.epoch;
    known.answered({ clusterId: OURS, revision: 8 }, sent);
    // Still of the old store, which only this shard's own report takes back.
    known.shardAt(1, { clusterId: OURS, revision: 1_001 });
    known.storeReplaced(1);
    expect(known.highest).toEqual({ clusterId: OURS, revision: 8 });
    known.shardAt(1, { clusterId: OURS, revision: 4 });
    known.shardBrought(1, 9);
    known.answered({ clusterId: OURS, revision: 10 }, sent);
    expect(known.highest).toEqual({ clusterId: OURS, revision: 10 });
  });

  it('is not forgotten for a shard that had told nothing of the old store, only heard of it', () => {
    const known = knownOf();
    known.shardAt(0, { clusterId: OURS, revision: 1_000 });
    known.storeReplaced(0);
    known.shardAt(0, { clusterId: OURS, revision: 3 });
    known.answered({ clusterId: OURS, revision: 8 }, known.epoch);
    known.storeReplaced(1);
    known.shardAt(1, { clusterId: OURS, revision: 5 });
    expect(known.highest).toEqual({ clusterId: OURS, revision: 8 });
  });

  it('is forgotten with each further store, whichever shard finds it first', () => {
    const known = knownOf();
    for (const shard of [0, 1]) known.shardAt(shard, { clusterId: OURS, revision: 1_000 });
    for (const shard of [0, 1]) {
      known.storeReplaced(shard);
      known.shardAt(shard, { clusterId: OURS, revision: 500 });
    }
    known.storeReplaced(1);
    expect(known.highest).toBeUndefined();
    known.shardAt(1, { clusterId: OURS, revision: 200 });
    known.storeReplaced(0);
    known.shardAt(0, { clusterId: OURS, revision: 201 });
    expect(known.highest).toEqual({ clusterId: OURS, revision: 201 });
  });

  it('is forgotten when a shard comes from the old store to one that never was where the new one began', () => {
    const known = knownOf();
    for (const shard of [0, 1]) known.shardAt(shard, { clusterId: OURS, revision: 1_000 });
    known.storeReplaced(0);
    known.shardAt(0, { clusterId: OURS, revision: 500 });
    const sent = known.epoch;
    known.storeReplaced(1);
    known.shardAt(1, { clusterId: OURS, revision: 2 });
    known.answered({ clusterId: OURS, revision: 501 }, sent);
    expect(known.highest).toEqual({ clusterId: OURS, revision: 2 });
    // And the first one follows without taking that back.
    known.storeReplaced(0);
    known.shardAt(0, { clusterId: OURS, revision: 3 });
    expect(known.highest).toEqual({ clusterId: OURS, revision: 3 });
  });

  it('follows the engine to a cluster that took the place of the old one', () => {
    let clusterId = OURS;
    const known = new KnownRevisions(() => clusterId);
    known.answered({ clusterId: OURS, revision: 1_000 }, known.epoch);
    clusterId = 8n;
    expect(known.highest).toBeUndefined();
    known.answered({ clusterId: 8n, revision: 2 }, known.epoch);
    expect(known.highest).toEqual({ clusterId: 8n, revision: 2 });
  });
});
