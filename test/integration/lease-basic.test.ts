/** Leases from the application's side, on a real etcd. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Etcd, type LeaseEnd } from 'etcd-vigil';
import { defaultEtcd } from '../support/etcd-binary.js';
import { eventually } from '../support/poll.js';
import { RawEtcd } from '../support/raw-etcd.js';
import { suiteEtcd } from '../support/suite-etcd.js';

const modes = [
  { transport: 'http2', shards: 2 },
  { transport: 'grpc-js', shards: 'inline' },
] as const;

describe(`leases on etcd ${defaultEtcd().version}`, () => {
  const server = suiteEtcd();

  describe.each(modes)('over $transport with shards: $shards', (mode) => {
    let etcd: Etcd;
    let raw: RawEtcd;
    beforeAll(async () => {
      etcd = await connect({ endpoints: server().endpoint, ...mode });
      raw = new RawEtcd(server().address);
    });
    afterAll(async () => {
      raw.close();
      await etcd.close();
    });

    it('keeps a lease alive well past its TTL, with the TTL that the server chose and a deadline ahead', async () => {
      const lease = await etcd.leases.grant({ ttlSeconds: 1 });
      expect(lease.ttlSeconds).toBe(2); // etcd's minimum with default timing
      const start = performance.now();
      await eventually(() => performance.now() - start > 5_000, { intervalMs: 100 });
      expect(lease.isAlive()).toBe(true);
      expect(lease.remainingMs).toBeGreaterThan(500);
      expect(lease.deadline.getTime()).toBeGreaterThan(Date.now());
      expect(await raw.timeToLive(lease.leaseId)).toBeGreaterThanOrEqual(0n);
      await lease.revoke();
      expect(await raw.timeToLive(lease.leaseId)).toBe(-1n);
    });

    it('grants under an id of the caller, negative ones too, and refuses one that is taken', async () => {
      for (const leaseId of [4_242n, -7n, -(2n ** 63n), 2n ** 63n - 1n]) {
        const lease = await etcd.leases.grant({ ttlSeconds: 10, leaseId });
        expect(lease.leaseId).toBe(leaseId);
        await expect(etcd.leases.grant({ ttlSeconds: 10, leaseId })).rejects.toMatchObject({
          code: 'lease-exists',
          leaseId,
        });
        expect(lease.isAlive()).toBe(true);
        await lease.revoke();
      }
    });

    it('ends exactly once, as revoked, with its signal aborted', async () => {
      const lease = await etcd.leases.grant({ ttlSeconds: 10 });
      const { signal } = lease;
      const revoked = lease.revoke();
      expect(lease.isAlive()).toBe(false);
      await revoked;
      await expect(lease.ended).resolves.toEqual({ leaseId: lease.leaseId, reason: 'revoked', error: undefined });
      expect(signal.aborted).toBe(true);
      expect(signal.reason).toMatchObject({ code: 'lease-ended', leaseId: lease.leaseId });
      await lease.revoke(); // again: nothing more happens
      lease.release();
      await expect(lease.ended).resolves.toMatchObject({ reason: 'revoked' });
    });

    it('tells that somebody else revoked a lease', async () => {
      const lease = await etcd.leases.grant({ ttlSeconds: 6 });
      await raw.revoke(lease.leaseId);
      const end = await lease.ended;
      expect(end.reason).toBe('lost');
      expect(lease.isAlive()).toBe(false);
    });

    it('stops renewing a lease that is released, which runs out with its keys', async () => {
      const lease = await etcd.leases.grant({ ttlSeconds: 2 });
      await etcd.kv.put('released', '1', { lease });
      lease.release();
      await expect(lease.ended).resolves.toMatchObject({ reason: 'released' });
      expect(await raw.timeToLive(lease.leaseId)).toBeGreaterThanOrEqual(0n);
      await eventually(async () => (await raw.range('released')).kvs.length === 0);
    });

    it('keeps a lease alive that was granted elsewhere, at the interval asked for', async () => {
      const { leaseId } = await raw.grant(4);
      const renewals: number[] = [];
      const lease = await etcd.leases.keepAlive(leaseId, { intervalMs: 200 });
      expect(lease.ttlSeconds).toBe(4);
      const stop = lease.onRenewed((renewal) => renewals.push(renewal.ttlSeconds));
      await eventually(() => renewals.length >= 5);
      stop();
      expect(new Set(renewals)).toEqual(new Set([4]));
      expect(await etcd.leases.keepAlive(leaseId)).toBe(lease);
      await etcd.leases.revoke(leaseId);
      await expect(lease.ended).resolves.toMatchObject({ reason: 'revoked' });
    });

    it('fails typed to keep a lease that nobody granted, and to revoke or renew it', async () => {
      const missing = { code: 'lease-not-found', leaseId: 99n };
      await expect(etcd.leases.keepAlive(99n)).rejects.toMatchObject(missing);
      await expect(etcd.leases.keepAliveOnce(99n)).rejects.toMatchObject(missing);
      await expect(etcd.leases.revoke(99n)).rejects.toMatchObject(missing);
      expect(await etcd.leases.timeToLive(99n)).toBeUndefined();
    });

    it('renews once, tells the time to live with keys, lists', async () => {
      const { leaseId } = await raw.grant(30);
      await raw.put('on-a-lease', '1', leaseId);
      expect(await etcd.leases.keepAliveOnce(leaseId)).toBe(30);
      const answer = await etcd.leases.timeToLive(leaseId, { keys: true });
      expect(answer).toMatchObject({ leaseId, grantedTtlSeconds: 30 });
      expect(answer?.keys.map((key) => Buffer.from(key).toString())).toEqual(['on-a-lease']);
      const listed: bigint[] = [];
      for await (const id of etcd.leases.list()) listed.push(id);
      expect(listed).toContain(leaseId);
      await etcd.leases.revoke([leaseId, 98n]); // among many, one that is gone already is no failure
      expect(await raw.timeToLive(leaseId)).toBe(-1n);
    });

    it('grants many, tells progress, counts those alive, and revokes them together', async () => {
      const progress: number[] = [];
      const many = await etcd.leases.grantMany(500, { ttlSeconds: 10, onProgress: (count) => progress.push(count) });
      expect(progress.at(-1)).toBe(500);
      expect(many.size).toBe(500);
      expect(many.aliveCount).toBe(500);
      expect(many.at(7)).toBe(many.at(7));
      expect(many.at(7).leaseId).toBe(many.leaseIdAt(7));
      const ends: LeaseEnd[] = [];
      many.onEnded((end) => ends.push(end));
      const one = many.at(3).ended;
      await many.revoke();
      expect(many.aliveCount).toBe(0);
      expect(many.shortestRemainingMs).toBeUndefined();
      expect(ends.map((end) => end.reason)).toEqual(Array<string>(500).fill('revoked'));
      await expect(one).resolves.toMatchObject({ reason: 'revoked' });
      const left: bigint[] = [];
      for await (const id of etcd.leases.list()) left.push(id);
      expect(left).toEqual([]);
    });

    it('refuses a put on a lease that has ended before it is sent', async () => {
      const lease = await etcd.leases.grant({ ttlSeconds: 10 });
      await etcd.kv.put('k', '1', { lease });
      await lease.revoke();
      await expect(etcd.kv.put('k', '2', { lease })).rejects.toMatchObject({
        code: 'lease-ended',
        outcome: 'not-sent',
      });
    });

    it('revokes what was granted when a grant is aborted', async () => {
      const abort = new AbortController();
      const many = etcd.leases.grantMany(2_000, {
        ttlSeconds: 60,
        signal: abort.signal,
        onProgress: () => abort.abort(),
      });
      await expect(many).rejects.toMatchObject({ code: 'aborted' });
      await eventually(async () => {
        const left: bigint[] = [];
        for await (const id of etcd.leases.list()) left.push(id);
        const { shards } = await etcd.stats();
        return left.length === 0 && shards.every(({ stats }) => stats?.leases === 0);
      });
    });

    it('a session grants another lease after a loss; a registered key is put again, and removed on close', async () => {
      const registration = await etcd.leases.register('svc/me', 'here', { ttlSeconds: 3 });
      const first = registration.leaseId;
      expect((await raw.range('svc/me')).kvs).toHaveLength(1);
      const again = new Promise<bigint>((resolve) => {
        registration.on((event) => {
          if (event.type === 'registered') resolve(event.leaseId);
        });
      });
      await raw.revoke(first ?? 0n);
      expect((await raw.range('svc/me')).kvs).toHaveLength(0);
      const second = await again;
      expect(second).not.toBe(first);
      expect(registration.isRegistered()).toBe(true);
      expect((await raw.range('svc/me')).kvs).toHaveLength(1);
      await registration.close();
      expect((await raw.range('svc/me')).kvs).toHaveLength(0);
      expect(registration.isRegistered()).toBe(false);
    });
  });

  it('close ends what is held as released and what is asked as closed, and the process can end', async () => {
    const etcd = await connect({ endpoints: server().endpoint, shards: 1 });
    const lease = await etcd.leases.grant({ ttlSeconds: 10 });
    const late = etcd.leases.grantMany(1_000, { ttlSeconds: 10 });
    const refused = expect(late).rejects.toMatchObject({ code: 'closed' });
    await etcd.close();
    await refused;
    await expect(lease.ended).resolves.toMatchObject({ reason: 'released' });
    await expect(etcd.leases.grant({ ttlSeconds: 10 })).rejects.toMatchObject({ code: 'closed' });
  });

  it('refuses options that are not allowed before anything is sent', async () => {
    const etcd = await connect({ endpoints: server().endpoint, shards: 1 });
    const invalid = { code: 'invalid-argument', outcome: 'not-sent' };
    await expect(etcd.leases.grant({ ttlSeconds: 0 })).rejects.toMatchObject(invalid);
    await expect(etcd.leases.grant({ ttlSeconds: 1.5 })).rejects.toMatchObject(invalid);
    await expect(etcd.leases.grant({ ttlSeconds: 10, leaseId: 0n })).rejects.toMatchObject(invalid);
    await expect(etcd.leases.grant({ ttlSeconds: 10, leaseId: 2n ** 63n })).rejects.toMatchObject(invalid);
    await expect(etcd.leases.grant({ ttlSeconds: 10, intervalMs: 1 })).rejects.toMatchObject(invalid);
    await expect(etcd.leases.grantMany(0, { ttlSeconds: 10 })).rejects.toMatchObject(invalid);
    await etcd.close();
  });
});
