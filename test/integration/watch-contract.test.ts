/**
 * What every combination of transport and threads must do alike on a real etcd: the contract of watch streams. The engine's
 * events are compared with the store's history, read by an independent client.
 */
import type { ConnectOptions } from 'etcd-vigil';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  COMBINATIONS,
  combinationName,
  recordGroup,
  recordWatch,
  trueHistory,
  withEngine,
} from '../support/engine-fixture.js';
import { FaultProxy, type SeenMessage } from '../support/fault-proxy.js';
import { putMany } from '../support/load-writer.js';
import { isProgressTrusted } from '../support/etcd-facts.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, RawEtcd } from '../support/raw-etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { WatchRecorder } from '../support/watch-recorder.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const prefixRange = (prefix: string) => ({ key: bytes(prefix), rangeEnd: prefixEnd(prefix) });
const isCreated = (message: SeenMessage) => message.kind === 'watch' && message.created;
const hasEvents = (message: SeenMessage) => message.kind === 'watch' && message.eventCount > 0;
const isFragment = (message: SeenMessage) => message.kind === 'watch' && message.fragment;

describe.each(COMBINATIONS.map((combination) => [combinationName(combination), combination] as const))(
  'watches over %s',
  (_name, combination) => {
    const etcd = suiteEtcd({ maxRequestBytes: 256 << 10 });
    let proxy: FaultProxy;
    let raw: RawEtcd;
    let options: ConnectOptions;

    beforeEach(async () => {
      proxy = await FaultProxy.start(etcd());
      raw = new RawEtcd(etcd().address);
      options = { endpoints: proxy.endpoint, ...combination };
    });
    afterEach(async () => {
      raw.close();
      await proxy.close();
    });

    /** Watches a prefix from a revision until it has seen the store's present revision, and compares with the history. */
    async function verifyFrom(prefix: string, startRevision: bigint, fault: () => Promise<unknown>): Promise<void> {
      await withEngine(options, async (engine) => {
        const recorder = new WatchRecorder();
        const faulted = fault();
        const watcher = engine.watch({ prefix }, { startRevision, onBatch: recordWatch(recorder, prefix) });
        await watcher.ready;
        await faulted;
        const last = await raw.put(`${prefix}end`, 'end');
        await eventually(() => recorder.lastRevision(prefix) >= last, { what: 'the last event' });
        const truth = await trueHistory(etcd().address, startRevision, last);
        recorder.verify(prefix, { truth, range: prefixRange(prefix), startRevision });
        await watcher.cancel();
        expect(await watcher.ended).toMatchObject({ reason: 'cancelled', lastRevision: last });
      });
    }

    it('W1: cut after the created answer, before the replay: nothing is lost', async () => {
      const first = await raw.put('w1/a', '1');
      await putMany(etcd().address, 200, { prefix: 'w1/', keys: 10 });
      await verifyFrom('w1/', first, () => proxy.cutAfter(isCreated));
    });

    it('W2: cut between catch-up batches, whose headers carry the present revision: nothing is lost or doubled', async () => {
      const first = await raw.put('w2/a', '1');
      await putMany(etcd().address, 2600, { prefix: 'w2/', keys: 10 });
      await verifyFrom('w2/', first, () => proxy.cutAfter(hasEvents));
    });

    it('W3: a backlog of 6 MB arrives whole', async () => {
      const first = await raw.put('w3/a', '1');
      await putMany(etcd().address, 30, { prefix: 'w3/', keys: 30, valueBytes: 200 << 10 });
      await verifyFrom('w3/', first, () => Promise.resolve());
    });

    it('cut between two fragments of one revision: it arrives whole, once', async () => {
      const first = await raw.put('frag/a', '1');
      for (let keys = 0; keys < 400; keys += 100) {
        await raw.txn(
          Array.from({ length: 100 }, (_, index) => ({
            kind: 'put' as const,
            key: `frag/${String(keys + index)}`,
            value: Buffer.alloc(2000),
          })),
        );
      }
      // Deleting what is large makes one revision with many events; prev_kv makes it larger than a message may be.
      await raw.delete('frag/', prefixEnd('frag/'));
      await withEngine(options, async (engine) => {
        const recorder = new WatchRecorder();
        const cut = proxy.cutAfter(isFragment);
        const watcher = engine.watch(
          { prefix: 'frag/' },
          { startRevision: first, prevKv: true, fragment: true, onBatch: recordWatch(recorder, 'frag') },
        );
        await cut;
        const last = await raw.put('frag/end', 'end');
        await eventually(() => recorder.lastRevision('frag') >= last);
        const truth = await trueHistory(etcd().address, first, last);
        recorder.verify('frag', { truth, range: prefixRange('frag/'), startRevision: first });
        await watcher.cancel();
      });
    });

    it('a live watch goes on after each of many cuts under load', async () => {
      await withEngine(options, async (engine) => {
        const recorder = new WatchRecorder();
        const group = engine.watchGroup({ onBatch: recordGroup(recorder) });
        const overlapping = group.add({ prefix: 'cuts/' }, { watchId: 1n });
        group.add({ prefix: 'cuts/1' }, { watchId: 2n });
        group.add({ key: 'cuts/11' }, { watchId: 3n });
        await group.ready();
        const { startRevision } = await overlapping.ready;
        const load = putMany(etcd().address, 6000, { prefix: 'cuts/', keys: 50, deleteEvery: 7, keysPerRevision: 3 });
        for (let cut = 0; cut < 4; cut += 1) {
          const events = recorder.count(1n);
          await eventually(() => recorder.count(1n) > events);
          proxy.cut();
        }
        await load;
        const last = await raw.put('cuts/11', 'end');
        await eventually(() => [1n, 2n, 3n].every((watchId) => recorder.lastRevision(watchId) >= last));
        const truth = await trueHistory(etcd().address, startRevision, last);
        const start = { truth, startRevision };
        recorder.verify(1n, { ...start, range: prefixRange('cuts/') });
        recorder.verify(2n, { ...start, range: prefixRange('cuts/1') });
        recorder.verify(3n, { ...start, range: { key: bytes('cuts/11') } });
        await group.close();
      });
    });

    it('a start in the past is handed over to the live stream without loss while writes go on', async () => {
      const first = await raw.put('move/a', '1');
      await putMany(etcd().address, 3000, { prefix: 'move/', keys: 20 });
      await withEngine(options, async (engine) => {
        const recorder = new WatchRecorder();
        const group = engine.watchGroup({ onBatch: recordGroup(recorder) });
        for (let watchId = 1n; watchId <= 20n; watchId += 1n) {
          group.add({ prefix: 'move/' }, { watchId, startRevision: first });
        }
        await putMany(etcd().address, 1500, { prefix: 'move/', keys: 20, concurrency: 4 });
        await eventually(async () => (await engine.stats()).shards[0]?.stats?.watchers.live === 20, {
          what: 'all watches on the live stream',
        });
        const last = await raw.put('move/end', 'end');
        await eventually(
          () => recorder.labels.length === 20 && recorder.labels.every((label) => recorder.lastRevision(label) >= last),
        );
        const truth = await trueHistory(etcd().address, first, last);
        for (const label of recorder.labels) {
          recorder.verify(label, { truth, range: prefixRange('move/'), startRevision: first });
        }
        await group.close();
      });
    });

    it('filters, previous values and progress come as asked for', async () => {
      await withEngine(options, async (engine) => {
        const seen: string[] = [];
        const group = engine.watchGroup({
          onBatch: (batch) => {
            for (const part of batch.parts) {
              for (const event of part.events) {
                seen.push(`${String(part.watchId)} ${event.type} ${event.prevKv?.value.string() ?? '-'}`);
              }
            }
          },
        });
        group.add({ key: 'opt' }, { watchId: 1n, events: 'put' });
        group.add({ key: 'opt' }, { watchId: 2n, events: 'delete', prevKv: true });
        const third = group.add({ key: 'opt' }, { watchId: 3n, prevKv: true });
        await group.ready();
        await raw.put('opt', 'a');
        await raw.put('opt', 'b');
        const last = await raw.delete('opt');
        await eventually(() => seen.length === 6);
        expect(seen.filter((line) => line.startsWith('1'))).toEqual(['1 put -', '1 put -']);
        expect(seen.filter((line) => line.startsWith('2'))).toEqual(['2 delete b']);
        expect(seen.filter((line) => line.startsWith('3'))).toEqual(['3 put -', '3 put a', '3 delete b']);
        const progress = third.progress({ timeoutMs: 60_000 });
        if (!isProgressTrusted(etcd().version)) await expect(progress).rejects.toMatchObject({ code: 'unimplemented' });
        else expect(await progress).toBeGreaterThanOrEqual(last);
        await group.close();
      });
    });

    it('a compacted start ends the watch typed, with the compact revision, and no other', async () => {
      const first = await raw.put('comp/a', '1');
      await putMany(etcd().address, 20, { prefix: 'comp/' });
      const compactRevision = await raw.put('comp/b', '2');
      await raw.compact(compactRevision);
      await withEngine(options, async (engine) => {
        const group = engine.watchGroup({ onBatch: () => undefined });
        const old = group.add({ prefix: 'comp/' }, { startRevision: first });
        const other = group.add({ prefix: 'comp/' });
        expect(await old.ended).toMatchObject({ reason: 'compacted', compactRevision });
        await other.ready;
        expect(group.size).toBe(1);
        await group.close();
        expect(await other.ended).toMatchObject({ reason: 'cancelled' });
      });
    });

    it('cancel during creation, during resume, and twice: one outcome each, and the others go on', async () => {
      await withEngine(options, async (engine) => {
        const recorder = new WatchRecorder();
        const group = engine.watchGroup({ onBatch: recordGroup(recorder) });
        const kept = group.add({ prefix: 'cancel/' }, { watchId: 1n });
        const early = Array.from({ length: 50 }, () => group.add({ prefix: 'cancel/' }));
        await Promise.all(early.map((member) => member.cancel()));
        await kept.ready;
        const late = Array.from({ length: 50 }, () => group.add({ prefix: 'cancel/' }));
        await group.ready();
        await proxy.refuse();
        proxy.cut();
        const resuming = Promise.all(late.flatMap((member) => [member.cancel(), member.cancel()]));
        await proxy.restore();
        await resuming;
        for (const member of [...early, ...late]) expect((await member.ended).reason).toBe('cancelled');
        await eventually(async () => {
          await raw.put('cancel/x', 'x');
          return recorder.count(1n) > 0;
        });
        expect(group.size).toBe(1);
        expect(recorder.labels).toEqual([1n]);
        await group.close();
        expect((await kept.ended).reason).toBe('cancelled');
      });
    });
  },
);
