/** Leases while one of several shards has failed for good: what is asked for goes to those that live. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeRigs, leaseRig, settle } from './lease-rig.js';

afterEach(closeRigs);

/** Ids that belong to each of three shards. */
const IDS = [3n, 1n, 2n] as const;

describe('with a shard that failed for good and others that live', () => {
  it('grants go to those that live, with ids drawn here and ids of the caller', async () => {
    const rig = leaseRig({ shards: 3 });
    rig.fail(0);
    rig.fail(1);
    const drawn = rig.leases.grantMany(50, { ttlSeconds: 10 });
    const given = rig.leases.grant({ ttlSeconds: 10, leaseId: IDS[0] });
    const kept = rig.leases.keepAlive(IDS[1]);
    expect(rig.sent.map(({ kind, shard }) => [kind, shard])).toEqual([
      ['grant', 2],
      ['grant', 2],
      ['keep-alive', 2],
    ]);
    rig.granted(2, ...Array.from({ length: 52 }, (_, slot) => slot));
    expect((await drawn).aliveCount).toBe(50);
    const lease = await given;
    expect([lease.isAlive(), (await kept).isAlive()]).toEqual([true, true]);
    expect(await rig.leases.keepAlive(IDS[0])).toBe(lease);
    const revoked = rig.leases.revoke(IDS[0]);
    expect(rig.sent.at(-1)).toMatchObject({ kind: 'revoke', shard: 2, slots: Uint32Array.of(50) });
    rig.ended(2, 50, 'revoked');
    await revoked;
  });

  it('grants and first renewals that were on their way to it go on in another one, which knows that they may be granted', async () => {
    const rig = leaseRig({ shards: 3 });
    const granted = rig.leases.grant({ ttlSeconds: 10, leaseId: IDS[0], intervalMs: 700 });
    const other = rig.leases.grant({ ttlSeconds: 10, leaseId: IDS[1] });
    const kept = rig.leases.keepAlive(6n);
    rig.granted(1, 0);
    rig.fail(0);
    expect(rig.sent.slice(3)).toEqual([
      { kind: 'grant', shard: 1, slots: Uint32Array.of(1), drawn: false, timeoutMs: 10_000, resumed: true },
      { kind: 'keep-alive', shard: 1, slots: Uint32Array.of(2), timeoutMs: 10_000 },
    ]);
    expect(rig.state(1).leaseId[1]).toBe(IDS[0]);
    expect(rig.state(1).intervalMs[1]).toBe(700);
    expect(rig.state(1).ttlSeconds[1]).toBe(10);
    rig.granted(1, 1, 2);
    for (const asked of [granted, other, kept]) expect((await asked).isAlive()).toBe(true);
  });

  it('revocations go on in another one, also when it fails too, and what it held has ended', async () => {
    const rig = leaseRig({ shards: 3 });
    const asked = [
      rig.leases.grant({ ttlSeconds: 10, leaseId: IDS[0] }),
      rig.leases.grant({ ttlSeconds: 10, leaseId: 6n }),
    ];
    rig.granted(0, 0, 1);
    const [revoking, held] = await Promise.all(asked);
    const revoked = revoking?.revoke();
    rig.fail(0);
    rig.fail(1);
    expect(rig.sent.slice(-2)).toMatchObject([
      { kind: 'adopt', shard: 2, slots: Uint32Array.of(0) },
      { kind: 'revoke', shard: 2, slots: Uint32Array.of(0) },
    ]);
    await expect(held?.ended).resolves.toMatchObject({ reason: 'halted', error: { code: 'shard-failed' } });
    rig.ended(2, 0, 'revoked');
    await revoked;
    await expect(revoking?.ended).resolves.toMatchObject({ reason: 'revoked' });
    // Nobody renews it; the server has it until it runs out.
    const late = held?.revoke();
    await settle();
    expect(rig.revokes.map(({ asked: { leaseId } }) => leaseId)).toEqual([6n]);
    rig.revokes[0]?.resolve();
    await late;
  });

  it('a revocation goes on for as long as its caller waits, or without time where nobody does', async () => {
    const rig = leaseRig();
    const abort = new AbortController();
    const asked = rig.leases.grant({ ttlSeconds: 10 });
    const unwanted = rig.leases.grant({ ttlSeconds: 10, signal: abort.signal });
    rig.granted(0, 0);
    const lease = await asked;
    abort.abort();
    await expect(unwanted).rejects.toMatchObject({ code: 'aborted' });
    const revoked = lease.revoke({ timeoutMs: 3_000 });
    const commands = rig.leases.resume(0);
    // Whether the unwanted one was granted is not known: it is granted, and revoked then.
    expect(commands[0]).toMatchObject({ kind: 'grant', slots: Uint32Array.of(1), drawn: true, resumed: true });
    expect(commands[1]).toEqual({ kind: 'adopt', slots: Uint32Array.of(0) });
    const resumed = commands.flatMap((command) => (command.kind === 'revoke' ? [command] : []));
    expect(resumed).toEqual([
      { kind: 'revoke', slots: Uint32Array.of(0), timeoutMs: expect.any(Number) as number },
      { kind: 'revoke', slots: Uint32Array.of(1), timeoutMs: 0 },
    ]);
    expect(resumed[0]?.timeoutMs).toBeGreaterThan(0);
    expect(resumed[0]?.timeoutMs).toBeLessThanOrEqual(3_000);
    rig.ended(0, 0, 'revoked');
    await revoked;
  });

  it('a lease that ran out while no worker was there to renew it ends when the next one is started', async () => {
    const rig = leaseRig();
    const asked = rig.leases.grantMany(2, { ttlSeconds: 10 });
    rig.granted(0, 0, 1);
    const many = await asked;
    rig.state(0).deadlineMs[0] = 1;
    expect(rig.leases.resume(0)).toEqual([{ kind: 'adopt', slots: Uint32Array.of(1) }]);
    await expect(many.at(0).ended).resolves.toMatchObject({ reason: 'expired' });
    expect([many.at(0).isAlive(), many.at(1).isAlive()]).toEqual([false, true]);
  });

  it('a session that lost its lease with the shard is granted another one', async () => {
    const rig = leaseRig({ shards: 2 });
    const session = rig.leases.session({ ttlSeconds: 10 });
    const first = rig.sent[0]?.shard ?? 0;
    rig.granted(first, 0);
    await session.ready;
    rig.fail(first);
    await settle();
    expect(rig.sent.at(-1)).toMatchObject({ kind: 'grant', shard: 1 - first });
    rig.granted(1 - first, 0);
    await settle();
    expect(session.lease?.isAlive()).toBe(true);
  });

  it('and nothing but failures, everything fails with the reason', async () => {
    const rig = leaseRig({ shards: 2 });
    const pending = rig.leases.grant({ ttlSeconds: 10 });
    rig.fail(0);
    rig.fail(1);
    const failed = { code: 'shard-failed' };
    await expect(pending).rejects.toMatchObject(failed);
    await expect(rig.leases.grant({ ttlSeconds: 10 })).rejects.toMatchObject(failed);
    await expect(rig.leases.grantMany(5, { ttlSeconds: 10 })).rejects.toMatchObject(failed);
    await expect(rig.leases.keepAlive(7n)).rejects.toMatchObject(failed);
  });
});
