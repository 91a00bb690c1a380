/** Servers that leave out compacted history of a watch without a word, as etcd before 3.4.31 and 3.5.13 does on a full stream. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CompactedError } from '../../../../src/wire/errors.js';
import { SettlingRig, storeWith } from '../../../support/settling-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const WATCHES = Array.from({ length: 300 }, (_, index) => index + 1);

function oldServer(): SettlingRig {
  return new SettlingRig({ store: storeWith(100), version: '3.4.23', channelCapacity: 20, losesCompactions: true });
}

describe('very many watches from history that is compacted', () => {
  it('all end as compacted, those of which the server says nothing too', async () => {
    const rig = oldServer();
    rig.server.store.compact(50);
    for (const watch of WATCHES) rig.watch(watchSpec({ watch, startRevision: 2 }));
    await rig.settle(1_000);
    rig.server.store.write({ put: 'k' });
    await rig.settle(6_000);
    for (const watch of WATCHES) {
      expect(rig.get(watch).ended?.error).toBeInstanceOf(CompactedError);
      expect(rig.revisions(watch)).toEqual([]);
    }
  });

  it('take no neighbour along that needs nothing of it, nor one that has shown where it is', async () => {
    const rig = oldServer();
    rig.watch(watchSpec({ watch: 1_001, key: 'idle' }));
    rig.watch(watchSpec({ watch: 1_002, startRevision: 60 }));
    rig.watch(watchSpec({ watch: 1_003, key: 'idle', startRevision: 2 }));
    await rig.settle(6_000);
    rig.server.store.compact(50);
    for (const watch of WATCHES) rig.watch(watchSpec({ watch, startRevision: 2 }));
    await rig.settle(1_000);
    const last = rig.server.store.write({ put: 'k' });
    await rig.settle(6_000);
    for (const watch of [1_001, 1_002, 1_003]) expect(rig.get(watch).ended).toBeUndefined();
    expect(rig.revisions(1_002)).toEqual(Array.from({ length: last - 59 }, (_, index) => 60 + index));
    for (const watch of WATCHES) expect(rig.get(watch).ended?.error).toBeInstanceOf(CompactedError);
  });
});
