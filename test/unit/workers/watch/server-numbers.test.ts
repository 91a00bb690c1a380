/** Numbers that no etcd sends: each ends in a coded error of the one watch that it was sent to, and nothing else changes. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeWatchServer } from '../../../support/fake-watch-server.js';
import { encodeEvent, type StoreEvent, type WatchAnswer } from '../../../support/fake-watch-store.js';
import type { FakeWatchStream } from '../../../support/fake-watch-stream.js';
import { writeFields, type RawValue } from '../../../support/raw-protobuf.js';
import { WatchEngineRig } from '../../../support/watch-engine-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const GOOD: StoreEvent = {
  type: 'put',
  key: 'poisoned',
  value: 'v',
  modRevision: 6,
  createRevision: 6,
  version: 1,
  lease: 0n,
  prev: undefined,
};

/** An event whose field `number` of the key-value is `value`. */
function eventWith(number: number, value: RawValue): Uint8Array {
  const fields: [number, RawValue][] = [
    [1, 'poisoned'],
    [2, 6],
    [3, 6],
    [4, 1],
  ];
  return writeFields([[2, writeFields([...fields.filter(([other]) => other !== number), [number, value]])]]);
}

const header = (revision: bigint): Partial<WatchAnswer> => ({ revision });
const events = (event: Uint8Array): Partial<WatchAnswer> => ({ revision: 6, events: [event] });

describe('a number that no etcd sends', () => {
  it.each<[string, Partial<WatchAnswer>]>([
    ['a header at 2^53 - 1, after which no revision can be told', header(2n ** 53n - 1n)],
    ['a header at 2^53', header(2n ** 53n)],
    ['a header at 2^63 - 1', header(2n ** 63n - 1n)],
    ['a negative header', header(-1n)],
    ['a header at -2^63', header(-(2n ** 63n))],
    ['a header beyond 2^53 above a good event', { revision: 2n ** 60n, events: [encodeEvent(GOOD, false)] }],
    ['an event at 2^53 - 1', events(eventWith(3, 2n ** 53n - 1n))],
    ['an event at 2^63 - 1', events(eventWith(3, 2n ** 63n - 1n))],
    ['an event at 0', events(eventWith(3, 0))],
    ['an event at -1', events(eventWith(3, -1n))],
    ['a createRevision of -1', events(eventWith(2, -1n))],
    ['a version of 2^60', events(eventWith(4, 2n ** 60n))],
    ['a compaction at 2^53', { revision: 0, canceled: true, compactRevision: 2n ** 53n }],
    ['a compaction at -1', { revision: 0, canceled: true, compactRevision: -1n }],
  ])('%s ends its watch as malformed and no other, and is believed by nobody', async (_name, answer) => {
    const server = new FakeWatchServer({ seed: 5 });
    const rig = new WatchEngineRig(server);
    while (server.store.revision < 5) server.store.write({ put: 'other' });
    rig.watch(watchSpec({ watch: 1, key: 'poisoned' }), watchSpec({ watch: 2, key: 'other' }));
    const poisoned = new Set<FakeWatchStream>();
    for (let round = 0; round < 4_000 && rig.get(1).ended === undefined; round += 1) {
      if (!server.step()) await rig.advance(50);
      await rig.advance(0);
      for (const stream of server.streams()) {
        const [id] = stream.watchIds;
        if (id === undefined || stream.watcherCount < 2 || poisoned.has(stream) || stream.isAnswering) continue;
        poisoned.add(stream);
        stream.inject({ id, revision: 5, clusterId: server.store.clusterId, ...answer });
      }
    }
    expect(rig.get(1).ended?.error).toMatchObject({ code: 'malformed-response' });
    expect(rig.guard.revision).toBeLessThanOrEqual(server.store.revision);
    server.store.write({ put: 'other' });
    for (let round = 0; round < 200; round += 1) {
      if (!server.step()) await rig.advance(50);
      await rig.advance(0);
    }
    expect(rig.get(2).ended).toBeUndefined();
    expect(rig.get(2).lastRevision).toBe(server.store.revision);
    rig.engine.close();
    rig.batcher.close();
  });

  it('a creation from now on that tells no revision ends its watch as malformed', async () => {
    const server = new FakeWatchServer({ seed: 5 });
    const rig = new WatchEngineRig(server);
    const [member] = server.members;
    if (member === undefined) throw new Error('a server has members');
    member.createdRevision = 0;
    rig.watch(watchSpec());
    for (let round = 0; round < 400 && rig.get(1).ended === undefined; round += 1) {
      if (!server.step()) await rig.advance(50);
      await rig.advance(0);
    }
    expect(rig.get(1).ended?.error).toMatchObject({ code: 'malformed-response' });
    rig.engine.close();
    rig.batcher.close();
  });
});
