/** Watching from the application's side, on a real etcd: events, options, groups, every way to cancel, in threads and inline. */
import {
  connect,
  EtcdError,
  type ConnectOptions,
  type Etcd,
  type WatchBatch,
  type WatchEnd,
  type WatchEvent,
} from 'etcd-vigil';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isProgressTrusted } from '../support/etcd-facts.js';
import { eventually } from '../support/poll.js';
import { RawEtcd } from '../support/raw-etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';

type Line = [type: string, key: string, value: string];

function line(event: WatchEvent): Line {
  return [event.type, event.key.string(), event.value.string()];
}

/** Reads until `count` events have come. */
async function take(batches: AsyncIterator<WatchBatch>, count: number): Promise<WatchEvent[]> {
  const events: WatchEvent[] = [];
  while (events.length < count) {
    const result = await batches.next();
    if (result.done === true) throw new Error(`ended after ${String(events.length)} events`);
    events.push(...result.value);
  }
  return events;
}

const ways: [string, ConnectOptions['shards']][] = [
  ['one thread', 1],
  ['three threads', 3],
  ['inline', 'inline'],
];

describe.each(ways)('watching with shards in %s', (_name, shards) => {
  const server = suiteEtcd();
  let etcd: Etcd;
  let raw: RawEtcd;
  let prefix: string;
  let suites = 0;

  beforeEach(async () => {
    etcd = await connect({ endpoints: server().endpoint, shards });
    raw = new RawEtcd(server().address);
    suites += 1;
    prefix = `t${String(suites)}/`;
  });
  afterEach(async () => {
    await etcd.close();
    raw.close();
  });

  test('sees every write after ready, in order, with its revisions', async () => {
    const watcher = etcd.watch({ prefix });
    const { startRevision } = await watcher.ready;
    const put = await raw.put(`${prefix}a`, '1');
    await raw.put(`${prefix}a`, '2');
    const deleted = await raw.delete(`${prefix}a`);
    const events = await take(watcher[Symbol.asyncIterator](), 3);
    expect(events.map(line)).toEqual([
      ['put', `${prefix}a`, '1'],
      ['put', `${prefix}a`, '2'],
      ['delete', `${prefix}a`, ''],
    ]);
    expect(put >= startRevision).toBe(true);
    expect(events.map((event) => event.modRevision)).toEqual([put, put + 1n, deleted]);
    expect(events.map((event) => event.version)).toEqual([1n, 2n, 0n]);
    expect(events.map((event) => event.isCreate)).toEqual([true, false, false]);
  });

  test('replays from a start revision, with previous values, filtered', async () => {
    const first = await raw.put(`${prefix}a`, 'old');
    await raw.put(`${prefix}a`, 'new');
    await raw.delete(`${prefix}a`);
    const all = etcd.watch(`${prefix}a`, { startRevision: first + 1n, prevKv: true });
    const events = await take(all[Symbol.asyncIterator](), 2);
    expect(events.map((event) => [event.type, event.prevKv?.value.string()])).toEqual([
      ['put', 'old'],
      ['delete', 'new'],
    ]);
    expect(await all.ready).toEqual({ startRevision: first + 1n });
    const puts = etcd.watch(`${prefix}a`, { startRevision: first, events: 'put' });
    expect((await take(puts[Symbol.asyncIterator](), 2)).map((event) => event.type)).toEqual(['put', 'put']);
    const deletes = etcd.watch(`${prefix}a`, { startRevision: first, events: 'delete' });
    const [only] = await take(deletes[Symbol.asyncIterator](), 1);
    expect([only?.type, only?.prevKv]).toEqual(['delete', undefined]);
  });

  test('a revision of many keys comes as one', async () => {
    const watcher = etcd.watch({ prefix });
    await watcher.ready;
    const keys = Array.from({ length: 100 }, (_, index) => `${prefix}${String(index)}`);
    await raw.txn(keys.map((key) => ({ kind: 'put', key, value: 'x'.repeat(2_000) })));
    const { value } = await watcher[Symbol.asyncIterator]().next();
    expect((value as WatchBatch).length).toBe(100);
  });

  test('progress reaches at least what was written before; a server that tells it wrongly is not asked', async () => {
    const watcher = etcd.watch({ prefix });
    const written = await raw.put(`${prefix}a`, '1');
    const progress = watcher.progress();
    if (!isProgressTrusted(server().version)) await expect(progress).rejects.toMatchObject({ code: 'unimplemented' });
    else expect((await progress) >= written).toBe(true);
  });

  test('a group of 1,000 ranges gets each write under its label, and no other', async () => {
    const group = etcd.watchGroup();
    for (let index = 0; index < 1_000; index += 1)
      group.add({ key: `${prefix}${String(index)}` }, { watchId: BigInt(index) });
    await group.ready();
    const seen = new Map<bigint, string[]>();
    const reading = (async () => {
      let count = 0;
      for await (const batch of group) {
        for (const part of batch.parts) {
          const lines = Array.from(part.events, (event) => `${event.key.string()}=${event.value.string()}`);
          seen.set(part.watchId, [...(seen.get(part.watchId) ?? []), ...lines]);
        }
        count += batch.eventCount;
        if (count === 2_000) break;
      }
    })();
    for (const value of ['a', 'b']) {
      for (let from = 0; from < 1_000; from += 100) {
        await raw.txn(
          Array.from({ length: 100 }, (_, index) => ({
            kind: 'put' as const,
            key: `${prefix}${String(from + index)}`,
            value,
          })),
        );
      }
    }
    await reading;
    for (let index = 0; index < 1_000; index += 1) {
      const key = `${prefix}${String(index)}`;
      expect(seen.get(BigInt(index))).toEqual([`${key}=a`, `${key}=b`]);
    }
    expect(await group.ended).toBeUndefined();
  });

  test('overlapping ranges each get their events, in onBatch as in a loop', async () => {
    const seen: string[] = [];
    const group = etcd.watchGroup({
      onBatch: (batch) => {
        for (const part of batch) seen.push(...Array.from(part.events, () => String(part.watchId)));
      },
    });
    group.add({ prefix }, { watchId: 1n });
    group.add({ prefix: `${prefix}a` }, { watchId: 2n });
    group.add(`${prefix}ab`, { watchId: 3n });
    await group.ready();
    await raw.put(`${prefix}ab`, '1');
    await eventually(() => seen.length === 3);
    expect(seen.sort()).toEqual(['1', '2', '3']);
  });

  test('every way to cancel ends with cancelled, once, and reaches the server', async () => {
    const controller = new AbortController();
    const group = etcd.watchGroup();
    const watchers = {
      duringCreation: etcd.watch({ prefix }),
      twice: etcd.watch({ prefix }),
      bySignal: etcd.watch({ prefix }, { signal: controller.signal }),
      byBreak: etcd.watch({ prefix }),
      byDispose: etcd.watch({ prefix }),
    };
    const member = group.add({ prefix }, { watchId: 7n });
    const duringCreation = watchers.duringCreation.cancel();
    await Promise.all([watchers.twice.ready, watchers.bySignal.ready, watchers.byBreak.ready, member.ready]);
    await Promise.all([watchers.twice.cancel(), watchers.twice.cancel()]);
    controller.abort();
    await raw.put(`${prefix}a`, '1');
    for await (const batch of watchers.byBreak) {
      expect(batch.length).toBe(1);
      break;
    }
    await watchers.byDispose[Symbol.asyncDispose]();
    expect(await group.cancel(7n)).toBe(true);
    await duringCreation;
    const ends = await Promise.all([...Object.values(watchers), member].map((watcher) => watcher.ended));
    for (const end of ends) expect(end.reason).toBe('cancelled');
    await eventually(async () => {
      const { shards: running } = await etcd.stats();
      return running.every(
        ({ stats }) => stats !== undefined && Object.values(stats.watchers).every((count) => count === 0),
      );
    });
  });

  test('2,000 watches from a compacted start all end typed, those too that the server has no room to tell', async () => {
    const first = await raw.put(`${prefix}gone`, '1');
    const compactRevision = await raw.put(`${prefix}gone`, '2');
    await raw.compact(compactRevision);
    const ends: WatchEnd[] = [];
    const events: bigint[] = [];
    const group = etcd.watchGroup({
      onBatch: (batch) => {
        for (const { events: part } of batch.parts) for (const { modRevision } of part) events.push(modRevision);
      },
      onEnd: (_member, end) => ends.push(end),
    });
    for (let count = 0; count < 2_000; count += 1) group.add({ key: `${prefix}gone` }, { startRevision: first });
    await eventually(async () => {
      await raw.put(`${prefix}gone`, 'later');
      return ends.length === 2_000;
    });
    expect(new Set(ends.map(({ reason }) => reason))).toEqual(new Set(['compacted']));
    expect(events).toEqual([]);
    await group.close();
  });

  test('a compacted start ends typed, for the loop and for its group’s neighbours nothing', async () => {
    const start = await raw.put(`${prefix}a`, '1');
    await raw.put(`${prefix}a`, '2');
    const last = await raw.put(`${prefix}a`, '3');
    await raw.compact(last);
    const watcher = etcd.watch({ prefix }, { startRevision: start });
    const loop = watcher[Symbol.asyncIterator]().next();
    await expect(loop).rejects.toMatchObject({ code: 'compacted', compactRevision: last });
    expect(await watcher.ended).toMatchObject({ reason: 'compacted', compactRevision: last, lastRevision: undefined });
    const ended: string[] = [];
    const group = etcd.watchGroup({ onEnd: (member, end) => ended.push(`${String(member.watchId)} ${end.reason}`) });
    group.add({ prefix }, { startRevision: start });
    group.add({ prefix }, { startRevision: last });
    const { value } = await group[Symbol.asyncIterator]().next();
    expect((value as { eventCount: number }).eventCount).toBe(1);
    await eventually(() => ended.length === 1);
    expect(ended).toEqual(['1 compacted']);
    expect(group.size).toBe(1);
  });

  test('a paused member misses nothing and delays nobody', async () => {
    const seen: string[] = [];
    const group = etcd.watchGroup({
      onBatch: (batch) => {
        for (const part of batch)
          for (const event of part.events) seen.push(`${String(part.watchId)} ${event.value.string()}`);
      },
    });
    const paused = group.add({ prefix });
    group.add({ prefix });
    await group.ready();
    paused.pause();
    for (let value = 1; value <= 50; value += 1) await raw.put(`${prefix}a`, String(value));
    await eventually(() => seen.length === 50);
    expect(seen.at(-1)).toBe('2 50');
    paused.resume();
    await raw.put(`${prefix}a`, '51');
    await eventually(() => seen.length === 102);
    expect(seen.filter((entry) => entry.startsWith('1 '))).toEqual(
      Array.from({ length: 51 }, (_, index) => `1 ${String(index + 1)}`),
    );
  });

  test('close ends everything as cancelled, and every call afterwards is refused', async () => {
    const watcher = etcd.watch({ prefix });
    const group = etcd.watchGroup();
    const member = group.add({ prefix });
    const loop = (async () => {
      for await (const batch of watcher) expect(batch.length).toBe(0);
    })();
    await Promise.all([watcher.ready, member.ready]);
    await Promise.all([etcd.close(), etcd.close()]);
    await loop;
    expect((await watcher.ended).reason).toBe('cancelled');
    expect((await member.ended).reason).toBe('cancelled');
    expect(await group.ended).toBeUndefined();
    for (const call of [() => etcd.watch('a'), () => etcd.watchGroup(), () => group.add('a')])
      expect(call).toThrow(expect.objectContaining({ code: 'closed' }));
    await expect(etcd.stats()).rejects.toBeInstanceOf(EtcdError);
    await expect(etcd.kv.get('a')).rejects.toMatchObject({ code: 'closed' });
    await expect(watcher.progress()).rejects.toMatchObject({ code: 'closed' });
  });
});
