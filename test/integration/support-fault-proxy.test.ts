import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy } from '../support/fault-proxy.js';
import { putMany } from '../support/load-writer.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, RawEtcd } from '../support/raw-etcd.js';
import type { RawWatchResponse } from '../support/raw-watch.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { WatchRecorder } from '../support/watch-recorder.js';
import { WatchTruth } from '../support/watch-truth.js';

describe('fault proxy before etcd', () => {
  const etcd = suiteEtcd({ maxRequestBytes: 256 << 10 });
  let proxy: FaultProxy;
  let direct: RawEtcd;
  let proxied: RawEtcd;

  beforeEach(async () => {
    proxy = await FaultProxy.start(etcd());
    direct = new RawEtcd(etcd().address);
    proxied = new RawEtcd(proxy.address);
  });
  afterEach(async () => {
    direct.close();
    proxied.close();
    await proxy.close();
  });

  /** Watches through the proxy until the stream ends, however it ends. */
  async function watchToTheEnd(prefix: string, startRevision: bigint, fragment = false): Promise<RawWatchResponse[]> {
    const seen: RawWatchResponse[] = [];
    const stream = proxied.watch();
    stream.create({ key: prefix, rangeEnd: prefixEnd(prefix), startRevision, watchId: 7n, fragment });
    await expect(
      (async () => {
        for await (const response of stream) seen.push(response);
      })(),
    ).rejects.toThrow();
    return seen;
  }

  it('cuts exactly after the created answer: the client sees that and nothing more', async () => {
    const first = await direct.put('after/1', 'a');
    const cut = proxy.cutAfter((message) => message.kind === 'watch' && message.created);
    const seen = await watchToTheEnd('after/', first);
    expect(seen.map(({ created, events }) => [created, events.length])).toEqual([[true, 0]]);
    expect(await cut).toMatchObject({ kind: 'watch', created: true, watchId: 7n });
    await eventually(() => proxy.counters.open === 0);
  });

  it('cuts exactly before the catch-up batch, and after it', async () => {
    const first = await direct.put('batch/1', 'a');
    await direct.put('batch/2', 'b');
    const before = proxy.cutBefore((message) => message.kind === 'watch' && message.eventCount > 0);
    expect((await watchToTheEnd('batch/', first)).map(({ events }) => events.length)).toEqual([0]);
    expect(await before).toMatchObject({ eventCount: 2, lastModRevision: first + 1n });
    const after = proxy.cutAfter((message) => message.kind === 'watch' && message.eventCount > 0);
    expect((await watchToTheEnd('batch/', first)).map(({ events }) => events.length)).toEqual([0, 2]);
    await after;
  });

  it('cuts between the fragments of one revision, though each spans many frames', async () => {
    const value = 'v'.repeat(20_000);
    // Ten writes of twelve keys in one catch-up answer: 2.4 MB, above the fragment limit of request limit + 512 KiB.
    const revisions: bigint[] = [];
    for (let round = 0; round < 10; round += 1) {
      const keys = Array.from({ length: 12 }, (_, index) => `fragment/${String(index)}`);
      revisions.push(await direct.txn(keys.map((key) => ({ kind: 'put', key, value }))));
    }
    const after = proxy.cutAfter((message) => message.kind === 'watch' && message.fragment, 2);
    const seen = await watchToTheEnd('fragment/', revisions[0] ?? 0n, true);
    expect(await after).toMatchObject({ fragment: true });
    expect(seen.map(({ created, fragment }) => [created, fragment])).toEqual([
      [true, false],
      [false, true],
      [false, true],
    ]);
    const before = proxy.cutBefore((message) => message.kind === 'watch' && message.fragment, 2);
    expect((await watchToTheEnd('fragment/', revisions[0] ?? 0n, true)).map(({ fragment }) => fragment)).toEqual([
      false,
      true,
    ]);
    await before;
  });

  it('passes a large catch-up on unchanged while it reads along', async () => {
    const { firstRevision, lastRevision } = await putMany(etcd().address, 300, { prefix: 'bulk/', valueBytes: 50_000 });
    const range = { key: 'bulk/', rangeEnd: prefixEnd('bulk/') };
    let counted = 0;
    proxy.observe((message) => (counted += message.kind === 'watch' ? message.eventCount : 0));
    const recorder = new WatchRecorder();
    const stream = proxied.watch();
    stream.create({ ...range, startRevision: firstRevision });
    for await (const response of stream) {
      recorder.add('bulk', response.events);
      if (recorder.lastRevision('bulk') >= lastRevision) break;
    }
    const truth = new WatchTruth(await direct.history(firstRevision, lastRevision));
    recorder.verify('bulk', { truth, range, startRevision: firstRevision });
    expect(counted).toBe(300);
  });

  it('does not take a put for a watch, whatever its key', async () => {
    const kinds: string[] = [];
    proxy.observe((message) => kinds.push(message.kind));
    await proxied.put('\n\nkey', 'value');
    expect(kinds).toEqual(['other']);
  });

  it('resets connections on cut, and serves new ones', async () => {
    const stream = proxied.watch();
    stream.create({ key: 'x' });
    const ended = (async () => {
      for await (const response of stream) if (response.created) proxy.cut();
    })();
    await expect(ended).rejects.toThrow();
    expect(await eventually(() => proxied.put('x', '1'))).toBeGreaterThan(0n);
  });

  it('refuses connections until restored, while open ones live on', async () => {
    await proxied.put('refuse', '1');
    await proxy.refuse();
    await expect(dial(proxy.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await proxied.put('refuse', '2');
    await proxy.restore();
    await dial(proxy.port);
  });

  it('resets new connections when told to', async () => {
    proxy.resetNew();
    await eventually(async () => {
      await dial(proxy.port).catch(() => undefined);
      return proxy.counters.reset > 0;
    });
    await proxy.restore();
    await proxied.put('reset', '1');
  });

  it('goes silent without closing when it swallows, and the bytes are lost for good', async () => {
    await proxied.put('swallow', '1');
    const { bytesToServer } = proxy.counters;
    proxy.swallow('to-server');
    const lost = proxied.put('swallow', '2').catch((error: unknown) => error);
    await eventually(() => proxy.counters.bytesToServer > bytesToServer);
    await proxy.restore();
    const fresh = new RawEtcd(proxy.address);
    await fresh.put('other', '1');
    fresh.close();
    expect((await direct.range('swallow')).kvs[0]?.value.toString()).toBe('1');
    proxy.cut();
    expect(await lost).toBeInstanceOf(Error);
  });

  it('delivers what it held once restored', async () => {
    await proxied.put('hold', '1');
    const { bytesToServer } = proxy.counters;
    proxy.hold();
    let done = false;
    const late = proxied.put('hold', '2').then(() => (done = true));
    await eventually(() => proxy.counters.bytesToServer > bytesToServer);
    await direct.put('elsewhere', '1');
    expect(done).toBe(false);
    await proxy.restore();
    await late;
    expect((await direct.range('hold')).kvs[0]?.value.toString()).toBe('2');
  });

  it('passes everything on while it delays each direction and limits the rate', async () => {
    await proxied.put('slow', '1');
    proxy.delay(100);
    await proxied.put('slow', '2');
    expect((await direct.range('slow')).kvs[0]?.value.toString()).toBe('2');
    await proxy.restore();
    proxy.limitBytesPerSecond(200_000);
    await proxied.put('slow', 'v'.repeat(100_000));
    expect((await direct.range('slow')).kvs[0]?.value.length).toBe(100_000);
    await proxy.restore();
  });
});

function dial(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', reject);
  });
}
