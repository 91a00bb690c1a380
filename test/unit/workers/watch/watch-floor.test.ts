/** Where a watch from now on begins: after everything that this engine had seen of the store when it asked. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SettlingRig, storeWith } from '../../../support/settling-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class Rig extends SettlingRig {
  /** As an answer to the application tells it. */
  acknowledge(revision: number): void {
    this.known = { clusterId: this.server.store.clusterId, revision };
  }

  cut(): void {
    for (const connection of this.server.connections()) connection.cut();
  }
}

describe('a watch from now on', () => {
  it.each(['cut', 'GOAWAY', 'new settings'] as const)(
    'does not deliver after a %s what was acknowledged before it, and says where it begins',
    async (fault) => {
      const rig = new Rig({ store: storeWith(10) });
      rig.acknowledge(10);
      rig.watch(watchSpec());
      await rig.settle(100);
      expect(rig.get(1).startRevision).toBe(11);
      if (fault === 'cut') rig.cut();
      else if (fault === 'GOAWAY') for (const connection of rig.server.connections()) connection.goaway();
      else {
        rig.context.settings = { ...rig.context.settings, pingIntervalMs: 20_000 };
        rig.engine.settingsChanged(0);
      }
      await rig.settle(2_000);
      expect(rig.revisions(1)).toEqual([]);
      rig.server.store.write({ put: 'k' });
      await rig.settle(500);
      expect(rig.revisions(1)).toEqual([11]);
    },
  );

  it('begins after what another watch of the shard has brought', async () => {
    const rig = new Rig();
    rig.watch(watchSpec({ watch: 1 }));
    await rig.settle(100);
    rig.server.store.write({ put: 'k' });
    await rig.settle(100);
    expect(rig.revisions(1)).toEqual([2]);
    rig.watch(watchSpec({ watch: 2 }));
    await rig.settle(100);
    expect(rig.get(2).startRevision).toBe(3);
    rig.cut();
    await rig.settle(2_000);
    expect(rig.revisions(2)).toEqual([]);
  });

  it('with a start of its own delivers from there, whatever is known', async () => {
    const rig = new Rig({ store: storeWith(10) });
    rig.acknowledge(10);
    rig.watch(watchSpec({ startRevision: 4 }));
    await rig.settle(500);
    expect(rig.revisions(1)).toEqual([4, 5, 6, 7, 8, 9, 10]);
  });

  it('on a member that lags begins after what was acknowledged, not where the member is', async () => {
    const store = storeWith(10);
    const rig = new Rig({ store });
    const [member] = rig.server.members;
    if (member === undefined) throw new Error('a server has members');
    rig.watch(watchSpec({ watch: 1, key: 'other' }));
    await rig.settle(100);
    // The stream is open; then others write, and the member hears of it late.
    for (let count = 0; count < 5; count += 1) store.write({ put: 'k' });
    member.isHolding = true;
    rig.acknowledge(15);
    rig.watch(watchSpec({ watch: 2 }));
    await rig.settle(300);
    member.isHolding = false;
    await rig.settle(2_000);
    expect(rig.get(2)).toMatchObject({ createdCount: 1, startRevision: 16, ended: undefined });
    expect(rig.revisions(2)).toEqual([]);
    store.write({ put: 'k' });
    await rig.settle(500);
    expect(rig.revisions(2)).toEqual([16]);
    expect(rig.statuses.some(({ type }) => type === 'store-reset')).toBe(false);
  });
});

describe('what was known of a store that is gone', () => {
  it('does not silence a watch on the new one, where the shard finds out as it connects', async () => {
    const rig = new Rig({ store: storeWith(3) });
    rig.acknowledge(1_000);
    rig.watch(watchSpec());
    await rig.settle(2_000);
    expect(rig.statuses.some(({ type }) => type === 'store-reset')).toBe(true);
    expect(rig.get(1)).toMatchObject({ startRevision: 4, ended: undefined });
    rig.server.store.write({ put: 'k' });
    await rig.settle(500);
    expect(rig.revisions(1)).toEqual([4]);
  });

  it('does not silence a watch on the new one, where a stream to that was open already', async () => {
    const rig = new Rig({ store: storeWith(3) });
    rig.watch(watchSpec({ watch: 1, key: 'other' }));
    await rig.settle(100);
    rig.acknowledge(1_000);
    rig.watch(watchSpec({ watch: 2 }));
    await rig.settle(2_000);
    expect(rig.get(2)).toMatchObject({ createdCount: 1, startRevision: 4, ended: undefined });
    expect(rig.get(1).ended?.error).toMatchObject({ code: 'reset' });
    rig.server.store.write({ put: 'k' });
    await rig.settle(500);
    expect(rig.revisions(2)).toEqual([4]);
  });

  it('and noted before main heard that it is gone does not touch a watch on the new one', async () => {
    const rig = new Rig({ store: storeWith(3) });
    rig.acknowledge(1_000);
    rig.watch(watchSpec({ watch: 1 }));
    await rig.settle(2_000);
    expect(rig.guard.restarts).toBe(1);
    rig.known = { clusterId: rig.server.store.clusterId, revision: 1_000, restarts: 0 };
    rig.watch(watchSpec({ watch: 2 }));
    await rig.settle(2_000);
    rig.cut();
    await rig.settle(3_000);
    expect(rig.guard.restarts).toBe(1);
    expect([1, 2].map((watch) => rig.get(watch).ended)).toEqual([undefined, undefined]);
    rig.server.store.write({ put: 'k' });
    await rig.settle(500);
    expect([1, 2].map((watch) => rig.revisions(watch))).toEqual([[4], [4]]);
  });

  it('of another cluster is left alone', async () => {
    const rig = new Rig({ store: storeWith(3) });
    rig.watch(watchSpec({ watch: 1, key: 'other' }));
    await rig.settle(100);
    rig.known = { clusterId: 1n, revision: 1_000 };
    rig.watch(watchSpec({ watch: 2 }));
    await rig.settle(500);
    expect(rig.get(1).ended).toBeUndefined();
    expect(rig.get(2)).toMatchObject({ startRevision: 4, ended: undefined });
  });
});

describe('behind a proxy that makes answers up', () => {
  it('a creation answered with the revision asked for is not taken for the store’s', async () => {
    const rig = new Rig({ store: storeWith(5), ignoresIds: true });
    const [member] = rig.server.members;
    if (member === undefined) throw new Error('a server has members');
    rig.watch(watchSpec({ watch: 1, startRevision: 6 }));
    await rig.settle(500);
    member.makesUpCreations = true;
    rig.watch(watchSpec({ watch: 2, startRevision: 6 }));
    await rig.settle(500);
    expect(rig.guard.revision).toBe(5);
    rig.cut();
    await rig.settle(3_000);
    expect(rig.statuses.some(({ type }) => type === 'store-reset')).toBe(false);
    rig.server.store.write({ put: 'k' });
    await rig.settle(1_000);
    expect([1, 2].map((watch) => rig.revisions(watch))).toEqual([[6], [6]]);
  });

  it('progress is refused as unimplemented at once: it would never be answered', async () => {
    const rig = new Rig({ store: storeWith(5), ignoresIds: true, version: '3.5.16' });
    rig.watch(watchSpec({ watch: 1 }));
    await rig.settle(500);
    rig.engine.requestProgress(9, 1, 60_000);
    await rig.settle(0);
    expect(rig.reports.filter(({ kind }) => kind === 'progress')).toMatchObject([
      { requestId: 9, error: { code: 'unimplemented' } },
    ]);
  });
});
