import { afterEach, describe, expect, it } from 'vitest';
import { EtcdError, errorToPlain } from '../../../../src/wire/errors.js';
import type { LeaseCommand } from '../../../../src/wire/lease-contract.js';
import { LeaseState, LeaseStatus } from '../../../../src/wire/lease-state.js';
import { monotonicMs } from '../../../../src/wire/monotonic-clock.js';
import { Leases } from '../../../../src/main/lease/leases.js';
import type { LeaseEnd } from '../../../../src/main/lease/lease-end.js';

const CLOSED = new EtcdError('the engine was closed', { code: 'closed' });
const CRASH = new EtcdError('the worker crashed', { code: 'shard-failed' });
const open: Leases[] = [];
afterEach(() => {
  for (const leases of open.splice(0)) leases.close(CLOSED);
});

/** The service with one shard that this test plays. */
function rig(livenessMs = 0) {
  const sent: LeaseCommand[] = [];
  const leases = new Leases({
    link: { shards: 1, send: (_shard, command) => sent.push(command), failure: () => undefined },
    rpc: {
      revoke: () => Promise.resolve(),
      timeToLive: () => Promise.resolve(undefined),
      list: () => Promise.resolve([]),
      keepAliveOnce: () => Promise.resolve(0),
    },
    put: () => Promise.resolve(),
    livenessMs,
  });
  open.push(leases);
  const state = new LeaseState(leases.sharedState(0));
  const live = (slot: number, ttlMs = 10_000): void => {
    state.deadlineMs[slot] = monotonicMs() + ttlMs;
    state.setStatus(slot, LeaseStatus.Live);
  };
  const granted = (...slots: number[]): void => {
    for (const slot of slots) live(slot);
    leases.report(0, { kind: 'lease-granted', slots: Uint32Array.from(slots) });
  };
  return { leases, sent, state, live, granted };
}

describe('the lease service', () => {
  it('is alive by the shared state alone: status, deadline, heartbeat', async () => {
    const { leases, state, live, granted } = rig();
    const asked = leases.grant({ ttlSeconds: 10 });
    granted(0);
    const lease = await asked;
    expect(lease.isAlive()).toBe(true);
    state.deadlineMs[0] = monotonicMs() - 1;
    expect(lease.isAlive()).toBe(false);
    expect(lease.remainingMs).toBe(0);
    live(0, 5_000);
    expect(lease.isAlive()).toBe(true);
    state.wallAheadMs = Date.now() - monotonicMs() - 60_000; // the machine slept for a minute
    expect(lease.isAlive()).toBe(false);
    state.wallAheadMs = Date.now() - monotonicMs();
    live(0, 5_000);
    expect(lease.isAlive()).toBe(true);
    state.setStatus(0, LeaseStatus.Lost); // written, not reported yet
    expect(lease.isAlive()).toBe(false);
  });

  it('takes a lease for alive no more once it was found past its deadline, whatever the shard writes or sees afterwards', async () => {
    const { leases, state, granted } = rig();
    const asked = leases.grantMany(2, { ttlSeconds: 10 });
    granted(0, 1);
    const [renewed, slept] = await asked;
    state.deadlineMs[0] = monotonicMs() - 1;
    expect(renewed?.isAlive()).toBe(false);
    state.deadlineMs[0] = monotonicMs() + 5_000; // an answer that the shard was just taking
    expect(renewed?.isAlive()).toBe(false);
    state.wallAheadMs = Date.now() - monotonicMs() - 60_000; // the machine slept for a minute
    expect(slept?.isAlive()).toBe(false);
    state.wallAheadMs = Date.now() - monotonicMs(); // seen by the shard, which has not come to this lease yet
    expect(slept?.isAlive()).toBe(false);
    const ends: string[] = [];
    for (const lease of [renewed, slept]) void lease?.ended.then(({ reason }) => ends.push(reason));
    for (const slots of [Uint32Array.of(0, 1), Uint32Array.of(0)]) {
      leases.report(0, { kind: 'lease-ended', slots, reason: 'expired', error: undefined });
    }
    await Promise.all([renewed?.ended, slept?.ended]);
    expect(ends).toEqual(['expired', 'expired']);
  });

  it('tells the shard when it finds by itself that it hung, so that both agree', async () => {
    const { leases, state, granted } = rig(500);
    const asked = leases.grant({ ttlSeconds: 10 });
    granted(0);
    const lease = await asked;
    state.heartbeatMs = monotonicMs() - 501;
    expect(lease.isAlive()).toBe(false);
    expect(state.halts).toBe(1);
    expect(lease.isAlive(), 'asked again before the shard has heard of it').toBe(false);
  });

  it('tells no renewal of a lease that was given back while the report was on its way', async () => {
    const { leases, granted } = rig();
    const asked = leases.grant({ ttlSeconds: 10 });
    granted(0);
    const lease = await asked;
    let renewals = 0;
    lease.onRenewed(() => (renewals += 1));
    leases.report(0, { kind: 'lease-renewed', slots: Uint32Array.of(0) });
    lease.release();
    leases.report(0, { kind: 'lease-renewed', slots: Uint32Array.of(0) });
    expect(renewals).toBe(1);
  });

  it('ends a lease once, whatever is reported, and never mistakes a slot for its next lease', async () => {
    const { leases, granted, sent } = rig();
    const asked = leases.grant({ ttlSeconds: 10 });
    granted(0);
    const first = await asked;
    const ends: LeaseEnd[] = [];
    void first.ended.then((end) => ends.push(end));
    const slots = Uint32Array.of(0);
    leases.report(0, { kind: 'lease-ended', slots, reason: 'lost', error: errorToPlain(CRASH) });
    leases.report(0, { kind: 'lease-ended', slots, reason: 'expired', error: undefined });
    const again = leases.grant({ ttlSeconds: 10 });
    expect(sent.at(-1)).toMatchObject({ kind: 'grant', slots });
    granted(0);
    const second = await again;
    first.release();
    await first.revoke();
    expect(second.isAlive()).toBe(true);
    expect(first.isAlive()).toBe(false);
    await expect(first.ended).resolves.toMatchObject({ reason: 'lost', error: { code: 'shard-failed' } });
    expect(ends).toHaveLength(1);
    expect(sent.map(({ kind }) => kind)).toEqual(['grant', 'grant']);
  });

  it('rejects a bulk grant with its first refusal once all are answered, and revokes the others', async () => {
    const { leases, granted, sent } = rig();
    const asked = leases.grantMany(3, { ttlSeconds: 10 });
    granted(0, 2);
    const refusal = new EtcdError('no', { code: 'no-space' });
    leases.report(0, { kind: 'lease-refused', slots: Uint32Array.of(1), error: errorToPlain(refusal) });
    await expect(asked).rejects.toMatchObject({ code: 'no-space' });
    expect(sent.at(-1)).toMatchObject({ kind: 'revoke', slots: Uint32Array.of(0, 2) });
  });

  it('knows the positions of a bulk grant only', async () => {
    const { leases, granted } = rig();
    const asked = leases.grantMany(3, { ttlSeconds: 10 });
    granted(0, 1, 2);
    const many = await asked;
    expect(many.at(2).leaseId).toBe(many.leaseIdAt(2));
    const refusal = expect.objectContaining({ code: 'invalid-argument' });
    for (const index of [-1, 3, 0.5, Number.NaN]) {
      expect(() => many.at(index)).toThrow(refusal);
      expect(() => many.leaseIdAt(index)).toThrow(refusal);
      expect(() => many.isAliveAt(index)).toThrow(refusal);
    }
  });

  it('a refused revocation rejects, and the lease is not renewed again: it ends as released', async () => {
    const { leases, granted, sent } = rig();
    const asked = leases.grant({ ttlSeconds: 10 });
    granted(0);
    const lease = await asked;
    const revoked = lease.revoke();
    const denied = new EtcdError('no', { code: 'permission-denied' });
    leases.report(0, { kind: 'lease-revoke-failed', slots: Uint32Array.of(0), error: errorToPlain(denied) });
    await expect(revoked).rejects.toMatchObject({ code: 'permission-denied', leaseId: lease.leaseId });
    expect(lease.isAlive()).toBe(false);
    expect(sent.at(-1)).toMatchObject({ kind: 'forget', slots: Uint32Array.of(0) });
    await expect(lease.ended).resolves.toMatchObject({ reason: 'released', error: { code: 'permission-denied' } });
  });

  it('tells a new shard what each lease was about, and ends those whose end was written but not reported', async () => {
    const { leases, granted, state } = rig();
    const asked = leases.grantMany(4, { ttlSeconds: 10 });
    granted(0, 1, 2, 3);
    const many = await asked;
    const pending = leases.grant({ ttlSeconds: 10, leaseId: 7n });
    pending.catch(() => undefined);
    const ends: LeaseEnd[] = [];
    many.onEnded((end) => ends.push(end));
    const revoking = many.at(1).revoke();
    revoking.catch(() => undefined);
    many.at(2).release();
    state.setStatus(3, LeaseStatus.Expired);
    const commands = leases.resume(0);
    expect(ends.map(({ reason }) => reason)).toEqual(['released', 'expired']);
    expect(commands).toEqual([
      { kind: 'grant', slots: Uint32Array.of(4), drawn: false, timeoutMs: 10_000, resumed: true },
      { kind: 'adopt', slots: Uint32Array.of(0, 1) },
      // What is left of its time, which has begun.
      { kind: 'revoke', slots: Uint32Array.of(1), timeoutMs: expect.any(Number) as unknown },
    ]);
    const revoke = commands.find(({ kind }) => kind === 'revoke');
    expect(revoke).toHaveProperty('timeoutMs');
    const { timeoutMs } = revoke as { readonly timeoutMs: number };
    expect(timeoutMs).toBeGreaterThan(0);
    expect(timeoutMs).toBeLessThanOrEqual(10_001);
  });

  it('ends a lease as lost when another one of its id is granted, which only happens where it is gone', async () => {
    const { leases, granted, sent } = rig();
    const asked = leases.grant({ ttlSeconds: 60, leaseId: 7n });
    granted(0);
    const first = await asked;
    const again = leases.grant({ ttlSeconds: 2, leaseId: 7n });
    expect(first.isAlive()).toBe(true); // until the server has said so
    granted(1);
    const second = await again;
    expect([first.isAlive(), second.isAlive()]).toEqual([false, true]);
    await expect(first.ended).resolves.toMatchObject({ leaseId: 7n, reason: 'lost' });
    expect(sent.at(-1)).toMatchObject({ kind: 'forget', slots: Uint32Array.of(0) });
    expect(await leases.keepAlive(7n)).toBe(second);
  });

  it('with a shard that failed for good, and with close, nothing waits for ever', async () => {
    const { leases, granted } = rig();
    const asked = leases.grant({ ttlSeconds: 10 });
    granted(0);
    const lease = await asked;
    const pending = leases.grant({ ttlSeconds: 10 });
    leases.failed(0, CRASH);
    await expect(lease.ended).resolves.toMatchObject({ reason: 'halted', error: { code: 'shard-failed' } });
    await expect(pending).rejects.toMatchObject({ code: 'shard-failed' });
    const late = leases.grant({ ttlSeconds: 10 });
    leases.close(CLOSED);
    await expect(late).rejects.toMatchObject({ code: 'closed' });
  });
});
