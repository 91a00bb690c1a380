/** The one put at a time of a registered key, against a server whose answers the test gives. */
import { afterEach, describe, expect, it } from 'vitest';
import { EtcdError } from '../../../../src/wire/errors.js';
import { Registration } from '../../../../src/main/lease/lease-registration.js';
import { eventually } from '../../../support/poll.js';
import { closeRigs, leaseRig, settle, type AskedCall, type LeaseRig, type SentPut } from './lease-rig.js';

afterEach(closeRigs);

const UNAVAILABLE = new EtcdError('gone', { code: 'unavailable', outcome: 'unknown' });

function put(rig: LeaseRig, index: number): AskedCall<SentPut> {
  const found = rig.puts[index];
  if (found === undefined) throw new Error(`put ${String(index)} was not sent`);
  return found;
}

/** A key that stands with the value `v0`: its put is number 0. */
async function registered(): Promise<{ rig: LeaseRig; registration: Registration }> {
  const rig = leaseRig();
  const asked = rig.leases.register('svc/me', 'v0', { ttlSeconds: 10 });
  rig.granted(0, 0);
  await settle();
  put(rig, 0).resolve();
  return { rig, registration: await asked };
}

const values = (rig: LeaseRig): string[] => rig.puts.map(({ asked }) => asked.value);

describe('a registered key', () => {
  it('has one put on its way, and sends the newest of the values that came meanwhile next', async () => {
    const { rig, registration } = await registered();
    for (const value of ['v1', 'v2', 'v3']) registration.update(value);
    await settle();
    expect(values(rig)).toEqual(['v0', 'v1']);
    put(rig, 1).resolve();
    await settle();
    expect(values(rig)).toEqual(['v0', 'v1', 'v3']);
    put(rig, 2).resolve();
    await settle();
    expect(values(rig)).toHaveLength(3);
  });

  it('does not repeat a put for which there is a newer value, and sends that as soon as the older one has failed', async () => {
    const { rig, registration } = await registered();
    registration.update('v1');
    expect(put(rig, 1).asked.options.mayRepeat()).toBe(true);
    registration.update('v2');
    expect(put(rig, 1).asked.options.mayRepeat()).toBe(false);
    put(rig, 1).reject(UNAVAILABLE);
    await settle();
    expect(values(rig)).toEqual(['v0', 'v1', 'v2']);
    expect(put(rig, 2).asked.options.mayRepeat()).toBe(true);
  });

  it('does not repeat a put on a lease that is held no longer, and puts the key on the next one once it has ended', async () => {
    const { rig, registration } = await registered();
    const events: string[] = [];
    registration.on(({ type }) => events.push(type));
    registration.update('v1');
    rig.ended(0, 0, 'lost');
    expect(put(rig, 1).asked.options.mayRepeat()).toBe(false);
    await settle();
    rig.granted(0, 0);
    await settle();
    expect(values(rig)).toEqual(['v0', 'v1']); // still one on its way
    put(rig, 1).resolve();
    await settle();
    expect(values(rig)).toEqual(['v0', 'v1', 'v1']);
    expect(put(rig, 2).asked.leaseId).not.toBe(put(rig, 1).asked.leaseId);
    expect(registration.isRegistered()).toBe(false); // what the older lease had counts for nothing
    put(rig, 2).resolve();
    await settle();
    expect(registration.isRegistered()).toBe(true);
    expect(registration.leaseId).toBe(put(rig, 2).asked.leaseId);
    expect(events).toEqual(['unregistered', 'registered']);
  });

  it.each([
    [
      'released by the application',
      (rig: LeaseRig, leaseId: bigint) => rig.leases.keepAlive(leaseId).then((lease) => lease.release()),
    ],
    [
      'not revoked because the server refused',
      async (rig: LeaseRig, leaseId: bigint) => {
        const failed = rig.leases.revoke(leaseId).catch(() => undefined);
        rig.revokeFailed(0, 0, new EtcdError('no', { code: 'permission-denied', outcome: 'refused' }));
        await failed;
      },
    ],
  ])('is put on another lease where its lease was %s', async (_what, end) => {
    const { rig, registration } = await registered();
    const first = put(rig, 0).asked.leaseId;
    const events: string[] = [];
    registration.on(({ type }) => events.push(type));
    await end(rig, first);
    await eventually(() => rig.kinds().filter((kind) => kind === 'grant').length === 2);
    registration.update('v1');
    const slots = rig.sent.findLast(({ kind }) => kind === 'grant')?.slots ?? [];
    rig.granted(0, ...slots);
    await settle();
    put(rig, 1).resolve();
    await settle();
    expect(values(rig)).toEqual(['v0', 'v1']);
    expect(put(rig, 1).asked.leaseId).not.toBe(first);
    expect(events).toEqual(['unregistered', 'registered']);
    expect(registration.isRegistered()).toBe(true);
  });

  it('is gone without another grant where its engine closes', async () => {
    const { rig, registration } = await registered();
    rig.leases.close(new EtcdError('the engine was closed', { code: 'closed' }));
    await settle();
    expect(rig.kinds()).toEqual(['grant']);
    expect(registration.isRegistered()).toBe(false);
  });

  it('takes text and bytes as kv.put does, and keeps a copy', async () => {
    const { rig, registration } = await registered();
    const bytes = Buffer.from('grüße');
    registration.update(bytes);
    bytes.fill(0);
    put(rig, 1).reject(UNAVAILABLE);
    await eventually(() => rig.puts.length === 3);
    registration.update('grüße, again');
    put(rig, 2).resolve();
    await settle();
    expect(values(rig)).toEqual(['v0', 'grüße', 'grüße', 'grüße, again']);
    for (const { asked } of rig.puts) expect(asked.bytes).toBeInstanceOf(Uint8Array);
  });

  it.each(['unauthenticated', 'permission-denied'] as const)(
    'is not tried for ever where its first lease is refused as %s',
    async (code) => {
      const rig = leaseRig();
      const registration = new Registration(
        rig.leases.session({ ttlSeconds: 10 }),
        () => Promise.resolve(),
        Buffer.from('svc/me'),
        Buffer.from('v1'),
        new AbortController().signal,
      );
      rig.refused(0, 0, new EtcdError('etcdserver: user name is empty', { code, outcome: 'refused' }));
      await expect(registration.ready).rejects.toMatchObject({ code });
      expect(rig.kinds()).toEqual(['grant']);
    },
  );

  it('refuses what is no value, and everything once it was closed', async () => {
    const { rig, registration } = await registered();
    for (const value of [undefined, null, 5, {}, ['v'], '\ud800']) {
      expect(() => {
        registration.update(value as string);
      }).toThrow(expect.objectContaining({ code: 'invalid-argument', outcome: 'not-sent' }));
    }
    registration.release();
    expect(() => {
      registration.update('v1');
    }).toThrow(expect.objectContaining({ code: 'closed' }));
    await settle();
    expect(values(rig)).toEqual(['v0']);
  });

  it('sends nothing more once it was closed while a put was on its way', async () => {
    const { rig, registration } = await registered();
    registration.update('v1');
    registration.update('v2');
    registration.release();
    expect(put(rig, 1).asked.options.signal?.aborted).toBe(true);
    put(rig, 1).reject(UNAVAILABLE);
    await settle();
    expect(values(rig)).toEqual(['v0', 'v1']);
    expect(registration.isRegistered()).toBe(false);
  });

  it('puts the newest value once more where an attempt of a put that succeeded in the end may be applied late', async () => {
    const rig = leaseRig();
    const sent: string[] = [];
    const registration = new Registration(
      rig.leases.session({ ttlSeconds: 10 }),
      (_key, value, _leaseId, { onUnknown }) => {
        sent.push(Buffer.from(value).toString());
        if (sent.length === 2) onUnknown(UNAVAILABLE);
        return Promise.resolve();
      },
      Buffer.from('svc/me'),
      Buffer.from('v1'),
      new AbortController().signal,
      500,
    );
    // Each update is made while the one before is being told: however slow the machine, no time passes in between.
    const updates = ['old', 'new'];
    let stood = 0;
    registration.on(({ type }) => {
      if (type !== 'registered') return;
      stood += 1;
      const next = updates.shift();
      if (next !== undefined) registration.update(next);
    });
    rig.granted(0, 0);
    await eventually(() => stood >= 4);
    expect(sent).toEqual(['v1', 'old', 'new', 'new']);
    registration.release();
  });

  it('puts the newest value once more where one before it may be applied late, and then no more', async () => {
    const rig = leaseRig();
    const session = rig.leases.session({ ttlSeconds: 10 });
    const sent: string[] = [];
    const answers = [UNAVAILABLE, undefined, undefined];
    const registration = new Registration(
      session,
      (_key, value) => {
        sent.push(Buffer.from(value).toString());
        const answer = answers.shift();
        return answer === undefined ? Promise.resolve() : Promise.reject(answer);
      },
      Buffer.from('svc/me'),
      Buffer.from('v1'),
      new AbortController().signal,
      500,
    );
    const stood: bigint[] = [];
    registration.on((event) => {
      if (event.type === 'registered') stood.push(event.leaseId);
      // While the failure is being told: however slow the machine, the window of the late put is still open.
      else registration.update('v2');
    });
    rig.granted(0, 0);
    await eventually(() => stood.length >= 2);
    await settle();
    expect(sent).toEqual(['v1', 'v2', 'v2']);
    registration.update('v3');
    await eventually(() => stood.length === 3);
    expect(sent).toEqual(['v1', 'v2', 'v2', 'v3']);
    registration.release();
  });
});
