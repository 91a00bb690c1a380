/** That an id is kept alive once, whoever asks for it and when. */
import { afterEach, describe, expect, it } from 'vitest';
import { EtcdError } from '../../../../src/wire/errors.js';
import { closeRigs, leaseRig, settle } from './lease-rig.js';

afterEach(closeRigs);

const NOT_FOUND = new EtcdError('lease not found', { code: 'lease-not-found', outcome: 'refused' });

describe('keepAlive of one id', () => {
  it('that is asked for several times at once is asked of the shard once, and gives one lease', async () => {
    const rig = leaseRig();
    const asked = [7n, 7n, 7n].map((leaseId) => rig.leases.keepAlive(leaseId));
    const slow = rig.leases.keepAlive(7n, { intervalMs: 1_000 });
    rig.granted(0, 0);
    const [first, ...others] = await Promise.all([...asked, slow]);
    for (const other of others) expect(other).toBe(first);
    expect(await rig.leases.keepAlive(7n)).toBe(first);
    expect(rig.kinds()).toEqual(['keep-alive', 'reschedule']);
    expect(rig.state(0).intervalMs[0]).toBe(1_000);
  });

  it('goes on for the others when the one that asked first gives up, asked of the shard by one of them', async () => {
    const rig = leaseRig();
    const abort = new AbortController();
    const first = rig.leases.keepAlive(7n, { signal: abort.signal });
    const others = [rig.leases.keepAlive(7n), rig.leases.keepAlive(7n)];
    abort.abort();
    await expect(first).rejects.toMatchObject({ code: 'aborted' });
    await settle();
    expect(rig.kinds()).toEqual(['keep-alive', 'forget', 'keep-alive']);
    rig.granted(0, 1);
    const [one, two] = await Promise.all(others);
    expect(one).toBe(two);
  });

  it('ends for each at its own time limit and by its own signal', async () => {
    const rig = leaseRig();
    const first = rig.leases.keepAlive(7n);
    const abort = new AbortController();
    const aborted = rig.leases.keepAlive(7n, { signal: abort.signal });
    await expect(rig.leases.keepAlive(7n, { timeoutMs: 20 })).rejects.toMatchObject({ code: 'timeout' });
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    await expect(rig.leases.keepAlive(7n, { signal: abort.signal })).rejects.toMatchObject({ outcome: 'not-sent' });
    rig.granted(0, 0);
    expect((await first).isAlive()).toBe(true);
    expect(rig.kinds()).toEqual(['keep-alive']);
  });

  it('that the server does not know fails for all', async () => {
    const rig = leaseRig();
    const asked = [rig.leases.keepAlive(7n), rig.leases.keepAlive(7n)];
    rig.refused(0, 0, NOT_FOUND);
    for (const each of asked) await expect(each).rejects.toMatchObject({ code: 'lease-not-found' });
    expect(rig.kinds()).toEqual(['keep-alive']);
  });

  it('that is being granted here waits for the grant', async () => {
    const rig = leaseRig();
    const granted = rig.leases.grant({ ttlSeconds: 10, leaseId: 7n });
    const kept = rig.leases.keepAlive(7n);
    rig.granted(0, 0);
    expect(await kept).toBe(await granted);
    expect(rig.kinds()).toEqual(['grant']);
  });

  it('that was released is asked for anew, although the slot of before is not free yet', async () => {
    const rig = leaseRig();
    const asked = rig.leases.keepAlive(7n);
    rig.granted(0, 0);
    const first = await asked;
    first.release();
    const again = rig.leases.keepAlive(7n);
    rig.granted(0, 1);
    const second = await again;
    expect(second).not.toBe(first);
    expect([first.isAlive(), second.isAlive()]).toEqual([false, true]);
    expect(await rig.leases.keepAlive(7n)).toBe(second);
    expect(rig.kinds()).toEqual(['keep-alive', 'forget', 'keep-alive']);
  });

  it('that is being revoked here is refused', async () => {
    const rig = leaseRig();
    const asked = rig.leases.keepAlive(7n);
    rig.granted(0, 0);
    const lease = await asked;
    const revoked = lease.revoke();
    await expect(rig.leases.keepAlive(7n)).rejects.toMatchObject({ code: 'lease-ended', outcome: 'not-sent' });
    rig.ended(0, 0, 'revoked');
    await revoked;
  });

  it('that was answered in the moment in which its caller turned away is left alone', async () => {
    const rig = leaseRig();
    const abort = new AbortController();
    const asked = rig.leases.keepAlive(7n, { signal: abort.signal });
    await settle();
    rig.granted(0, 0);
    abort.abort();
    await expect(asked).rejects.toMatchObject({ code: 'aborted' });
    expect(rig.kinds()).toEqual(['keep-alive', 'forget']);
  });

  it('refuses what is no id before anything is sent', async () => {
    const rig = leaseRig();
    for (const leaseId of [0n, 2n ** 63n, 7, '7', undefined, null, {}, [7n]]) {
      await expect(rig.leases.keepAlive(leaseId as bigint)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
    for (const options of [{ timeoutMs: 0 }, { intervalMs: 1 }, { signal: 5 as unknown as AbortSignal }]) {
      await expect(rig.leases.keepAlive(7n, options)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
    expect(rig.sent).toEqual([]);
  });
});
