// The embedded server's watches and leases say word for word what a real etcd says. (Permissions: test of auth.)
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/embedded/clock.js';
import { EtcdServer } from '../../src/embedded/etcd-server.js';
import { EtcdTalk } from '../support/etcd-talk.js';
import { suiteEtcd } from '../support/suite-etcd.js';

const EVERYTHING = { key: '\0', end: '\0' };

type Script = (talk: EtcdTalk) => Promise<readonly (readonly [step: string, lines: readonly string[]])[]>;

const etcd = suiteEtcd({ watchProgressNotifyIntervalMs: 600_000 });
let embedded: EtcdServer;

beforeAll(async () => {
  embedded = await EtcdServer.start({
    addresses: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
    clock: systemClock,
    progressIntervalMs: 600_000,
    maxRequestBytes: 1.5 * 1024 * 1024,
    initialData: [],
  });
});

afterAll(async () => {
  await embedded.close();
});

const isStrict = (): boolean => etcd().binary.versionParts[1] >= 5;

/** Both servers have gone through the same scripts before: their revisions are the same. */
async function compare(script: Script): Promise<void> {
  const addresses = [etcd().address, new URL(embedded.listeners[0]?.endpoint ?? '').host];
  const [real, own] = await Promise.all(
    addresses.map(async (address) => {
      const talk = new EtcdTalk(address);
      try {
        return await script(talk);
      } finally {
        talk.close();
      }
    }),
  );
  expect(own).toEqual(real);
}

describe('watches', () => {
  it('are created, refused and cancelled alike', async () => {
    await compare(async (talk) => {
      const stream = talk.stream('Watch/Watch');
      for (const [key, id] of Object.entries({ a: 0, b: 5, c: 5, d: 0, x: 2, e: 0, f: 0, g: -1, h: -7, i: -1 }))
        stream.watch({ key, id });
      const ids = await stream.answers(10);
      for (const key of ['f', 'g', 'h']) await talk.put(key);
      const events = await stream.answers(3);
      for (const id of [99, 5, 5, -1]) stream.cancelWatch(id);
      const cancelled = await stream.answers(2);
      stream.sendNothing();
      stream.watch({ key: 'z', end: 'a' });
      stream.watch({ key: 'a', end: 'a' });
      stream.watch({});
      stream.watch({ end: 'b' });
      stream.watch({ key: 'zz', end: '\0' });
      stream.watch(EVERYTHING);
      stream.watch({ key: 'b', id: 5 });
      const ranges = await stream.answers(7);
      await talk.put('\0');
      const first = await stream.answers(3);
      await talk.put('zzz');
      const last = await stream.answers(2);
      await talk.put('b');
      const middle = await stream.answers(1);
      stream.cancel();
      const status = await stream.status();
      return Object.entries({ ids, events, cancelled, ranges, first, last, middle, status: [status] });
    });
  });

  it('give the same events: order in a transaction, values before, filters, history', async () => {
    await compare(async (talk) => {
      const revision = await talk.put('k', 'one');
      await talk.put('k', 'two');
      await talk.delete('k');
      await talk.put('k', 'three');
      const stream = talk.stream('Watch/Watch');
      for (const filters of [[], [0], [1], [0, 1], [7]])
        stream.watch({ key: 'k', start: revision, filters, prevKv: true });
      const history = await stream.answers(9);
      stream.watch({ ...EVERYTHING, prevKv: true });
      await stream.answers(1);
      await talk.txn('t3=x', 't1=y', 'a..m', 'm9=z');
      await talk.delete('not there');
      await talk.put('k', 'end');
      const live = await stream.answers(4 + 1 + 4 - 1);
      stream.cancel();
      return Object.entries({ history, live });
    });
  });

  it('catch up in the same batches', async () => {
    await compare(async (talk) => {
      const from = await talk.put('batch');
      for (let round = 0; round < 20; round += 1)
        await Promise.all(Array.from({ length: 55 }, (_, n) => talk.put(n % 2 === 0 ? 'batch' : 'other', '')));
      await talk.put('batch', 'last');
      const stream = talk.stream('Watch/Watch');
      stream.watch({ key: 'a', end: 'z', start: from });
      const [created, ...batches] = await stream.answers(3);
      const shape = batches.map((line) => [line.split(' ', 2).join(' '), line.split(' put ').length - 1].join(': '));
      stream.cancel();
      return Object.entries({ created: [created ?? ''], shape });
    });
  });

  it('split what is too large in the same places', async () => {
    await compare(async (talk) => {
      const from = await talk.put('large', Buffer.alloc(900_000, 'a'));
      for (let n = 0; n < 2; n += 1) await talk.put('large', Buffer.alloc(900_000, 'b'));
      const stream = talk.stream('Watch/Watch');
      stream.watch({ key: 'large', start: from, fragment: true });
      const split = await stream.answers(3);
      stream.watch({ key: 'large', start: from });
      const whole = await stream.answers(2);
      stream.cancel();
      return Object.entries({ split, whole });
    });
  });

  it('answer for what is compacted, and for a start before all revisions', async () => {
    await compare(async (talk) => {
      const from = await talk.put('c', '1');
      await talk.put('c', '2');
      await talk.put('c', '3');
      await talk.compact(from + 1);
      const stream = talk.stream('Watch/Watch');
      stream.watch({ key: 'c', start: from });
      stream.watch({ key: 'c', start: from + 1, prevKv: true });
      stream.watch({ key: 'c', start: -1 });
      stream.watch({ key: 'none', start: 1, progress: true, fragment: true });
      const answers = await stream.answers(8);
      stream.watch({ key: 'c', id: 3 });
      stream.watch({ key: 'c' });
      const taken = await stream.answers(2);
      // etcd 3.4 answers this although a watch of the stream is not synced.
      if (isStrict()) stream.requestProgress();
      stream.cancelWatch(0);
      stream.cancelWatch(2);
      stream.cancelWatch(3);
      stream.watch({ key: 'c', id: 3 });
      const freed = await stream.answers(4);
      stream.requestProgress();
      const progress = await stream.answers(1);
      stream.halfClose();
      await talk.put('c', '4');
      const afterHalfClose = await stream.answers(3);
      stream.cancel();
      return Object.entries({ answers, taken, freed, progress, afterHalfClose });
    });
  });

  it('tell progress on request, a start in the future included', async () => {
    await compare(async (talk) => {
      const stream = talk.stream('Watch/Watch');
      stream.watch({ key: 'p' });
      await stream.answers(1);
      stream.requestProgress();
      const one = await stream.answers(1);
      const revision = await talk.put('p');
      await stream.answers(1);
      stream.watch({ key: 'p', start: revision + 2 });
      await stream.answers(1);
      stream.requestProgress();
      const withFuture = await stream.answers(1);
      await talk.put('p');
      await stream.answers(1);
      await talk.put('p');
      const reached = await stream.answers(2);
      stream.cancel();
      return Object.entries({ one, withFuture, reached });
    });
  });
});

describe('leases', () => {
  it('are granted, listed, asked for and revoked alike', async () => {
    await compare(async (talk) => {
      const grants: string[] = [];
      const ask = [[0n, 11n], [-5n, 12n], [1n, 13n], [2n, 14n], [9_000_000_000n, 15n], [9_000_000_001n, 16n]] as const; // prettier-ignore
      for (const [ttl, id] of ask) grants.push(await talk.lease('Grant', id, ttl));
      grants.push(await talk.lease('Grant', 15n, 9_000_000_001n), await talk.lease('Grant', 15n, 10n));
      grants.push(await talk.lease('Grant', -3n, 10n), await talk.lease('Grant', 17n, -(2n ** 63n)));
      const unknown = [await talk.lease('Revoke', 77n), await talk.lease('Revoke', 0n)];
      unknown.push(await talk.lease('TimeToLive', 77n), await talk.lease('TimeToLive', 0n, true));
      for (const id of [11n, 12n, 13n, 14n, 17n, -3n]) await talk.lease('Revoke', id);
      for (const id of [100n, 50n, 75n]) await talk.lease('Grant', id, id);
      const list = [await talk.lease('Leases', 0n)];
      const stream = talk.stream('Watch/Watch');
      stream.watch({ ...EVERYTHING, prevKv: true });
      await stream.answers(1);
      const keys: string[] = [];
      const note = async (): Promise<void> => {
        for (const id of [100n, 50n]) keys.push(await talk.lease('TimeToLive', id, true));
      };
      for (const key of ['b', 'a', 'c', 'zz']) await talk.put(key, '1', 100n);
      await note();
      await talk.put('a', '2', 50n);
      await talk.put('b', '2');
      await talk.delete('c');
      await talk.put('c', '3', 100n);
      await note();
      await talk.put('a', '3', 100n);
      await note();
      await stream.answers(9);
      keys.push(await talk.lease('TimeToLive', 100n));
      const revoked = [
        await talk.lease('Revoke', 100n),
        await talk.lease('Revoke', 100n),
        await talk.lease('Revoke', 75n),
      ];
      const events = await stream.answers(1);
      stream.cancel();
      return Object.entries({ grants, unknown, list, keys, revoked, events });
    });
  });

  it('are kept alive in order, and a half-close ends the stream', async () => {
    await compare(async (talk) => {
      for (const id of [1n, 2n]) await talk.lease('Grant', id, 60n);
      const stream = talk.stream('Lease/LeaseKeepAlive');
      for (const id of [1n, 99n, 0n, 2n, 1n]) stream.renew(id);
      stream.halfClose();
      const answers = await stream.answers(5);
      const status = await stream.status();
      for (const id of [1n, 2n]) await talk.lease('Revoke', id);
      return Object.entries({ answers, status: [status] });
    });
  });

  it('that are not kept alive take their keys with them, in order and in one revision', async () => {
    await compare(async (talk) => {
      const granted = await talk.lease('Grant', 5n, 1n);
      await talk.put('e2', '1', 5n);
      await talk.put('e1', '1', 5n);
      const stream = talk.stream('Watch/Watch');
      stream.watch(EVERYTHING);
      await stream.answers(1);
      const events = await stream.answers(1);
      const renewals = talk.stream('Lease/LeaseKeepAlive');
      renewals.renew(5n);
      const renewed = await renewals.answers(1);
      renewals.cancel();
      stream.cancel();
      return Object.entries({ granted: [granted], events, renewed, after: [await talk.lease('TimeToLive', 5n)] });
    });
  });
});
