/** A watch that another stream refuses to take over stays where it is, and is offered less and less often. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SettlingRig, storeWith } from '../../../support/settling-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it.each(['caught up', 'told to go away'] as const)(
  'a watch that has %s and is refused by the live stream is tried again ever more rarely, and moves in the end',
  async (why) => {
    const rig = new SettlingRig({ store: storeWith(3000) });
    const [member] = rig.server.members;
    if (member === undefined) throw new Error('a server has members');
    rig.watch(watchSpec({ watch: 1, key: 'k', startRevision: why === 'caught up' ? 2 : 3000 }));
    rig.watch(watchSpec({ watch: 2, key: 'other' }));
    while (rig.get(1).createdCount === 0)
      if (!rig.server.step()) await rig.advance(1);
      else await rig.advance(0);
    let refusals = 0;
    member.refuse = (key) => {
      if (key !== 'k') return undefined;
      refusals += 1;
      return 'etcdserver: permission denied';
    };
    if (why === 'told to go away') for (const connection of rig.server.connections()) connection.goaway();
    await rig.settle(60_000);
    expect(rig.get(1).ended).toBeUndefined();
    expect(refusals).toBeGreaterThan(1);
    expect(refusals).toBeLessThan(15);
    member.refuse = () => undefined;
    await rig.settle(70_000);
    expect(rig.engine.counts()).toMatchObject({ live: 2, catchUp: 0 });
    expect(rig.engine.lanes.live.draining.size).toBe(0);
  },
);
