import { afterEach, describe, expect, it, vi } from 'vitest';
import { connect } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';

afterEach(() => void vi.useRealTimers());

/** All but setImmediate, which grpc-js connects by. */
const TO_FAKE = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'Date',
  'performance',
  'hrtime',
] as const;

describe.each([
  { shards: 'inline' as const, transport: 'http2' as const },
  { shards: 'inline' as const, transport: 'grpc-js' as const },
  { shards: 1 as const, transport: 'http2' as const },
])('under fake timers, with shards $shards over $transport', ({ shards, transport }) => {
  it.each(['before', 'after'] as const)(
    'an engine works in real time and leaves the clock to the test, with timers faked %s it connects',
    async (moment) => {
      if (moment === 'before') vi.useFakeTimers(transport === 'grpc-js' ? { toFake: [...TO_FAKE] } : {});
      const server = await EmbeddedEtcd.start();
      const etcd = await connect({ endpoints: server.endpoints, shards, transport });
      // Once connected, whoever needs no new grpc-js connection does without setImmediate as well.
      if (moment === 'after') vi.useFakeTimers(transport === 'grpc-js' ? { toFake: [...TO_FAKE] } : {});
      const watcher = etcd.watch('k');
      await watcher.ready;
      const lease = await etcd.leases.grant({ ttlSeconds: 60, intervalMs: 50 });
      const renewed = new Promise((resolve) => lease.onRenewed(resolve));
      await etcd.kv.put('k', 'v', { lease });
      for await (const batch of watcher) {
        expect(batch.length).toBe(1);
        break;
      }
      await renewed;
      // Hours of the test's clock are nothing to a lease.
      vi.setSystemTime(Date.now() + 3_600_000);
      vi.advanceTimersByTime(1_000);
      expect(lease.isAlive()).toBe(true);
      expect((await etcd.kv.get('k'))?.value.string()).toBe('v');
      expect(await etcd.stats()).toMatchObject({ shards: [{ stats: { leases: 1 } }] });
      await lease.revoke();
      await etcd.close();
      await server.close();
    },
  );
});

it('where setImmediate is fake, too, an engine over http2 connects all the same', async () => {
  const server = await EmbeddedEtcd.start();
  vi.useFakeTimers();
  const etcd = await connect({ endpoints: server.endpoints, shards: 'inline' });
  await etcd.kv.put('k', 'v');
  await etcd.watch('k').ready;
  await etcd.close();
  await server.close();
});

it('where setImmediate is fake, too, connecting over grpc-js fails with what to do, and does not hang', async () => {
  const server = await EmbeddedEtcd.start();
  vi.useFakeTimers();
  const endpoints = server.endpoints;
  const connecting = connect({ endpoints, shards: 'inline', transport: 'grpc-js', connectTimeoutMs: 100 });
  await expect(connecting).rejects.toMatchObject({
    code: 'connect-failed',
    message: expect.stringContaining('have them leave it real') as string,
  });
  await server.close();
});
