/**
 * A seeded random run: writes, compactions and faults of every kind over many watches, after which each watch has seen exactly
 * what happened in its range up to its end, and each end is one that a fault explains. Shared by the tests and the soak.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, EtcdError, type GroupWatch } from 'etcd-vigil';
import { expect } from 'vitest';
import { EtcdProcess } from '../support/etcd.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, RawEtcd, type RawOperation } from '../support/raw-etcd.js';
import type { RawEvent } from '../support/raw-watch.js';
import { Rng } from '../support/rng.js';
import { WatchTruth } from '../support/watch-truth.js';
import { WatchFleet } from './watch-fleet.js';
import { WorkerThreads } from './worker-threads.js';

export interface RandomRun {
  readonly seed: number;
  readonly watches: number;
  readonly steps: number;
}

const KEYS = 120;
/** Four crashes within a minute are survived; one is kept in reserve for a slow machine. */
const MOST_WORKER_KILLS = 3;

export async function randomRun({ seed, watches, steps }: RandomRun): Promise<void> {
  const rng = new Rng(seed);
  const server = await EtcdProcess.start();
  const proxy = await FaultProxy.start(server);
  const raw = new RawEtcd(server.address);
  const workers = new WorkerThreads();
  const etcd = await connect({
    endpoints: proxy.endpoint,
    shards: rng.pick([1, 2]),
    transport: rng.chance(0.75) ? 'http2' : 'grpc-js',
  });
  const log: string[] = [];
  // A slow reader now and then, so that watches are detached and replayed.
  const fleet = new WatchFleet(etcd, { budgetBytes: rng.pick([16, 256, 16_384]) * 1_024 }, 'iterate');
  const reader = { pauseMs: 0 };
  const reading = fleet.read(() => (reader.pauseMs > 0 ? sleep(reader.pauseMs) : Promise.resolve()));
  const truth: RawEvent[] = [];
  let known = 1n;
  /** The highest revision that the engine itself was answered, and that of the moment a watch was asked for. */
  let acknowledged = 0n;
  const before = new Map<bigint, bigint>();
  let compacted = 0n;
  let kills = 0;
  const key = (): string => `r/${String(rng.integer(0, KEYS - 1))}`;
  /** Reads the history on, while it is still there. */
  const learn = async (): Promise<bigint> => {
    const revision = await raw.revision();
    truth.push(...(await raw.history(known + 1n, revision)));
    known = revision;
    return revision;
  };
  const add = (): void => {
    const options = {
      prevKv: rng.chance(0.2),
      fragment: rng.chance(0.8),
      progressNotify: rng.chance(0.2),
      ...(rng.chance(0.4) ? { startRevision: compacted + BigInt(rng.integer(1, 50)) } : undefined),
    };
    const prefix = rng.pick(['r/', 'r/1', 'r/2', 'r/11', 'r/9']);
    const { watchId } = rng.chance(0.6)
      ? fleet.addKey(key(), options)
      : fleet.addPrefix(prefix, prefixEnd(prefix), options);
    if (options.startRevision === undefined) before.set(watchId, acknowledged);
  };
  /** A write of the application's own, which may fail as the network does. */
  const ownWrite = async (): Promise<void> => {
    const put = await etcd.kv.put(key(), rng.bytes(20), { timeoutMs: 1_000 }).catch((error: unknown) => {
      if (!(error instanceof EtcdError)) throw error;
    });
    if (put !== undefined && put.header.revision > acknowledged) acknowledged = put.header.revision;
  };
  const some = (): GroupWatch | undefined => {
    const living = fleet.living;
    return living.length === 0 ? undefined : rng.pick(living).member;
  };
  const operation = (name: string): RawOperation =>
    rng.chance(0.25)
      ? { kind: 'delete', key: name }
      : { kind: 'put', key: name, value: rng.bytes(rng.integer(0, 400)) };
  const write = async (): Promise<void> => {
    for (let count = rng.integer(1, 60); count > 0; count -= 1) {
      if (rng.chance(0.6)) await raw.put(key(), rng.bytes(rng.integer(0, 400)));
      else if (rng.chance(0.5)) await raw.txn([...new Set([key(), key(), key(), key()])].map(operation));
      else if (rng.chance(0.7)) await raw.delete(key());
      else await raw.delete('r/1', prefixEnd('r/1'));
    }
  };
  const faults: Readonly<Record<string, () => Promise<unknown>>> = {
    cut: async () => proxy.cut(),
    refuse: async () => {
      await proxy.refuse();
      proxy.cut();
      await write();
      await proxy.restore();
    },
    reset: async () => {
      proxy.resetNew();
      proxy.cut();
      await write();
      await proxy.restore();
    },
    hold: async () => {
      proxy.hold(rng.pick(['to-client', 'to-server', 'both']));
      await write();
      await proxy.restore();
    },
    restart: async () => {
      await (rng.chance(0.5) ? server.stop() : server.kill());
      server.launch();
      await server.waitReady();
    },
    freeze: async () => {
      server.pause();
      await sleep(rng.integer(10, 300));
      server.resume();
    },
    'kill worker': async () => {
      kills += 1;
      if (kills <= MOST_WORKER_KILLS && workers.alive > 0) await workers.kill(rng.integer(0, workers.alive - 1));
    },
    'pause member': async () => some()?.pause(),
    'resume members': async () => {
      for (const { member } of fleet.living) if (member.paused) member.resume();
    },
    'cancel some': async () => {
      for (let count = 0; count < 5; count += 1) void some()?.cancel();
    },
    'add some': async () => {
      for (let count = 0; count < 8; count += 1) {
        if (rng.chance(0.5)) await ownWrite();
        add();
      }
    },
    'slow reader': async () => void (reader.pauseMs = rng.pick([0, 0, 5, 20])),
    compact: async () => {
      const revision = await learn();
      const at = revision - BigInt(rng.integer(0, 40));
      if (at <= compacted || at < 2n) return;
      await raw.compact(at);
      compacted = at;
    },
  };
  try {
    for (let count = 0; count < watches; count += 1) add();
    for (let step = 0; step < steps; step += 1) {
      const name = rng.pick(Object.keys(faults));
      log.push(name);
      await Promise.all([faults[name]?.(), name === 'restart' ? undefined : write()]);
    }
    reader.pauseMs = 0;
    for (const { member } of fleet.living) if (member.paused) member.resume();
    await eventually(async () => (await raw.revision()) > 0n);
    // A watch from «now» sees what is written after its creation, which a cut may have delayed.
    await Promise.allSettled(fleet.living.map(({ member }) => member.ready));
    const last = await fleet.settle(raw);
    await learn();
    await fleet.verify(raw, last, new WatchTruth(truth));
    for (const [label, revision] of before) {
      const first = fleet.recorder.count(label) === 0 ? undefined : fleet.recorder.firstRevision(label);
      const text = `watch ${String(label)}, asked for when ${String(revision)} had been acknowledged`;
      if (first !== undefined) expect(first > revision, `${text}: an event at ${String(first)}`).toBe(true);
    }
    const reasons = new Map<string, number>();
    for (const { ends } of fleet.watches.values()) {
      for (const end of ends) {
        reasons.set(end.reason, (reasons.get(end.reason) ?? 0) + 1);
        expect(['cancelled', 'compacted'], 'error' in end ? `${end.error.code}: ${end.error.message}` : '').toContain(
          end.reason,
        );
        if (end.reason === 'compacted') {
          expect(end.compactRevision <= compacted).toBe(true);
          expect((end.lastRevision ?? 0n) < end.compactRevision).toBe(true);
        }
      }
    }
    const events = fleet.recorder.labels.reduce<number>((sum, label) => sum + fleet.recorder.count(label), 0);
    const ended = [...reasons].map(([reason, count]) => `${String(count)} ${reason}`).join(', ');
    process.stderr.write(
      `seed ${String(seed)}: ${String(fleet.watches.size)} watches, ${String(last)} revisions, ${String(events)} events delivered, ends: ${ended || 'none'}\n`,
    );
  } catch (error) {
    throw new Error(`seed ${String(seed)}, after ${log.join(', ')}`, { cause: error });
  } finally {
    workers.close();
    await etcd.close();
    await reading;
    raw.close();
    await proxy.close();
    await server.close();
  }
}
