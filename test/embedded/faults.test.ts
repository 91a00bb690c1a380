/** The engine on an embedded server that misbehaves on purpose: nothing is lost or doubled, errors say what happened. */
import { describe, expect, it } from 'vitest';
import { connect, type Etcd } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { FaultKit, findLosses, randomFaults, type Fault, type SeenEvent } from 'etcd-vigil/testing';
import { eventually } from '../support/poll.js';
import { seeds } from '../support/rng.js';
import { withEmbedded } from '../support/embedded-fixture.js';
import { bytes, RpcSession } from './rpc-session.js';

const UNAVAILABLE = 14;

/** Watches everything, lets faults strike while keys are written, and compares with the ledger. */
async function watchUnder(faults: readonly Fault[], writes = 60): Promise<number> {
  return withEmbedded({}, async (etcd, server) => {
    const kit = FaultKit.of(server);
    await kit.startLedger();
    const injected = await Promise.all(faults.map((fault) => kit.inject(fault)));
    const seen: SeenEvent[] = [];
    const group = etcd.watchGroup({
      onBatch: (batch) => {
        for (const part of batch) {
          for (const event of part.events)
            seen.push({ type: event.type, revision: event.modRevision, key: event.key.string() });
        }
      },
    });
    group.add({ prefix: 'k/' });
    await group.ready();
    for (let n = 0; n < writes; n += 1) {
      await kvPut(etcd, `k/${String(n % 7)}`, String(n));
      if (n % 10 === 9) await eventually(() => seen.length > n - 9);
    }
    await eventually(async () => seen.length >= (await kit.ledger()).length);
    const none = { lost: [], doubled: [], invented: [], disordered: [] };
    expect(findLosses(await kit.ledger(), seen, { prefix: 'k/' })).toEqual(none);
    const strikes = await Promise.all(injected.map((each) => each.strikes()));
    return strikes.reduce((sum, each) => sum + each, 0);
  });
}

/** A put that is repeated until it was answered: connections may be cut under it. */
async function kvPut(etcd: Etcd, key: string, value: string): Promise<void> {
  await eventually(async () => etcd.kv.put(key, value));
}

describe('a watch of the engine loses and doubles nothing', () => {
  it.each<[string, Fault]>([
    [
      'its stream is cut after the created answer',
      { rpc: 'Watch/Watch', at: 'created', action: { kind: 'cut', what: 'call' } },
    ],
    [
      'its stream is cut between batches',
      { rpc: 'Watch/Watch', at: 'events', skip: 3, action: { kind: 'cut', what: 'call' } },
    ],
    [
      'its connection is lost',
      { rpc: 'Watch/Watch', at: 'events', skip: 3, action: { kind: 'cut', what: 'connection' } },
    ],
    [
      'its stream is ended as unavailable',
      {
        rpc: 'Watch/Watch',
        at: 'events',
        action: { kind: 'refuse', code: UNAVAILABLE, text: 'etcdserver: no leader' },
      },
    ],
    [
      'its create request is refused',
      {
        rpc: 'Watch/Watch',
        at: 'request',
        action: { kind: 'refuse', code: UNAVAILABLE, text: 'etcdserver: no leader' },
      },
    ],
    ['the server says GOAWAY', { rpc: 'Watch/Watch', at: 'events', action: { kind: 'go-away' } }],
  ])('when %s', async (_, fault) => {
    expect(await watchUnder([fault])).toBe(1);
  });

  it('when its stream is cut between fragments', async () => {
    await withEmbedded({}, async (etcd, server) => {
      const kit = FaultKit.of(server);
      const big = 'x'.repeat(900_000);
      await kit.startLedger();
      for (const n of [1, 2, 3]) await etcd.kv.put(`f/${String(n)}`, big);
      const cut = await kit.inject({ rpc: 'Watch/Watch', at: 'fragment', action: { kind: 'cut', what: 'call' } });
      const seen: SeenEvent[] = [];
      for await (const batch of etcd.watch({ prefix: 'f/' }, { startRevision: 2n, fragment: true })) {
        for (const { type, modRevision, key } of batch) seen.push({ type, revision: modRevision, key: key.string() });
        if (seen.length >= 3) break;
      }
      expect(findLosses(await kit.ledger(), seen)).toEqual({ lost: [], doubled: [], invented: [], disordered: [] });
      expect(await cut.strikes()).toBe(1);
    });
  });

  it.each(seeds(2))('under a schedule of faults from seed %i', async (seed) => {
    await watchUnder(randomFaults({ seed, count: 8, spread: 8 }));
  });

  it('when it was stalled and is let go', async () => {
    await withEmbedded({}, async (etcd, server) => {
      const kit = FaultKit.of(server);
      const stall = await kit.inject({ rpc: 'Watch/Watch', at: 'created', action: { kind: 'stall' } });
      const watcher = etcd.watch({ prefix: 's/' });
      await watcher.ready;
      await etcd.kv.put('s/1', 'v');
      expect(await stall.strikes()).toBe(1);
      await kit.clear();
      for await (const batch of watcher) {
        expect([...batch].map(({ key }) => key.string())).toEqual(['s/1']);
        break;
      }
    });
  });
});

describe('a call of the engine', () => {
  it('may have been done when its answer is lost, and says so', async () => {
    await withEmbedded({}, async (etcd, server) => {
      const kit = FaultKit.of(server);
      await kit.inject({
        rpc: 'KV/Put',
        at: 'applied',
        action: { kind: 'refuse', code: UNAVAILABLE, text: 'etcdserver: request timed out' },
      });
      await expect(etcd.kv.put('k', 'v')).rejects.toMatchObject({ outcome: 'unknown' });
      expect((await etcd.kv.get('k'))?.value.string()).toBe('v');
    });
  });

  it('waits for what is delayed, by method', async () => {
    await withEmbedded({}, async (etcd, server) => {
      const kit = FaultKit.of(server);
      const delay = await kit.inject({ rpc: 'KV/Range', at: 'call', action: { kind: 'delay', byMs: 80 } });
      await etcd.kv.put('k', 'v');
      await etcd.kv.get('k');
      expect(await delay.strikes()).toBe(1);
    });
  });

  it('is told a compaction that comes at the worst moment', async () => {
    await withEmbedded({}, async (etcd, server) => {
      for (const value of ['1', '2', '3']) await etcd.kv.put('k', value);
      await FaultKit.of(server).inject({ rpc: 'Watch/Watch', at: 'request', action: { kind: 'compact' } });
      const late = etcd.watch('k', { startRevision: 2n })[Symbol.asyncIterator]();
      await expect(late.next()).rejects.toMatchObject({ code: 'compacted', compactRevision: 4n });
    });
  });

  it('finds a store that went back to an older state', async () => {
    await withEmbedded({}, async (etcd, server) => {
      await etcd.kv.put('k', 'old');
      await etcd.kv.put('k', 'new');
      const watcher = etcd.watch('k');
      await watcher.ready;
      const kit = FaultKit.of(server);
      await kit.act({ kind: 'roll-back', revision: 2 });
      expect((await etcd.kv.get('k'))?.value.string()).toBe('old');
      await expect(kit.act({ kind: 'roll-back', revision: 9 })).rejects.toMatchObject({ code: 'invalid-argument' });
      await watcher.cancel();
    });
  });

  it('meets no leader, and goes on when it is back', async () => {
    await withEmbedded({}, async (etcd, server) => {
      const kit = FaultKit.of(server);
      const watcher = etcd.watch({ prefix: 'n/' });
      await watcher.ready;
      await kit.act({ kind: 'no-leader' });
      const put = etcd.kv.put('n/1', 'v').catch(() => undefined);
      await kit.act({ kind: 'leader-back' });
      await put;
      await kvPut(etcd, 'n/2', 'v');
      const seen: string[] = [];
      for await (const batch of watcher) {
        seen.push(...[...batch].map(({ key }) => key.string()));
        if (seen.includes('n/2')) break;
      }
    });
  });

  it('goes to another endpoint of the same store when one refuses', async () => {
    const server = await EmbeddedEtcd.start();
    try {
      const kit = FaultKit.of(server);
      const second = await kit.addEndpoint();
      const [first = ''] = server.endpoints;
      await kit.inject({
        rpc: '*',
        at: 'call',
        endpoint: first,
        times: Infinity,
        action: { kind: 'cut', what: 'connection' },
      });
      const etcd = await connect({ endpoints: [first, second], shards: 'inline' });
      try {
        await kvPut(etcd, 'k', 'v');
        expect((await eventually(async () => (await etcd.kv.get('k')) ?? undefined)).value.string()).toBe('v');
      } finally {
        await etcd.close();
      }
    } finally {
      await server.close();
    }
  });

  it('loses its lease when the clock is turned in the middle of a renewal', async () => {
    const server = await EmbeddedEtcd.start({ clock: 'manual' });
    try {
      const etcd = await connect({ endpoints: server.endpoints, shards: 'inline' });
      try {
        const kit = FaultKit.of(server);
        const lease = await etcd.leases.grant({ ttlSeconds: 60 });
        await etcd.kv.put('mine', 'v', { lease: lease.leaseId });
        await kit.act({ kind: 'advance-clock', byMs: 61_000 });
        expect(await etcd.kv.get('mine')).toBeNull();
      } finally {
        await etcd.close();
      }
    } finally {
      await server.close();
    }
  });
});

describe('a token', () => {
  it('is unknown once it has expired, and of an old revision when that moves on', async () => {
    const server = await EmbeddedEtcd.start();
    const rpc = await RpcSession.connect(server.address);
    try {
      const kit = FaultKit.of(server);
      await rpc.call('Auth/UserAdd', { name: 'root', password: 'p' });
      await rpc.call('Auth/RoleAdd', { name: 'root' });
      await rpc.call('Auth/UserGrantRole', { user: 'root', role: 'root' });
      await rpc.call('Auth/AuthEnable');
      const login = async (): Promise<string> =>
        String((await rpc.call('Auth/Authenticate', { name: 'root', password: 'p' }))['token']);
      const put = async (token: string): Promise<unknown> => rpc.silently('KV/Put', { key: bytes('k') }, { token });
      const first = await login();
      expect(await put(first)).toHaveProperty('fields');
      await kit.act({ kind: 'expire-tokens' });
      expect(await put(first)).toEqual({ code: 16, text: 'etcdserver: invalid auth token' });
      const second = await login();
      await kit.act({ kind: 'bump-auth-revision' });
      expect(await put(second)).toEqual({ code: 3, text: 'etcdserver: revision of auth store is old' });
      expect(await put(await login())).toHaveProperty('fields');
    } finally {
      rpc.close();
      await server.close();
    }
  });
});

describe('a fault kit', () => {
  it('refuses what is no fault, naming what is allowed', async () => {
    await withEmbedded({}, async (_, server) => {
      const kit = FaultKit.of(server);
      const wrong = [
        { rpc: 'Put', at: 'call', action: { kind: 'stall' } },
        { rpc: 'KV/Put', at: 'later', action: { kind: 'stall' } },
        { rpc: 'KV/Put', at: 'call', action: { kind: 'explode' } },
        { rpc: 'KV/Put', at: 'answer', action: { kind: 'delay', byMs: 5 } },
        { rpc: 'KV/Put', at: 'call', action: { kind: 'refuse', code: 0, text: '' } },
        { rpc: 'KV/Put', at: 'call', times: 0, action: { kind: 'stall' } },
      ];
      for (const fault of wrong)
        await expect(kit.inject(fault as Fault)).rejects.toMatchObject({ code: 'invalid-argument' }); // wrong on purpose
      expect(() => FaultKit.of({})).toThrow(/EmbeddedEtcd/);
    });
  });

  it('finds what a watch lost, doubled, invented and disordered', () => {
    const ledger = [1, 2, 3].map((revision) => ({
      type: 'put' as const,
      revision,
      key: bytes(`k${String(revision)}`),
      value: bytes('v'),
    }));
    const seen = [2, 1, 1, 9].map((revision) => ({ type: 'put' as const, revision, key: `k${String(revision)}` }));
    expect(findLosses(ledger, seen)).toEqual({
      lost: ['put @3 k3'],
      doubled: ['put @1 k1'],
      invented: ['put @9 k9'],
      disordered: ['put @1 k1', 'put @1 k1'],
    });
  });
});
