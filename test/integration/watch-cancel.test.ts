/** Every way and moment to cancel: one outcome each, nothing delivered afterwards, and nothing left behind on the server. */
import { connect, type ConnectOptions, type Etcd, type WatchEnd } from 'etcd-vigil';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy } from '../support/fault-proxy.js';
import { eventually } from '../support/poll.js';
import { RawEtcd } from '../support/raw-etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';

const matrix: readonly Partial<ConnectOptions>[] = [
  { transport: 'http2', shards: 2 },
  { transport: 'http2', shards: 'inline' },
  { transport: 'grpc-js', shards: 1 },
];

describe.each(
  matrix.map((options) => [`${String(options.transport)}, shards ${String(options.shards)}`, options] as const),
)('cancelling over %s', (_name, options) => {
  const server = suiteEtcd();
  let proxy: FaultProxy;
  let raw: RawEtcd;
  let etcd: Etcd;

  beforeEach(async () => {
    proxy = await FaultProxy.start(server());
    raw = new RawEtcd(server().address);
    etcd = await connect({ endpoints: proxy.endpoint, ...options });
  });
  afterEach(async () => {
    await etcd.close();
    raw.close();
    await proxy.close();
  });

  /** Watchers that the server holds, by its own count. */
  async function watchersOnServer(): Promise<number> {
    const text = await (await fetch(`${server().endpoint}/metrics`)).text();
    return Number(/^etcd_debugging_mvcc_watcher_total (\S+)$/mu.exec(text)?.[1] ?? NaN);
  }

  async function serverForgets(): Promise<void> {
    await eventually(async () => expect(await watchersOnServer()).toBe(0) === undefined || true);
  }

  it('many at random moments: each ends once as cancelled, and the server keeps none', async () => {
    const ends = new Map<bigint, WatchEnd[]>();
    const afterEnd: bigint[] = [];
    const group = etcd.watchGroup({
      onBatch: (batch) => {
        for (const part of batch.parts) if (ends.has(part.watchId)) afterEnd.push(part.watchId);
      },
      onEnd: (member, end) => void ends.set(member.watchId, [...(ends.get(member.watchId) ?? []), end]),
    });
    const first = await raw.put('c/x', '0');
    const members = Array.from({ length: 300 }, (_, index) =>
      group.add({ prefix: 'c/' }, index % 3 === 0 ? { startRevision: first } : {}),
    );
    let writing = true;
    const writes = (async () => {
      while (writing) await raw.put('c/x', 'more');
    })();
    // Before they are sent, while they are being created, when they are active, while they are resumed.
    await Promise.all(members.slice(0, 50).map((member) => member.cancel()));
    await members[60]?.ready;
    const duringCreation = members.slice(50, 150).map((member) => member.cancel());
    await group.ready();
    const whenActive = members.slice(150, 200).flatMap((member) => [member.cancel(), member.cancel()]);
    proxy.cut();
    const duringResume = members.slice(200, 250).map((member) => member.cancel());
    await Promise.all([...duringCreation, ...whenActive, ...duringResume]);
    expect(group.size).toBe(50);
    await eventually(async () => (await watchersOnServer()) === 50);
    await group.close();
    writing = false;
    await writes;
    for (const member of members) expect((await member.ended).reason).toBe('cancelled');
    expect(ends.size).toBe(300);
    expect([...ends.values()].every((list) => list.length === 1)).toBe(true);
    expect(afterEnd).toEqual([]);
    await serverForgets();
  });

  it('by signal, by leaving the loop, by a callback that throws, by disposal: nothing is left on the server', async () => {
    const controller = new AbortController();
    const bySignal = etcd.watch({ prefix: 'd/' }, { signal: controller.signal });
    const byBreak = etcd.watch({ prefix: 'd/' });
    const byThrow = etcd.watch({ prefix: 'd/' }, { onBatch: () => Promise.reject(new Error('mine')) });
    const byDispose = etcd.watch({ prefix: 'd/' });
    const inLoop = etcd.watch({ prefix: 'd/' });
    const groupSignal = new AbortController();
    const group = etcd.watchGroup({ signal: groupSignal.signal });
    const member = group.add({ prefix: 'd/' });
    const all = [bySignal, byBreak, byThrow, byDispose, inLoop, member];
    await Promise.all(all.map((watcher) => watcher.ready));
    expect(await watchersOnServer()).toBe(all.length);
    controller.abort();
    const loop = (async () => {
      for await (const batch of inLoop) if (batch.length > 0) await inLoop.cancel();
    })();
    await raw.put('d/x', 'x');
    for await (const batch of byBreak) if (batch.length > 0) break;
    await byDispose[Symbol.asyncDispose]();
    groupSignal.abort();
    await loop;
    expect(await byThrow.ended).toMatchObject({ reason: 'failed', error: { code: 'callback-failed' } });
    for (const watcher of [bySignal, byBreak, byDispose, inLoop, member]) {
      expect((await watcher.ended).reason).toBe('cancelled');
    }
    await serverForgets();
  });

  it('by closing the engine while watches are created, active, paused and unreachable: the server keeps none', async () => {
    const group = etcd.watchGroup();
    const members = Array.from({ length: 200 }, () => group.add({ prefix: 'e/' }));
    await group.ready();
    members[0]?.pause();
    proxy.cut();
    members.push(...Array.from({ length: 200 }, () => group.add({ prefix: 'e/' })));
    await etcd.close();
    for (const member of members) expect((await member.ended).reason).toBe('cancelled');
    for (const member of members.slice(200)) {
      const outcome = await member.ready.then(
        () => 'ready',
        (error: unknown) => (error as { code?: string }).code, // whatever it is: compared on the next line
      );
      expect(['ready', 'aborted']).toContain(outcome);
    }
    await serverForgets();
  });
});
