import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeWatchStore } from '../../../support/fake-watch-store.js';
import { SettlingRig, storeWith } from '../../../support/settling-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class Rig extends SettlingRig {
  statusTypes(): string[] {
    return this.statuses.map(({ type }) => type);
  }
}

describe('detaching a watch', () => {
  it('from now on before it was created detaches it right after; attached again it misses nothing', async () => {
    const rig = new Rig();
    rig.watch(watchSpec());
    rig.engine.detach([1]);
    await rig.settle(100);
    expect(rig.get(1).createdCount).toBe(1);
    expect(rig.engine.counts()).toMatchObject({ detached: 1, live: 0 });
    rig.server.store.write({ put: 'k' });
    await rig.settle(100);
    expect(rig.revisions(1)).toEqual([]);
    rig.engine.attach([1]);
    await rig.settle(1000);
    expect(rig.revisions(1)).toEqual([2]);
  });

  it('and attaching it again before it was created leaves it as it is', async () => {
    const rig = new Rig();
    rig.watch(watchSpec());
    rig.engine.detach([1]);
    rig.engine.attach([1]);
    await rig.settle(100);
    rig.server.store.write({ put: 'k' });
    await rig.settle(100);
    expect(rig.revisions(1)).toEqual([2]);
    expect(rig.engine.counts()).toMatchObject({ live: 1, detached: 0 });
  });

  it('while its stream is lost still counts as resumed', async () => {
    const rig = new Rig();
    rig.watch(watchSpec({ watch: 1 }), watchSpec({ watch: 2 }));
    await rig.settle(100);
    for (const stream of rig.server.streams()) stream.cut();
    rig.engine.detach([1]);
    await rig.settle(500);
    expect(rig.statusTypes()).toContain('resumed');
  });

  it('of thousands and attaching each again replays at most 64 at a time, and all of them in the end', async () => {
    const rig = new Rig({ store: storeWith(3000), channelCapacity: 5000 });
    const watches = Array.from({ length: 3000 }, (_, index) => index + 1);
    rig.watch(...watches.map((watch) => watchSpec({ watch, startRevision: 3000 })));
    await rig.settle(100);
    rig.engine.detach(watches);
    await rig.settle(100);
    for (const watch of watches) rig.engine.attach([watch]);
    expect(rig.engine.counts().catchUp).toBeLessThanOrEqual(64);
    await rig.settle(15_000);
    expect(rig.engine.counts()).toMatchObject({ live: 3000, waiting: 0, detached: 0 });
    expect(watches.every((watch) => rig.revisions(watch).join() === '3000')).toBe(true);
  });
});

describe('a watch from now on whose stream is lost before it was created', () => {
  it('is created on the next one, from then on', async () => {
    const rig = new Rig();
    rig.watch(watchSpec());
    while (rig.server.streams().length === 0) {
      rig.server.step();
      await rig.advance(0);
    }
    rig.server.streams()[0]?.cut();
    await rig.settle(500);
    expect(rig.get(1).createdCount).toBe(1);
    rig.server.store.write({ put: 'k' });
    await rig.settle(100);
    expect(rig.revisions(1)).toEqual([2]);
  });
});

describe('progress of a whole stream', () => {
  it('that overtakes the answer to a later creation says nothing of that watch', async () => {
    const rig = new Rig({ store: storeWith(100), version: '3.5.16', revisionsPerSync: 1 });
    rig.watch(watchSpec({ watch: 1, key: 'other' }));
    await rig.settle(100);
    for (let round = 0; round < 40; round += 1) {
      const watch = 2 + round;
      // The server takes the request first, and may send its answer behind that to the creation.
      rig.engine.requestProgress(round, 1, 1000);
      await rig.advance(0);
      rig.watch(watchSpec({ watch, startRevision: 50 }));
      await rig.settle(3000);
      expect(rig.revisions(watch)).toHaveLength(51);
      rig.engine.unwatch([watch]);
    }
  });

  it('answers for a watch that has caught up in an idle store', async () => {
    const rig = new Rig({ store: storeWith(100) });
    rig.watch(watchSpec({ startRevision: 50 }));
    rig.engine.requestProgress(7, 1, 5000);
    await rig.settle(3000);
    expect(rig.reports.filter(({ kind }) => kind === 'progress')).toEqual([
      { kind: 'progress', requestId: 7, revision: 100, error: undefined },
    ]);
    expect(rig.revisions(1)).toHaveLength(51);
  });

  it('brings a watch far behind whose range does not change to the present, before its history is compacted', async () => {
    const rig = new Rig({ store: storeWith(3000) });
    rig.watch(watchSpec({ key: 'other', startRevision: 5 }));
    await rig.settle(600);
    rig.server.store.compact(2900);
    await rig.settle(3000);
    expect(rig.get(1).ended).toBeUndefined();
    expect(rig.engine.counts()).toMatchObject({ live: 1, catchUp: 0 });
  });

  it('is not asked of servers whose answers overtake events', async () => {
    const rig = new Rig({ version: '3.5.7' });
    rig.watch(watchSpec());
    await rig.settle(100);
    rig.engine.requestProgress(1, 1, 1000);
    expect(rig.reports.at(-1)).toMatchObject({ kind: 'progress', error: { code: 'unimplemented' } });
  });
});

describe('what the server says of one watch', () => {
  it('ends it alone when its revision has been compacted, with the oldest one left', async () => {
    const store = storeWith(50);
    store.compact(20);
    const rig = new Rig({ store });
    rig.watch(watchSpec({ watch: 1, startRevision: 5 }), watchSpec({ watch: 2, startRevision: 45 }));
    await rig.settle(500);
    expect(rig.get(1).ended?.error).toMatchObject({ code: 'compacted', compactRevision: 20n });
    expect(rig.revisions(2)).toEqual([45, 46, 47, 48, 49, 50]);
  });

  it('ends it alone when it may not be read', async () => {
    const rig = new Rig();
    for (const member of rig.server.members) {
      member.refuse = (key) => (key === 'secret' ? 'etcdserver: permission denied' : undefined);
    }
    rig.watch(watchSpec({ watch: 1 }), watchSpec({ watch: 2, key: 'secret' }), watchSpec({ watch: 3 }));
    await rig.settle(500);
    expect(rig.get(2).ended?.error).toMatchObject({ code: 'permission-denied' });
    expect([1, 3].map((watch) => rig.get(watch).createdCount)).toEqual([1, 1]);
  });

  it('tries again what was refused for a reason that passes', async () => {
    const rig = new Rig();
    const [member] = rig.server.members;
    if (member === undefined) throw new Error('one member');
    member.refuse = () => 'etcdserver: no leader';
    rig.watch(watchSpec());
    await rig.settle(1000);
    expect(rig.get(1).ended).toBeUndefined();
    member.refuse = () => undefined;
    await rig.settle(1000);
    expect(rig.get(1).createdCount).toBe(1);
  });

  it('ends all that refer to a store that was wiped, with reset; a new one from now on works', async () => {
    const rig = new Rig({ store: storeWith(50) });
    rig.watch(watchSpec({ startRevision: 50 }));
    await rig.settle(500);
    for (const member of rig.server.members) {
      member.store = new FakeWatchStore();
      member.applied = 1;
    }
    for (const connection of rig.server.connections()) connection.cut();
    await rig.settle(2000);
    expect(rig.get(1).ended?.error).toMatchObject({ code: 'reset' });
    expect(rig.statusTypes()).toContain('store-reset');
    rig.watch(watchSpec({ watch: 2 }));
    await rig.settle(500);
    rig.server.store.write({ put: 'k' });
    await rig.settle(500);
    expect(rig.revisions(2)).toEqual([2]);
  });

  it('with ids of its own leads to a serial stream', async () => {
    const rig = new Rig({ ignoresIds: true });
    rig.watch(...Array.from({ length: 20 }, (_, index) => watchSpec({ watch: index + 1 })));
    await rig.settle(500);
    rig.server.store.write({ put: 'k' });
    await rig.settle(500);
    for (let watch = 1; watch <= 20; watch += 1) expect(rig.revisions(watch)).toEqual([2]);
  });
});

describe('very many watches', () => {
  it('asked for one by one wait for their stream without quadratic work', async () => {
    const COUNT = 300_000; // so many that quadratic work would outlast the guard of the test
    const rig = new Rig({ channelCapacity: COUNT });
    const specs = Array.from({ length: COUNT }, (_, index) => watchSpec({ watch: index + 1, key: `k${index}` }));
    for (const spec of specs) rig.watch(spec);
    await rig.advance(0);
    expect(rig.engine.counts().waiting).toBe(COUNT);
  });
});

describe('a lane that is kept open', () => {
  it('has its stream before the first watch, and closes it when none came in time', async () => {
    const rig = new Rig();
    rig.engine.lanes.live.keepOpen(10_000);
    await rig.settle(1000);
    expect(rig.statusTypes()).toEqual(['connected']);
    expect(rig.engine.lanes.live.openStreams).toBe(1);
    await rig.settle(10_000);
    expect(rig.engine.lanes.live.openStreams).toBe(0);
  });

  it('stays while a watch is on it, and is not tried again for nobody', async () => {
    const rig = new Rig();
    rig.engine.lanes.live.keepOpen(1000);
    rig.watch(watchSpec());
    await rig.settle(2000);
    rig.server.store.write({ put: 'k' });
    await rig.settle(100);
    expect(rig.revisions(1)).toEqual([2]);
    expect(rig.engine.lanes.live.openStreams).toBe(1);
    rig.engine.unwatch([1]);
    await rig.settle(1000);
    expect(rig.engine.lanes.live.openStreams).toBe(0);
  });
});
