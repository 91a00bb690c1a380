/** Wherever a watch stands when its end comes, its shard tells it once, with the right code, and nothing of it afterwards. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EtcdError } from '../../../../src/wire/errors.js';
import { FakeWatchStore } from '../../../support/fake-watch-store.js';
import { SettlingRig, storeWith } from '../../../support/settling-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The state that watch 1 of the rig is in, from every lane and from what is on no stream. */
function stateOf(rig: SettlingRig): string {
  for (const { stream, draining } of rig.engine.lanes.all) {
    for (const each of [stream, ...draining]) {
      for (const { spec, state } of each?.entries() ?? []) if (spec.watch === 1) return state.at;
    }
  }
  return rig.engine.counts().detached > 0 ? 'detached' : 'waiting';
}

async function stepUntil(rig: SettlingRig, state: string): Promise<void> {
  for (let step = 0; stateOf(rig) !== state; step += 1) {
    if (step > 20_000) throw new Error(`it never was ${state}`);
    if (!rig.server.step()) await rig.advance(10);
    await rig.advance(0);
  }
}

type Place = 'waiting' | 'creating' | 'active' | 'moving' | 'detached';
const PLACES: readonly Place[] = ['waiting', 'creating', 'active', 'moving', 'detached'];

/** A rig whose first watch, from an old revision, stands there. */
async function at(place: Place): Promise<SettlingRig> {
  const rig = new SettlingRig({ store: storeWith(2000), revisionsPerSync: 400 });
  rig.watch(watchSpec({ watch: 1, startRevision: 5 }), watchSpec({ watch: 2, startRevision: 2000 }));
  if (place === 'detached') {
    await stepUntil(rig, 'active');
    rig.engine.detach([1]);
  }
  await stepUntil(rig, place);
  return rig;
}

function endsOf(rig: SettlingRig): (string | undefined)[] {
  return rig.reports.flatMap((report) =>
    report.kind === 'watch-ended' && report.watch === 1 ? [report.error?.code] : [],
  );
}

describe.each(PLACES)('a watch that is %s', (place) => {
  it('is ended by a store that went backwards, once', async () => {
    const rig = await at(place);
    for (const member of rig.server.members) {
      member.store = new FakeWatchStore();
      member.applied = 1;
    }
    for (const connection of rig.server.connections()) connection.cut();
    if (place === 'detached') rig.watch(watchSpec({ watch: 3, key: 'other' }));
    await rig.settle(10_000);
    // Before it met the old store it cannot know better: what it asks for is in the future of the new one.
    if (endsOf(rig).length === 0) expect(place).toBe('waiting');
    else expect(endsOf(rig)).toEqual(['reset']);
  });

  it('is ended by main, once', async () => {
    const rig = await at(place);
    rig.engine.unwatch([1]);
    rig.engine.unwatch([1]);
    await rig.settle(5000);
    expect(endsOf(rig)).toEqual([undefined]);
  });

  it('is ended by a compaction of what it needs next, once, when it asks for it', async () => {
    const rig = await at(place);
    const next = (rig.get(1).lastRevision || 4) + 1;
    while (rig.server.store.revision < 3000) rig.server.store.write({ put: 'k' });
    rig.server.store.compact(2900);
    for (const connection of rig.server.connections()) connection.cut();
    rig.engine.attach([1]);
    await rig.settle(10_000);
    if (next < 2900) expect(endsOf(rig)).toEqual(['compacted']);
  });

  it('is ended by a refusal, once, when it asks again', async () => {
    const rig = await at(place);
    for (const member of rig.server.members) member.refuse = () => 'etcdserver: permission denied';
    for (const connection of rig.server.connections()) connection.cut();
    rig.engine.attach([1]);
    await rig.settle(10_000);
    expect(endsOf(rig)).toEqual(['permission-denied']);
  });

  it('is ended by errors that repeating does not mend, once', async () => {
    const rig = await at(place);
    const error = new EtcdError('it fails', { code: 'server-error' });
    for (const member of rig.server.members) member.poison = () => error;
    for (const connection of rig.server.connections()) connection.cut();
    rig.engine.attach([1]);
    await rig.settle(20_000);
    expect(endsOf(rig)).toEqual(['server-error']);
  });

  it('is told no end when its shard is closed', async () => {
    const rig = await at(place);
    rig.engine.close();
    await rig.settle(5000);
    expect(endsOf(rig)).toEqual([]);
    expect(rig.server.streams()).toEqual([]);
  });
});
