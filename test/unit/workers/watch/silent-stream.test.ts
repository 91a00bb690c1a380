/** A watch stream on which the server has fallen silent, while its connection answers PINGs. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SettlingRig, storeWith } from '../../../support/settling-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const MINUTE_MS = 60_000;

describe('a watch stream on which nothing comes any more', () => {
  it.each([
    { version: '3.5.16', startRevision: 1 },
    // Progress is not asked for there.
    { version: '3.4.23', startRevision: 1 },
    // Not answered while a watch begins in the future.
    { version: '3.5.16', startRevision: 1_000 },
  ])(
    'is left after three minutes, and nothing is lost ($version, from $startRevision)',
    async ({ version, startRevision }) => {
      const rig = new SettlingRig({ members: 2, version });
      rig.watch(watchSpec({ watch: 1 }), watchSpec({ watch: 2, startRevision }));
      await rig.settle(2 * MINUTE_MS);
      const [member, other] = rig.server.members;
      if (member === undefined || other === undefined) throw new Error('two members');
      expect(member.streams().length).toBeGreaterThan(0);
      member.isMute = true;
      rig.server.store.write({ put: 'k' });
      await rig.settle(3 * MINUTE_MS + 5_000);
      expect(member.streams()).toEqual([]);
      expect(other.streams().length).toBeGreaterThan(0);
      expect(rig.revisions(1)).toEqual([2]);
      expect(rig.get(1).ended).toBeUndefined();
    },
  );

  it.each(['3.5.16', '3.4.23'])('is kept where the server is only idle (%s)', async (version) => {
    const rig = new SettlingRig({ version, store: storeWith(5) });
    rig.watch(watchSpec({ watch: 1 }), watchSpec({ watch: 2, startRevision: 1_000 }));
    await rig.settle(2_000);
    const [stream] = rig.server.streams();
    const connects = rig.connects;
    await rig.settle(20 * MINUTE_MS);
    expect(rig.connects).toBe(connects);
    expect(rig.server.streams()).toContain(stream);
    // What was asked leaves nothing behind.
    expect(rig.server.streams().reduce((sum, { watcherCount }) => sum + watcherCount, 0)).toBe(2);
    rig.server.store.write({ put: 'k' });
    await rig.settle(1_000);
    expect(rig.revisions(1)).toEqual([6]);
  });

  it('is kept while it is not read', async () => {
    const rig = new SettlingRig();
    rig.watch(watchSpec());
    await rig.settle(2_000);
    const [stream] = rig.server.streams();
    rig.engine.lanes.pause();
    await rig.settle(10 * MINUTE_MS);
    expect(rig.server.streams()).toEqual([stream]);
    rig.engine.lanes.resume();
    await rig.settle(10 * MINUTE_MS);
    expect(rig.server.streams()).toEqual([stream]);
  });
});
