/** What revoking leases asks for, what it waits for, and what becomes of a lease that could not be revoked. */
import { afterEach, describe, expect, it } from 'vitest';
import { EtcdError } from '../../../../src/wire/errors.js';
import type { Lease } from '../../../../src/main/lease/lease.js';
import { closeRigs, leaseRig, settle, type LeaseRig } from './lease-rig.js';

afterEach(closeRigs);

const TIMEOUT = new EtcdError('no member answered the revocation in time', { code: 'timeout', outcome: 'unknown' });
const DENIED = new EtcdError('permission denied', { code: 'permission-denied', outcome: 'refused' });
const NOT_FOUND = new EtcdError('lease not found', { code: 'lease-not-found', outcome: 'refused' });
const invalid = expect.objectContaining({ code: 'invalid-argument', outcome: 'not-sent' }) as unknown;

/** A lease that is held, in slot 0. */
async function held(): Promise<{ rig: LeaseRig; lease: Lease }> {
  const rig = leaseRig();
  const asked = rig.leases.grant({ ttlSeconds: 10 });
  rig.granted(0, 0);
  return { rig, lease: await asked };
}

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error instanceof EtcdError ? error.code : String(error)),
  );

describe('a revocation that is not answered', () => {
  it('rejects at its time limit, and the lease is held no longer although its end is not known yet', async () => {
    const { rig, lease } = await held();
    await expect(lease.revoke({ timeoutMs: 20 })).rejects.toMatchObject({ code: 'timeout', outcome: 'unknown' });
    expect(lease.isAlive()).toBe(false);
    expect(rig.kinds()).toEqual(['grant', 'revoke']);
    rig.revokeFailed(0, 0, TIMEOUT); // the shard goes on
    expect(lease.isAlive()).toBe(false);
    expect(rig.kinds()).toEqual(['grant', 'revoke']);
    rig.ended(0, 0, 'revoked');
    await expect(lease.ended).resolves.toMatchObject({ reason: 'revoked' });
  });

  it('says that the lease is renewed no longer, whoever told that the time is up', async () => {
    const told = await held();
    const revoked = told.lease.revoke({ timeoutMs: 1_000 });
    told.rig.revokeFailed(0, 0, TIMEOUT);
    await expect(revoked).rejects.toMatchObject({ code: 'timeout', leaseId: told.lease.leaseId });
    await expect(revoked).rejects.toThrow('renewed no longer');
    await expect((await held()).lease.revoke({ timeoutMs: 20 })).rejects.toThrow('renewed no longer');
  });

  it('says of a lease that is held no longer that it runs out on the server, not that it is tried on', async () => {
    const { rig, lease } = await held();
    rig.ended(0, 0, 'expired');
    const revoked = lease.revoke({ timeoutMs: 20 });
    await expect(revoked).rejects.toMatchObject({ code: 'timeout' });
    await expect(revoked).rejects.toThrow('runs out on the server');
    await expect(revoked).rejects.not.toThrow('is tried');
  });

  it('is joined by a second one, which gives it more time and keeps its own limit', async () => {
    const { rig, lease } = await held();
    const first = code(lease.revoke({ timeoutMs: 1_000 }));
    const second = code(rig.leases.revoke(lease.leaseId, { timeoutMs: 60_000 }));
    const hasty = lease.revoke({ timeoutMs: 20 });
    await expect(hasty).rejects.toMatchObject({ code: 'timeout' });
    rig.revokeFailed(0, 0, TIMEOUT);
    expect(await first).toBe('timeout');
    expect(rig.sent.filter(({ kind }) => kind === 'revoke')).toMatchObject([
      { timeoutMs: 1_000 },
      { timeoutMs: 60_000 },
      { timeoutMs: 20 },
    ]);
    rig.ended(0, 0, 'revoked');
    expect(await second).toBe('resolved');
  });

  it('can be asked for again after it failed, and again after the lease has run out', async () => {
    const { rig, lease } = await held();
    const first = code(lease.revoke());
    rig.revokeFailed(0, 0, TIMEOUT);
    const again = code(lease.revoke({ timeoutMs: 5_000 }));
    rig.ended(0, 0, 'expired', TIMEOUT);
    expect(await first).toBe('timeout');
    expect(await again).toBe('timeout');
    const last = code(lease.revoke());
    rig.revokes[0]?.reject(NOT_FOUND);
    expect(await last).toBe('resolved');
  });

  it('ends by its signal, and goes on all the same', async () => {
    const { rig, lease } = await held();
    const abort = new AbortController();
    const one = lease.revoke({ signal: abort.signal });
    const other = rig.leases.revoke(lease.leaseId, { signal: abort.signal });
    const patient = code(lease.revoke());
    abort.abort(new Error('enough'));
    await expect(one).rejects.toMatchObject({ code: 'aborted', outcome: 'unknown', cause: { message: 'enough' } });
    await expect(other).rejects.toMatchObject({ code: 'aborted' });
    expect(lease.isAlive()).toBe(false);
    rig.ended(0, 0, 'revoked');
    expect(await patient).toBe('resolved');
  });

  it('of a crashed shard is told to the next one, although nobody waits for it any longer', async () => {
    const { rig, lease } = await held();
    await expect(lease.revoke({ timeoutMs: 20 })).rejects.toMatchObject({ code: 'timeout' });
    expect(rig.leases.resume(0)).toMatchObject([{ kind: 'adopt' }, { kind: 'revoke', slots: Uint32Array.of(0) }]);
  });

  it('of many rejects with the first failure once all were tried', async () => {
    const rig = leaseRig();
    const asked = rig.leases.grantMany(3, { ttlSeconds: 10 });
    rig.granted(0, 0, 1, 2);
    const many = await asked;
    const revoked = many.revoke();
    rig.revokeFailed(0, 1, DENIED);
    rig.ended(0, 0, 'revoked');
    rig.ended(0, 2, 'revoked');
    await expect(revoked).rejects.toMatchObject({ code: 'permission-denied', leaseId: many.leaseIdAt(1) });
    expect(many.aliveCount).toBe(0);
  });
});

describe('a revocation is refused before anything is sent', () => {
  it('with a time limit that is none, or a signal that is none or has fired', async () => {
    const { rig, lease } = await held();
    const many = rig.leases;
    for (const timeoutMs of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 31, '5', null]) {
      const options = { timeoutMs: timeoutMs as number };
      await expect(lease.revoke(options)).rejects.toEqual(invalid);
      await expect(many.revoke(lease.leaseId, options)).rejects.toEqual(invalid);
      await expect(many.revoke([1n], options)).rejects.toEqual(invalid);
    }
    await expect(lease.revoke({ signal: {} as AbortSignal })).rejects.toEqual(invalid);
    const fired = { code: 'aborted', outcome: 'not-sent' };
    await expect(lease.revoke({ signal: AbortSignal.abort() })).rejects.toMatchObject(fired);
    await expect(many.revoke(lease.leaseId, { signal: AbortSignal.abort() })).rejects.toMatchObject(fired);
    await expect(many.revoke([lease], { signal: AbortSignal.abort() })).rejects.toMatchObject(fired);
    expect(lease.isAlive()).toBe(true);
    expect(rig.kinds()).toEqual(['grant']);
    expect(rig.revokes).toEqual([]);
  });

  it('of what is neither an id nor a lease nor many of these', async () => {
    const { rig, lease } = await held();
    const wrong: unknown[] = [5, Number(1n), '5', '', undefined, null, {}, true, Symbol('x'), () => 5n, 0n, 2n ** 63n];
    for (const value of [...wrong, ...wrong.map((one) => [lease, one]), new Uint8Array(3)]) {
      await expect(rig.leases.revoke(value as bigint)).rejects.toEqual(invalid);
    }
    expect(lease.isAlive()).toBe(true);
    expect(rig.kinds()).toEqual(['grant']);
  });

  it('by an engine that is closed', async () => {
    const { rig, lease } = await held();
    rig.leases.close(new EtcdError('closed', { code: 'closed' }));
    const closed = { code: 'closed', outcome: 'not-sent' };
    await expect(rig.leases.revoke(7n)).rejects.toMatchObject(closed);
    await expect(rig.leases.revoke([7n])).rejects.toMatchObject(closed);
    await expect(lease.revoke()).rejects.toMatchObject(closed);
    await lease[Symbol.asyncDispose]();
  });
});

describe('revoking by id or lease object', () => {
  it('goes to the server where the lease was released, although its slot is not free yet', async () => {
    const { rig, lease } = await held();
    lease.release();
    const byId = code(rig.leases.revoke(lease.leaseId));
    const byLease = code(lease.revoke());
    const byList = code(rig.leases.revoke([lease]));
    await settle();
    expect(rig.revokes.map(({ asked }) => asked.leaseId)).toEqual(Array(3).fill(lease.leaseId));
    for (const { resolve } of rig.revokes) resolve();
    expect(await Promise.all([byId, byLease, byList])).toEqual(['resolved', 'resolved', 'resolved']);
  });

  it('goes to the server where the lease is held no longer and may be left there, and not where it is gone', async () => {
    const rig = leaseRig();
    const asked = rig.leases.grantMany(5, { ttlSeconds: 10 });
    rig.granted(0, 0, 1, 2, 3, 4);
    const many = await asked;
    rig.ended(0, 0, 'expired');
    rig.ended(0, 1, 'halted');
    rig.ended(0, 2, 'lost', DENIED);
    rig.ended(0, 3, 'lost');
    const revoked = code(many.revoke());
    await settle();
    const left = [0, 1, 2].map((index) => many.leaseIdAt(index));
    expect(new Set(rig.revokes.map(({ asked: { leaseId } }) => leaseId))).toEqual(new Set(left));
    expect(rig.sent.at(-1)).toMatchObject({ kind: 'revoke', slots: Uint32Array.of(4) });
    rig.revokes[0]?.resolve();
    for (const { reject } of rig.revokes.slice(1)) reject(NOT_FOUND);
    rig.ended(0, 4, 'revoked');
    expect(await revoked).toBe('resolved');
  });

  it('takes lease objects, lists and sets of both, and whole grants', async () => {
    const rig = leaseRig();
    const asked = rig.leases.grantMany(6, { ttlSeconds: 10 });
    rig.granted(0, 0, 1, 2, 3, 4, 5);
    const many = await asked;
    const other = await held();
    const calls = [
      rig.leases.revoke(many.at(0)),
      rig.leases.revoke([many.at(1), many.leaseIdAt(2), many.leaseIdAt(2)]),
      rig.leases.revoke(new Set([many.at(3)])),
      rig.leases.revoke(BigInt64Array.of(many.leaseIdAt(4))),
      rig.leases.revoke(many),
      rig.leases.revoke(other.lease), // of another engine: by its id
      rig.leases.revoke([]),
    ];
    await settle();
    const commands = rig.sent.flatMap((command) => (command.kind === 'revoke' ? [[...command.slots]] : []));
    expect(commands).toEqual([[0], [1, 2], [3], [4], [0, 1, 2, 3, 4, 5]]);
    expect(rig.revokes.map(({ asked: { leaseId } }) => leaseId)).toEqual([other.lease.leaseId]);
    rig.revokes[0]?.resolve();
    for (let slot = 0; slot < 6; slot += 1) rig.ended(0, slot, 'revoked');
    await Promise.all(calls);
  });

  it('takes very many leases of one grant in a time that grows no faster than their number', async () => {
    const rig = leaseRig();
    const count = 100_000; // copying a list for each would take very long
    const asked = rig.leases.grantMany(count, { ttlSeconds: 10 });
    const slots = Uint32Array.from({ length: count }, (_, slot) => slot);
    rig.leases.report(0, { kind: 'lease-granted', slots });
    const many = await asked;
    const revoked = rig.leases.revoke(many);
    expect(rig.sent.filter(({ kind }) => kind === 'revoke').map((command) => command.slots.length)).toEqual([count]);
    rig.leases.report(0, { kind: 'lease-ended', slots, reason: 'revoked', error: undefined });
    await revoked;
  });

  it('waits for a grant of the same id that is on its way, and revokes what it gave', async () => {
    const rig = leaseRig();
    const asked = rig.leases.grant({ ttlSeconds: 10, leaseId: 7n });
    const one = code(rig.leases.revoke(7n));
    const many = code(rig.leases.revoke([7n]));
    await settle();
    expect(rig.kinds()).toEqual(['grant']);
    rig.granted(0, 0);
    const lease = await asked;
    await settle();
    expect(lease.isAlive()).toBe(false);
    expect(rig.kinds()).toEqual(['grant', 'revoke', 'revoke', 'revoke']); // of the grant itself, and each gives it its time
    rig.ended(0, 0, 'revoked');
    expect([await one, await many]).toEqual(['resolved', 'resolved']);
  });

  it('of a lease that is being granted holds also where it ends before the grant does', async () => {
    const rig = leaseRig();
    const asked = rig.leases.grant({ ttlSeconds: 10, leaseId: 7n });
    const revoked = rig.leases.revoke(7n, { timeoutMs: 20 });
    await expect(revoked).rejects.toMatchObject({ code: 'timeout', outcome: 'unknown' });
    await expect(revoked).rejects.toThrow('revoked as soon as it was granted');
    rig.granted(0, 0);
    expect((await asked).isAlive()).toBe(false);
    expect(rig.kinds()).toEqual(['grant', 'revoke']);
    rig.ended(0, 0, 'revoked');
    await expect((await asked).ended).resolves.toMatchObject({ reason: 'revoked' });
  });

  it('asks the server where the grant of the same id that was on its way is refused, or takes too long', async () => {
    const rig = leaseRig();
    const asked = code(rig.leases.grant({ ttlSeconds: 10, leaseId: 7n }));
    await expect(rig.leases.revoke(7n, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'timeout' });
    const revoked = code(rig.leases.revoke(7n));
    rig.refused(0, 0, new EtcdError('exists', { code: 'lease-exists', outcome: 'refused' }));
    expect(await asked).toBe('lease-exists');
    await settle();
    rig.revokes[0]?.resolve();
    expect(await revoked).toBe('resolved');
  });

  it('asks the server about a lease granted elsewhere whose first renewal is waited for', async () => {
    const rig = leaseRig();
    const kept = code(rig.leases.keepAlive(7n));
    const revoked = code(rig.leases.revoke(7n));
    await settle();
    rig.revokes[0]?.resolve();
    rig.refused(0, 0, NOT_FOUND);
    expect([await kept, await revoked]).toEqual(['lease-not-found', 'resolved']);
  });

  it('of one that the server does not know rejects, among many it counts as revoked', async () => {
    const rig = leaseRig();
    const one = code(rig.leases.revoke(7n));
    const many = code(rig.leases.revoke([8n, 9n]));
    await settle();
    for (const { reject } of rig.revokes) reject(NOT_FOUND);
    expect([await one, await many]).toEqual(['lease-not-found', 'resolved']);
  });
});

describe('a lease that nobody holds', () => {
  it('because its grant was aborted is revoked, and stays so whatever comes of that', async () => {
    const rig = leaseRig();
    const abort = new AbortController();
    const asked = code(rig.leases.grant({ ttlSeconds: 10, leaseId: 7n, signal: abort.signal }));
    abort.abort();
    expect(await asked).toBe('aborted');
    expect(rig.kinds()).toEqual(['grant', 'revoke']);
    rig.revokeFailed(0, 0, TIMEOUT);
    expect(rig.leases.resume(0)).toMatchObject([{ kind: 'grant', resumed: true }, { kind: 'revoke' }]);
    const joined = code(rig.leases.revoke(7n));
    rig.revokeFailed(0, 0, DENIED);
    expect(await joined).toBe('permission-denied');
    expect(rig.sent.at(-1)).toMatchObject({ kind: 'forget', slots: Uint32Array.of(0) });
  });

  it('because its grant was aborted and then refused lets nobody wait for its revocation for ever', async () => {
    const rig = leaseRig();
    const abort = new AbortController();
    const asked = code(rig.leases.grant({ ttlSeconds: 10, leaseId: 7n, signal: abort.signal }));
    abort.abort();
    expect(await asked).toBe('aborted');
    const joined = code(rig.leases.revoke(7n));
    rig.refused(0, 0, new EtcdError('given up before it was sent', { code: 'aborted', outcome: 'not-sent' }));
    expect(await joined).toBe('resolved');
  });

  it('because its session or registration was closed is revoked, and closing again waits for that', async () => {
    const rig = leaseRig();
    const session = rig.leases.session({ ttlSeconds: 10 });
    rig.granted(0, 0);
    const lease = await session.ready;
    const first = code(session.close());
    rig.revokeFailed(0, 0, TIMEOUT);
    const again = code(session.close());
    await settle();
    expect(rig.kinds()).toEqual(['grant', 'revoke', 'revoke']);
    rig.revokeFailed(0, 0, DENIED);
    const last = code(session.close()); // refused, so the lease is left to its TTL: asked once more
    await settle();
    rig.revokes[0]?.resolve();
    expect(await Promise.all([first, again, last])).toEqual(['permission-denied', 'permission-denied', 'resolved']);
    expect(lease.isAlive()).toBe(false);
  });

  it('because its session was released is left alone, also by closing and disposing of it afterwards', async () => {
    const rig = leaseRig();
    const session = rig.leases.session({ ttlSeconds: 10 });
    rig.granted(0, 0);
    const lease = await session.ready;
    session.release();
    await session.close();
    await session[Symbol.asyncDispose]();
    await lease[Symbol.asyncDispose]();
    expect(rig.kinds()).toEqual(['grant', 'forget']);
    expect(rig.revokes).toEqual([]);
  });
});
