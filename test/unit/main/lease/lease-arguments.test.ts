/** What stands for a lease where one is asked for: a lease, its id, a session. */
import { afterEach, describe, expect, it } from 'vitest';
import type { LeaseInput } from '../../../../src/main/kv/lease-input.js';
import { Kv } from '../../../../src/main/kv/kv.js';
import type { Leases } from '../../../../src/main/lease/leases.js';
import { EtcdError } from '../../../../src/wire/errors.js';
import { closeRigs, leaseRig } from './lease-rig.js';

afterEach(closeRigs);

const nothingIsSent = new Kv({ call: () => Promise.reject(new Error('something was sent')) });

async function failureOf(promise: Promise<unknown>): Promise<EtcdError> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof EtcdError) return thrown;
  throw new Error('was accepted', { cause: thrown });
}

describe('a lease that is asked about', () => {
  const calls: ((leases: Leases, lease: LeaseInput) => Promise<unknown>)[] = [
    (leases, lease) => leases.keepAlive(lease),
    (leases, lease) => leases.keepAliveOnce(lease),
    (leases, lease) => leases.timeToLive(lease),
    (leases, lease) => leases.revoke(lease),
    (leases, lease) => leases.revoke([lease]),
  ];

  it.each<[string, LeaseInput]>([
    ['its id', 7n],
    ['a lease object', { leaseId: 7n }],
    ['a lease object that has ended, of which the server knows best', { leaseId: 7n, isAlive: (): boolean => false }],
    ['a session, for the lease that it holds', { lease: { leaseId: 7n }, close: (): undefined => undefined }],
  ])('may be given as %s, whatever is asked', async (_name, lease) => {
    const asked: bigint[] = [];
    const rig = leaseRig({
      rpc: {
        revoke: (leaseId) => Promise.resolve(void asked.push(leaseId)),
        timeToLive: (leaseId) => Promise.resolve(void asked.push(leaseId)),
        list: () => Promise.resolve([]),
        keepAliveOnce: (leaseId) => Promise.resolve(asked.push(leaseId)),
      },
    });
    await rig.leases.keepAliveOnce(lease);
    await rig.leases.timeToLive(lease);
    await rig.leases.revoke(lease);
    await rig.leases.revoke([lease]);
    expect(asked).toEqual([7n, 7n, 7n, 7n]);
    rig.leases.keepAlive(lease).catch(() => undefined); // ends with the rig
    expect(rig.kinds()).toEqual(['keep-alive']);
  });

  it.each(calls.map((call, index) => [index, call] as const))(
    'is refused as a session without one (%i)',
    async (_i, call) => {
      const { leases } = leaseRig();
      const session = leases.session({ ttlSeconds: 10 });
      expect(await failureOf(call(leases, session))).toMatchObject({ code: 'lease-ended', retryable: true });
      session.release();
      expect(await failureOf(call(leases, session))).toMatchObject({ code: 'lease-ended', retryable: false });
      for (const wrong of [undefined, null, 7, '7', 0n, { leaseId: 0n }, {}])
        expect(await failureOf(call(leases, wrong as unknown as LeaseInput))).toMatchObject({
          code: 'invalid-argument',
        });
    },
  );
});

describe('a put with a session', () => {
  it.each([
    ['closed', (session: { close(): Promise<void> }): Promise<void> => session.close()],
    ['released', (session: { release(): void }): void => session.release()],
  ])('that was %s says so, and that another try is no use', async (_name, end) => {
    const rig = leaseRig();
    const session = rig.leases.session({ ttlSeconds: 10 });
    expect(session.isClosed()).toBe(false);
    await end(session);
    expect(session.isClosed()).toBe(true);
    const error = await failureOf(nothingIsSent.put('k', 'v', { lease: session }));
    expect(error).toMatchObject({ code: 'lease-ended', outcome: 'not-sent', retryable: false });
    expect(error.message).toContain('the session was closed');
  });

  it('whose engine was closed says so, too', async () => {
    const rig = leaseRig();
    const session = rig.leases.session({ ttlSeconds: 10 });
    rig.leases.close(new EtcdError('the engine was closed', { code: 'closed' }));
    const error = await failureOf(nothingIsSent.put('k', 'v', { lease: session }));
    expect(error).toMatchObject({ code: 'lease-ended', retryable: false });
    expect(error.message).toContain('the session was closed');
  });

  it('between two leases may be tried again', async () => {
    const session = leaseRig().leases.session({ ttlSeconds: 10 });
    const error = await failureOf(nothingIsSent.put('k', 'v', { lease: session }));
    expect(error).toMatchObject({ code: 'lease-ended', retryable: true });
    expect(error.message).toContain("when it tells 'granted'");
  });
});
