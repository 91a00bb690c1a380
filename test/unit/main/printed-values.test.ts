/** What is printed of values: `util.inspect` (console.log), template strings, JSON. */
import { inspect } from 'node:util';
import {
  compare,
  connect,
  EtcdError,
  LeaseError,
  get,
  put,
  txn,
  type Etcd,
  type GroupBatch,
  type Page,
  type WatchBatch,
} from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventJson, keyValueJson } from '../../../src/main/cli/json-shape.js';

let server: EmbeddedEtcd;
let etcd: Etcd;
beforeAll(async () => {
  server = await EmbeddedEtcd.start();
  etcd = await connect({ endpoints: server.endpoints, shards: 'inline' });
});
afterAll(async () => {
  await etcd.close();
  await server.close();
});

function json(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

const BINARY = Buffer.from([0xff, 0x00, 0xfe]);

describe('printed values', () => {
  it('a key and its value are text, where they are text', async () => {
    await etcd.kv.put('text', 'wert');
    const kv = await etcd.kv.get('text');
    if (kv === null) throw new Error('the key is not there');
    expect(`${kv.key.toString()}=${String(kv.value)}`).toBe('text=wert');
    expect(inspect(kv)).toContain("key: Bytes 'text'");
    expect(inspect(kv)).toContain("value: Bytes 'wert'");
    expect(json(kv)).toEqual(keyValueJson(kv));
    expect(String(kv)).toBe(JSON.stringify(kv));
  });

  it('a watch shows its range, how far it has come, and whether it goes on', async () => {
    const watcher = etcd.watch({ prefix: 'printed/' });
    await watcher.ready;
    expect(inspect(watcher)).toMatch(
      /^Watcher \{\s+watchId: 1n,\s+key: Bytes 'printed\/',\s+rangeEnd: Bytes 'printed0',\s+state: 'watching',\s+lastRevision: undefined\s+\}$/u,
    );
    const { header } = await etcd.kv.put('printed/a', 'hidden');
    for await (const batch of watcher) if (batch.revision === header.revision) break;
    await watcher.cancel();
    expect(inspect(watcher)).toContain(`lastRevision: ${String(header.revision)}n`);
    expect(inspect(watcher)).toContain("state: 'ended'");
    expect(inspect(watcher)).not.toContain('hidden');
  });

  it('a watch of a group shows the same', async () => {
    const group = etcd.watchGroup({ onBatch: () => undefined });
    const member = group.add('one', { watchId: 7n });
    await member.ready;
    expect(inspect(member)).toMatch(/^GroupWatch \{\s+watchId: 7n,\s+key: Bytes 'one',\s+state: 'watching'/u);
    member.pause();
    expect(inspect(member)).toContain("state: 'paused'");
    await group.close();
  });

  it('a transaction shows what it consists of, and the status who listens', () => {
    const inner = txn().then(put('a', 'secret'));
    const whole = etcd.kv.txn().if(compare('a').version.equals(0n)).then(put('a', 'secret'), inner).else(get('a'));
    expect(inspect(whole)).toMatch(
      /^Txn \{\s+if: 1,\s+then: \[\s*'put',\s+TxnBuilder \{[^}]*\}\s*\],\s+else: \[ 'get' \]\s+\}$/u,
    );
    expect(inspect(whole)).not.toContain('secret');
    expect(inspect(etcd.status)).toMatch(/^StatusFeed \{ engine: undefined, state: 'open', readers: \d+ \}$/u);
  });

  it('bytes that are no text are shown as hex, and as base64 in JSON', async () => {
    await etcd.kv.put('binary', BINARY);
    const kv = await etcd.kv.get('binary');
    if (kv === null) throw new Error('the key is not there');
    expect(inspect(kv.value)).toBe('Bytes <ff00fe>');
    expect(json(kv)).toEqual(keyValueJson(kv));
    expect(json(kv)).toMatchObject({ valueBase64: BINARY.toString('base64') });
    expect(json({ value: kv.value })).toEqual({ value: { base64: BINARY.toString('base64') } });
  });

  it('of a large value inspect shows the beginning, also where that ends inside a character', async () => {
    await etcd.kv.put('large', `a${'ä'.repeat(100_000)}`);
    const kv = await etcd.kv.get('large');
    expect(inspect(kv).length).toBeLessThan(1_000);
    expect(inspect(kv)).toMatch(/value: Bytes 'aä+.*'… 199873 more bytes/u);
  });

  it('every answer of kv can be printed', async () => {
    const pages: Page[] = [];
    for await (const page of etcd.kv.pages({ prefix: 't' })) pages.push(page);
    const answers = [
      await etcd.kv.put('k', 'v', { prevKv: true }),
      await etcd.kv.range({ all: true }),
      await etcd.kv.delete('k', { prevKv: true }),
      await etcd.kv.txn().then(put('k', 'v')).commit(),
      await etcd.kv.compact(2n),
      ...pages,
    ];
    for (const answer of answers) {
      expect(json(answer)).toMatchObject({ header: { revision: String(answer.header.revision) } });
      expect(inspect(answer)).toContain(`revision: ${String(answer.header.revision)}n`);
      expect(String(answer)).toBe(JSON.stringify(answer));
    }
  });

  it('an event is shown with its fields, and is JSON as the command prints it', async () => {
    const watcher = etcd.watch('event', { prevKv: true });
    const batches = watcher[Symbol.asyncIterator]();
    const { startRevision } = await watcher.ready;
    expect(json(await watcher.ready)).toEqual({ startRevision: String(startRevision) });
    await etcd.kv.put('event', 'one');
    await etcd.kv.put('event', 'two');
    await etcd.kv.delete('event');
    const seen: WatchBatch[] = [];
    const count = (): number => seen.reduce((sum, { length }) => sum + length, 0);
    while (count() < 3) seen.push(((await batches.next()) as { value: WatchBatch }).value);
    for (const event of seen.flatMap((batch) => Array.from(batch))) {
      expect(json(event)).toEqual(eventJson(event));
      expect(inspect(event)).toMatch(
        new RegExp(`^WatchEvent \\{\\s+type: '${event.type}',\\s+key: Bytes 'event'`, 'u'),
      );
      expect(String(event)).toBe(JSON.stringify(event));
    }
    for (const batch of seen) {
      expect(json(batch)).toEqual({
        revision: String(batch.revision),
        events: Array.from(batch, (one) => eventJson(one)),
      });
      expect(inspect(batch, { depth: 5 })).toContain("key: Bytes 'event'");
    }
    await watcher.cancel();
    expect(json(await watcher.ended)).toMatchObject({ reason: 'cancelled' });
  });

  it('of a large batch inspect shows the first events and how many more there are', async () => {
    await using group = etcd.watchGroup();
    const member = group.add({ prefix: 'many/' });
    await member.ready;
    const names = Array.from({ length: 100 }, (_, index) => `many/${String(index)}`);
    await etcd.kv
      .txn()
      .then(...names.map((name) => put(name, 'x'.repeat(1_000))))
      .commit();
    const { value: batch } = (await group[Symbol.asyncIterator]().next()) as { value: GroupBatch };
    const [part] = batch.parts;
    if (part === undefined) throw new Error('no part came');
    expect(inspect(part)).toContain('… 90 more');
    expect(inspect(batch, { depth: 6 }).length).toBeLessThan(20_000);
    expect(json(batch)).toMatchObject({ parts: [{ watchId: '1', revision: String(part.revision) }] });
    expect((json(part) as { events: unknown[] }).events).toHaveLength(100);
    expect(inspect(part.events)).toMatch(/^EventSpan\(100\) /u);
  });

  it('leases and everything around them can be printed', async () => {
    const lease = await etcd.leases.grant({ ttlSeconds: 60 });
    await etcd.kv.put('leased', 'v', { lease });
    const many = await etcd.leases.grantMany(3, { ttlSeconds: 60 });
    const session = etcd.leases.session({ ttlSeconds: 60 });
    await session.ready;
    const registration = await etcd.leases.register('registered', 'v', { ttlSeconds: 60 });
    expect(String(lease)).toBe(String(lease.leaseId));
    expect(json(lease)).toMatchObject({ leaseId: String(lease.leaseId), ttlSeconds: 60, isAlive: true });
    expect(inspect(lease)).toMatch(new RegExp(`^Lease \\{\\s*leaseId: ${String(lease.leaseId)}n`, 'u'));
    expect(inspect(many)).toMatch(/^LeaseCollection \{ size: 3, aliveCount: 3/u);
    expect(json(many)).toMatchObject({ size: 3, leases: Array.from(many, (one) => String(one.leaseId)) });
    expect(json(session)).toMatchObject({ state: 'held', lease: { isAlive: true } });
    expect(json(registration)).toMatchObject({ isRegistered: true, leaseId: String(registration.leaseId) });
    const known = await etcd.leases.timeToLive(lease.leaseId, { keys: true });
    expect(known?.keys.map((key) => key.string())).toEqual(['leased']);
    expect(json(known)).toMatchObject({ leaseId: String(lease.leaseId), keys: ['leased'] });
    await lease.revoke();
    expect(json(await lease.ended)).toEqual({ leaseId: String(lease.leaseId), reason: 'revoked' });
    await registration.close();
    await session.close();
  });

  it('errors are JSON with their code, lease and cause, and without a stack', () => {
    const cause = Object.assign(new Error('why'), { code: 'ECONNRESET' });
    const error = new LeaseError('what', 7n, { code: 'lease-ended', outcome: 'not-sent', cause });
    expect(json(error)).toEqual({
      ...{
        name: 'LeaseError',
        message: 'what',
        code: 'lease-ended',
        outcome: 'not-sent',
        retryable: false,
        leaseId: '7',
      },
      cause: { name: 'Error', message: 'why', code: 'ECONNRESET' },
    });
    expect(json(new EtcdError('x', { code: 'internal' }))).not.toHaveProperty('stack');
  });

  it('the engine shows no option and no secret', () => {
    expect(inspect(etcd, { depth: 10, showHidden: true })).not.toMatch(/endpoint|127\.0\.0\.1|BEGIN/u);
  });
});
