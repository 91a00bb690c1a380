/** Grants that nobody wants any more before they are answered: given back whatever becomes of their shard. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EtcdError } from '../../../../src/wire/errors.js';
import { LeaseRoom } from '../../../../src/main/lease/lease-room.js';
import { closeRigs, leaseRig, settle } from './lease-rig.js';

afterEach(() => {
  vi.restoreAllMocks();
  closeRigs();
});

const ABORTED = { code: 'aborted', outcome: 'unknown' };

describe('an aborted grant whose shard fails for good', () => {
  it('goes to another shard, which finds out whether it was granted and revokes it', async () => {
    const rig = leaseRig({ shards: 2 });
    const abort = new AbortController();
    const asked = rig.leases.grant({ ttlSeconds: 10, leaseId: 2n, signal: abort.signal });
    abort.abort();
    await expect(asked).rejects.toMatchObject(ABORTED);
    rig.fail(0);
    expect(rig.sent.slice(2)).toEqual([
      { kind: 'grant', shard: 1, slots: Uint32Array.of(0), drawn: false, timeoutMs: 10_000, resumed: true },
      { kind: 'revoke', shard: 1, slots: Uint32Array.of(0), timeoutMs: 0 },
    ]);
    rig.ended(1, 0, 'revoked');
    await settle();
    expect(rig.revokes).toEqual([]);
    // Its slot is free again.
    const next = rig.leases.grant({ ttlSeconds: 10, leaseId: 3n });
    expect(rig.sent.at(-1)).toMatchObject({ kind: 'grant', slots: Uint32Array.of(0) });
    rig.granted(1, 0);
    expect((await next).isAlive()).toBe(true);
  });

  it('is revoked by a call of its own where no other shard lives, and a refusal of that harms nobody', async () => {
    const rig = leaseRig();
    const abort = new AbortController();
    const asked = rig.leases.grantMany(3, { ttlSeconds: 10, signal: abort.signal });
    rig.granted(0, 0);
    abort.abort();
    await expect(asked).rejects.toMatchObject(ABORTED);
    rig.fail(0);
    await settle();
    const state = rig.state(0);
    const ids = [0, 1, 2].map((slot) => state.leaseId[slot]);
    expect(new Set(rig.revokes.map(({ asked: { leaseId } }) => leaseId))).toEqual(new Set(ids));
    rig.revokes[0]?.reject(new EtcdError('no', { code: 'lease-not-found', outcome: 'refused' }));
    rig.revokes[1]?.reject(new EtcdError('no', { code: 'permission-denied', outcome: 'refused' }));
    rig.revokes[2]?.resolve();
    await settle();
  });
});

describe('a revocation that its caller no longer waits for, whose shard fails for good', () => {
  it('is asked for by a call of its own where no other shard lives', async () => {
    const rig = leaseRig();
    const asked = rig.leases.grant({ ttlSeconds: 10, leaseId: 7n });
    rig.granted(0, 0);
    const lease = await asked;
    const abort = new AbortController();
    const revoked = lease.revoke({ signal: abort.signal });
    abort.abort();
    await expect(revoked).rejects.toMatchObject({ code: 'aborted' });
    rig.fail(0);
    await settle();
    expect(rig.revokes.map(({ asked: { leaseId } }) => leaseId)).toEqual([7n]);
  });
});

describe('an aborted grantMany whose engine is closed at once', () => {
  it('is over: its revocation was asked of the shard before, and nothing is sent or waited for after', async () => {
    const rig = leaseRig();
    const abort = new AbortController();
    const asked = rig.leases.grantMany(3, { ttlSeconds: 10, signal: abort.signal });
    rig.granted(0, 0);
    abort.abort();
    await expect(asked).rejects.toMatchObject(ABORTED);
    rig.leases.close(new EtcdError('the engine was closed', { code: 'closed' }));
    await settle();
    expect(rig.kinds()).toEqual(['grant', 'revoke']);
    expect(rig.sent.at(-1)).toMatchObject({ slots: Uint32Array.of(0, 1, 2) });
    expect(rig.revokes).toEqual([]);
  });
});

describe('revoking very many leases by id that are still being granted', () => {
  it('looks through all leases twice, not once for each, and revokes each of them', async () => {
    const rig = leaseRig();
    const many = rig.leases.grantMany(2_000, { ttlSeconds: 10 });
    const single = Array.from({ length: 200 }, () => rig.leases.grant({ ttlSeconds: 10 }));
    const slots = Array.from({ length: 2_200 }, (_, slot) => slot);
    const ids = slots.map((slot) => rig.state(0).leaseId[slot] ?? 0n);
    const find = vi.spyOn(LeaseRoom.prototype, 'find');
    const all = vi.spyOn(LeaseRoom.prototype, 'all');
    const revoked = rig.leases.revoke(ids);
    rig.granted(0, ...slots);
    await Promise.all([many, ...single]);
    await settle();
    const asked = rig.sent.flatMap((command) => (command.kind === 'revoke' ? [...command.slots] : []));
    expect(new Set(asked)).toEqual(new Set(slots));
    for (const slot of slots) rig.ended(0, slot, 'revoked');
    await revoked;
    expect([find.mock.calls.length, all.mock.calls.length]).toEqual([0, 2]);
  });
});
