/** Leases whose revocation fails, on an embedded server that refuses it: none of them is renewed on with nobody holding it. */
import { describe, expect, it } from 'vitest';
import { connect, type Etcd } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { FaultKit } from 'etcd-vigil/testing';
import { eventually } from '../support/poll.js';

const UNAVAILABLE = { kind: 'refuse', code: 14, text: 'upstream gone' } as const;
const DENIED = { kind: 'refuse', code: 7, text: 'etcdserver: permission denied' } as const;
const NO_SPACE = { kind: 'refuse', code: 8, text: 'etcdserver: mvcc: database space exceeded' } as const;
const GUARD = { timeoutMs: 60_000, intervalMs: 50 } as const;
const ttlSeconds = 5;

const refuseRevokes = (kit: FaultKit, action: typeof UNAVAILABLE | typeof DENIED): ReturnType<FaultKit['inject']> =>
  kit.inject({ rpc: 'Lease/LeaseRevoke', at: 'call', action, times: Infinity });

interface Bench {
  readonly kit: FaultKit;
  readonly etcd: Etcd;
}

async function onServer(run: (bench: Bench) => Promise<void>): Promise<void> {
  const server = await EmbeddedEtcd.start();
  try {
    const etcd = await connect({ endpoints: server.endpoints, shards: 2 });
    try {
      await run({ kit: FaultKit.of(server), etcd });
    } finally {
      await etcd.close();
    }
  } finally {
    await server.close();
  }
}

async function leaseIds(etcd: Etcd): Promise<bigint[]> {
  const ids: bigint[] = [];
  for await (const leaseId of etcd.leases.list()) ids.push(leaseId);
  return ids;
}

/** Nothing is left, on the server or in a shard. */
async function nothingIsLeft(etcd: Etcd): Promise<void> {
  await eventually(async () => {
    const { shards } = await etcd.stats();
    return (await leaseIds(etcd)).length === 0 && shards.every(({ stats }) => stats?.leases === 0);
  }, GUARD);
}

describe.concurrent.each([
  ['is refused for as long as it lives', UNAVAILABLE, 'timeout'],
  ['is not permitted', DENIED, 'permission-denied'],
] as const)('a lease whose revocation %s', (_what, action, code) => {
  const timeoutMs = code === 'timeout' ? 200 : 60_000;

  it('runs out where its grant was aborted', () =>
    onServer(async ({ kit, etcd }) => {
      await kit.inject({ rpc: 'Lease/LeaseGrant', at: 'applied', action: { kind: 'delay', byMs: 2_700 } });
      await refuseRevokes(kit, action);
      const abort = new AbortController();
      const granted = etcd.leases.grant({ ttlSeconds, signal: abort.signal });
      await eventually(async () => (await leaseIds(etcd)).length > 0, GUARD);
      abort.abort();
      await expect(granted).rejects.toMatchObject({ code: 'aborted' });
      await nothingIsLeft(etcd);
    }));

  it('runs out where one of many grants was refused', () =>
    onServer(async ({ kit, etcd }) => {
      await kit.inject({ rpc: 'Lease/LeaseGrant', at: 'call', action: NO_SPACE, skip: 3 });
      const fault = await refuseRevokes(kit, action);
      await expect(etcd.leases.grantMany(6, { ttlSeconds, timeoutMs: 2_000 })).rejects.toMatchObject({
        code: 'no-space',
      });
      await nothingIsLeft(etcd);
      expect(await fault.strikes()).toBeGreaterThan(0);
    }));

  it('runs out where its session and its registration were closed', () =>
    onServer(async ({ kit, etcd }) => {
      const session = etcd.leases.session({ ttlSeconds });
      const lease = await session.ready;
      const registration = await etcd.leases.register('svc/me', 'here', { ttlSeconds });
      await refuseRevokes(kit, action);
      await expect(session.close({ timeoutMs })).rejects.toMatchObject({ code });
      await expect(registration.close({ timeoutMs })).rejects.toMatchObject({ code });
      expect(lease.isAlive()).toBe(false);
      await nothingIsLeft(etcd);
      expect(await etcd.kv.get('svc/me')).toBeNull();
      await expect(lease.ended).resolves.toMatchObject({ reason: action === DENIED ? 'released' : 'expired' });
    }));

  it('is revoked by asking again, once the server obeys', () =>
    onServer(async ({ kit, etcd }) => {
      const registration = await etcd.leases.register('svc/me', 'here', { ttlSeconds: 600 });
      const lease = await etcd.leases.grant({ ttlSeconds: 600 });
      const fault = await refuseRevokes(kit, action);
      await expect(registration.close({ timeoutMs })).rejects.toMatchObject({ code });
      await expect(etcd.leases.revoke(lease, { timeoutMs })).rejects.toMatchObject({ code });
      await fault.remove();
      await registration.close();
      await lease.revoke();
      expect(await etcd.kv.get('svc/me')).toBeNull();
      await nothingIsLeft(etcd);
    }));
});

describe('a lease that was released', () => {
  it('is revoked by its id, by itself and among many', () =>
    onServer(async ({ etcd }) => {
      const many = await etcd.leases.grantMany(20, { ttlSeconds: 600 });
      const first = await etcd.leases.grant({ ttlSeconds: 600 });
      const second = await etcd.leases.grant({ ttlSeconds: 600 });
      for (const each of [many, first, second]) each.release();
      await Promise.all([etcd.leases.revoke(many), etcd.leases.revoke(first.leaseId), second.revoke()]);
      expect(await leaseIds(etcd)).toEqual([]);
    }));
});
