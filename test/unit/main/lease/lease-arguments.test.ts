/** What stands for a lease where one is asked for: a lease, its id, a session. */
import { afterEach, describe, expect, it } from 'vitest';
import { Kv } from '../../../../src/main/kv/kv.js';
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
