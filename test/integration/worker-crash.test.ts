/** A worker thread that dies in mid-stream: nothing lost, nothing doubled, and a typed end where it dies too often. */
import { runningWorkers } from '../support/worker-tap.js';
import type { Etcd, EngineStatus, WatchGroup } from 'etcd-vigil';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { recordGroup, trueHistory } from '../support/engine-fixture.js';
import { eventually } from '../support/poll.js';
import { RawEtcd } from '../support/raw-etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { WatchRecorder } from '../support/watch-recorder.js';

// After the tap, which a static import would overtake.
const { connect } = await import('etcd-vigil');

describe('a worker that dies', () => {
  const server = suiteEtcd();
  let etcd: Etcd;
  let raw: RawEtcd;
  let statuses: EngineStatus[];

  beforeEach(async () => {
    etcd = await connect({ endpoints: server().endpoint, shards: 2 });
    raw = new RawEtcd(server().address);
    statuses = [];
    const { status } = etcd;
    void (async () => {
      for await (const change of status) statuses.push(change);
    })();
  });
  afterEach(async () => {
    await etcd.close();
    raw.close();
  });

  /** Writes to 50 keys until told to stop; gives the last revision. */
  function write(prefix: string): () => Promise<bigint> {
    let isOver = false;
    const done = (async () => {
      let revision = 0n;
      for (let round = 0; !isOver; round += 1) {
        const puts = Array.from({ length: 50 }, (_, index) =>
          raw.put(`${prefix}${String(index)}`, `${String(round)} ${'x'.repeat(200)}`),
        );
        for (const put of await Promise.all(puts)) if (put > revision) revision = put;
      }
      return revision;
    })();
    return () => {
      isOver = true;
      return done;
    };
  }

  async function killOne(): Promise<void> {
    const before = statuses.filter(({ type }) => type === 'shard-replaced').length;
    await runningWorkers()[0]?.terminate();
    await eventually(() => statuses.filter(({ type }) => type === 'shard-replaced').length > before);
  }

  test('loses and doubles nothing of 50 watches under load, three times over', async () => {
    const recorder = new WatchRecorder();
    const group: WatchGroup = etcd.watchGroup({ onBatch: recordGroup(recorder) });
    const ready = Array.from(
      { length: 50 },
      (_, index) => group.add(`w/${String(index)}`, { watchId: BigInt(index) }).ready,
    );
    const starts = await Promise.all(ready);
    const stop = write('w/');
    for (let crash = 0; crash < 3; crash += 1) {
      const count = recorder.count(0n) + recorder.count(1n);
      await eventually(() => recorder.count(0n) + recorder.count(1n) > count + 20);
      await killOne();
    }
    const last = await stop();
    const begins = starts.map(({ startRevision }) => startRevision);
    const first = begins.reduce((low, begin) => (begin < low ? begin : low));
    const truth = await trueHistory(server().address, first, last);
    for (const [index, startRevision] of begins.entries()) {
      const key = Buffer.from(`w/${String(index)}`);
      const range = { key };
      await eventually(() => recorder.problems(BigInt(index), { truth, range, startRevision }).length === 0, {
        what: `all events of watch ${String(index)}`,
      });
    }
    expect(group.size).toBe(50);
    expect(statuses.filter(({ type }) => type === 'shard-failed')).toEqual([]);
  });

  test('does not forget who is paused, cancelled, or not yet created', async () => {
    const group = etcd.watchGroup();
    const seen: string[] = [];
    const paused = group.add('p/a', { watchId: 1n });
    const cancelled = group.add('p/a', { watchId: 2n });
    await group.ready();
    paused.pause();
    await raw.put('p/a', '1');
    const cancelling = cancelled.cancel();
    for (const worker of [...runningWorkers()]) void worker.terminate();
    const late = group.add('p/a', { watchId: 3n });
    await Promise.all([cancelling, late.ready]);
    await raw.put('p/a', '2');
    const reading = (async () => {
      for await (const batch of group)
        for (const part of batch)
          for (const event of part.events) seen.push(`${String(part.watchId)}: ${event.value.string()}`);
    })();
    await eventually(() => seen.length === 1);
    expect(seen).toEqual(['3: 2']);
    paused.resume();
    await eventually(() => seen.length === 3);
    expect(seen).toEqual(['3: 2', '1: 1', '1: 2']);
    await group.close();
    await reading;
  });

  test('five times within a minute ends its watches typed; the other worker’s go on', async () => {
    const group = etcd.watchGroup();
    const members = [group.add('f/a'), group.add('f/a')];
    await group.ready();
    const seen: bigint[] = [];
    const reading = (async () => {
      for await (const batch of group) for (const part of batch) seen.push(part.watchId);
    })();
    const victim = runningWorkers()[0];
    await victim?.terminate();
    await eventually(() => statuses.some(({ type }) => type === 'shard-replaced'));
    const survivor = runningWorkers()[0];
    while (!statuses.some(({ type }) => type === 'shard-failed')) {
      const next = runningWorkers().find((worker) => worker !== survivor);
      await next?.terminate();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const failed = await Promise.race(members.map(async (member) => ({ member, end: await member.ended })));
    expect(failed.end).toMatchObject({ reason: 'failed', error: { code: 'shard-failed' } });
    const alive = members.find((member) => member !== failed.member);
    await raw.put('f/a', '1');
    await eventually(() => seen.length === 1);
    expect(seen).toEqual([alive?.watchId]);
    const added = group.add('f/a');
    await added.ready;
    await group.close();
    await reading;
  });
});
