/** A compaction that takes nothing from a watch ends it neither while it is handed over nor otherwise. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SettlingRig, storeWith } from '../../../support/settling-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('an idle watch far behind, whose history was compacted after it had been looked through', () => {
  it.each([
    ['a server whose progress cannot be believed', '3.4.10', false],
    ['a watch from the future beside it, which keeps the server from telling progress', '3.5.16', true],
  ])('is not ended by moving to the live stream: %s', async (_name, version, isBlocked) => {
    const store = storeWith(2_500, 'busy');
    const rig = new SettlingRig({ store, version });
    rig.watch(watchSpec({ watch: 1, key: 'other' }));
    await rig.settle(100);
    if (isBlocked) rig.watch(watchSpec({ watch: 2, key: 'x', startRevision: 9_000 }));
    rig.watch(watchSpec({ watch: 3, key: 'idle', startRevision: 2 }));
    await rig.settle(300);
    store.compact(store.revision);
    await rig.settle(6_000);
    expect(rig.get(3).ended).toBeUndefined();
    store.write({ put: 'idle' });
    await rig.settle(6_000);
    expect(rig.revisions(3)).toEqual([2_501]);
    // From there on the live stream can take it over.
    expect(rig.engine.counts()).toMatchObject({ live: 2, catchUp: isBlocked ? 1 : 0 });
    store.write({ put: 'idle' });
    await rig.settle(500);
    expect(rig.revisions(3)).toEqual([2_501, 2_502]);
  });

  it.each([
    ['after a while', '3.4.10', 8_000],
    ['without waiting where the server tells progress that can be believed', '3.5.16', 1_500],
  ])(
    'moves to the live stream where the history is still there, and leaves the other, %s',
    async (_name, version, ms) => {
      const store = storeWith(2_500, 'busy');
      const rig = new SettlingRig({ store, version });
      rig.watch(watchSpec({ watch: 1, key: 'other' }), watchSpec({ watch: 3, key: 'idle', startRevision: 2 }));
      await rig.settle(ms);
      expect(rig.engine.counts()).toMatchObject({ live: 2, catchUp: 0 });
      expect(rig.engine.lanes.catchUp.openStreams).toBe(0);
      store.write({ put: 'idle' });
      await rig.settle(500);
      expect(rig.revisions(3)).toEqual([2_501]);
    },
  );

  it.each(['3.4.10', '3.5.16'])('is not ended by leaving a stream that was told to go away: %s', async (version) => {
    const store = storeWith(5, 'busy');
    const rig = new SettlingRig({ store, version });
    rig.watch(watchSpec({ watch: 1, key: 'idle' }));
    await rig.settle(100);
    for (let count = 0; count < 50; count += 1) store.write({ put: 'busy' });
    await rig.settle(100);
    store.compact(store.revision);
    for (const connection of rig.server.connections()) connection.goaway();
    await rig.settle(6_000);
    expect(rig.get(1).ended).toBeUndefined();
    store.write({ put: 'idle' });
    await rig.settle(6_000);
    expect(rig.revisions(1)).toEqual([56]);
    expect(rig.engine.lanes.live.draining.size).toBe(0);
  });
});

describe('a watch that is cancelled for a compaction', () => {
  /** Cancels the watch on every stream that it is created on. */
  async function cancelEverywhere(rig: SettlingRig, compactRevision: number, times: number): Promise<void> {
    for (let time = 0; time < times && rig.get(1).ended === undefined; time += 1) {
      for (const stream of rig.server.streams())
        for (const id of stream.watchIds)
          stream.inject({
            id,
            revision: 0,
            canceled: true,
            compactRevision,
            clusterId: rig.server.store.clusterId,
          });
      await rig.settle(100);
    }
  }

  it('below what it needs next goes on from there', async () => {
    const rig = new SettlingRig({ store: storeWith(10, 'busy') });
    rig.watch(watchSpec({ key: 'busy', startRevision: 8 }));
    await rig.settle(100);
    expect(rig.revisions(1)).toEqual([8, 9, 10]);
    await cancelEverywhere(rig, 11, 1);
    rig.server.store.write({ put: 'busy' });
    await rig.settle(100);
    expect(rig.get(1).ended).toBeUndefined();
    expect(rig.revisions(1)).toEqual([8, 9, 10, 11]);
  });

  it('below what it needs next, again and again, is ended in the end', async () => {
    const rig = new SettlingRig({ store: storeWith(10, 'busy') });
    rig.watch(watchSpec({ key: 'busy', startRevision: 8 }));
    await rig.settle(100);
    await cancelEverywhere(rig, 11, 10);
    expect(rig.get(1).ended?.error).toMatchObject({ code: 'compacted', compactRevision: 11n });
  });

  it('above what it needs next is ended at once', async () => {
    const rig = new SettlingRig({ store: storeWith(10, 'busy') });
    rig.watch(watchSpec({ key: 'busy', startRevision: 8 }));
    await rig.settle(100);
    await cancelEverywhere(rig, 12, 1);
    expect(rig.get(1).ended?.error).toMatchObject({ code: 'compacted', compactRevision: 12n });
  });
});
