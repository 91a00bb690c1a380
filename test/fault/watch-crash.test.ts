/** A worker thread that dies in mid-stream is replaced; one that dies too often is given up, typed. */
import { connect } from 'etcd-vigil';
import { describe, expect, it } from 'vitest';
import { LoadWriter } from '../support/load-writer.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, RawEtcd } from '../support/raw-etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { StatusLog } from './status-log.js';
import { WatchFleet } from './watch-fleet.js';
import { WorkerThreads } from './worker-threads.js';

describe.each(['http2', 'grpc-js'] as const)('a worker over %s', (transport) => {
  const server = suiteEtcd();

  it('killed three times in mid-stream: nothing is lost or doubled, live, replaying or paused', async () => {
    const raw = new RawEtcd(server().address);
    const workers = new WorkerThreads();
    const prefix = `crash-${transport}/`;
    const first = await raw.put(`${prefix}0`, 'first');
    const etcd = await connect({ endpoints: server().endpoint, shards: 1, transport });
    const status = new StatusLog(etcd);
    // Overlapping ranges, replays from the beginning that run while the worker dies, previous values.
    const fleet = new WatchFleet(etcd);
    const load = LoadWriter.start({
      address: server().address,
      writes: 6_000,
      writesPerSecond: 4_000,
      prefix,
      keys: 60,
      keysPerRevision: 3,
      deleteEvery: 9,
    });
    try {
      for (let index = 0; index < 60; index += 1) fleet.addKey(`${prefix}${String(index)}`);
      fleet.addPrefix(prefix, prefixEnd(prefix));
      fleet.addPrefix(prefix, prefixEnd(prefix), { startRevision: first, prevKv: true });
      const paused = fleet.addPrefix(`${prefix}1`, prefixEnd(`${prefix}1`));
      await fleet.group.ready();
      paused.pause();
      for (let kill = 1; kill <= 3; kill += 1) {
        const seen = fleet.recorder.count(61n);
        await eventually(() => fleet.recorder.count(61n) > seen + 300);
        fleet.addPrefix(prefix, prefixEnd(prefix), { startRevision: first });
        await workers.kill();
        await eventually(() => status.of('shard-replaced').length === kill);
      }
      paused.resume();
      await load.report;
      await fleet.verify(raw, await fleet.settle(raw));
      expect(fleet.living.length).toBe(66);
      expect(status.of('shard-replaced').map(({ epoch }) => epoch)).toEqual([2, 3, 4]);
      expect((await etcd.stats()).shards[0]).toMatchObject({ epoch: 4, state: 'running', watchers: 66 });
    } finally {
      load.stop();
      workers.close();
      await etcd.close();
      raw.close();
    }
  });

  it('killed five times within a minute fails for good: its watches end with shard-failed, others live on', async () => {
    const raw = new RawEtcd(server().address);
    const workers = new WorkerThreads();
    const etcd = await connect({ endpoints: server().endpoint, shards: 2, transport });
    const status = new StatusLog(etcd);
    const fleet = new WatchFleet(etcd);
    try {
      for (let index = 0; index < 10; index += 1) fleet.addKey(`failed-${transport}/${String(index)}`);
      await fleet.group.ready();
      for (let kill = 1; kill <= 5; kill += 1) {
        // The newest thread is the one that took the place of the last one killed.
        await workers.kill(kill === 1 ? 0 : workers.alive - 1);
        await eventually(() => status.of('shard-replaced').length + status.of('shard-failed').length === kill);
        await eventually(async () => (await etcd.stats()).shards.every(({ state }) => state !== 'starting'));
      }
      const [failed] = status.of('shard-failed');
      expect(failed?.error).toMatchObject({ code: 'shard-failed', cause: { code: 'internal' } });
      await eventually(() => fleet.living.length === 5);
      for (const { ends } of fleet.watches.values()) {
        if (ends.length > 0) expect(ends).toMatchObject([{ reason: 'failed', error: { code: 'shard-failed' } }]);
      }
      // What is added now goes to the worker that is left.
      for (let index = 10; index < 20; index += 1) fleet.addKey(`failed-${transport}/${String(index)}`);
      await fleet.group.ready();
      expect(fleet.living.length).toBe(15);
      await fleet.verify(raw, await fleet.settle(raw));
      expect(status.of('shard-failed').length).toBe(1);
    } finally {
      workers.close();
      await etcd.close();
      raw.close();
    }
  });
});
