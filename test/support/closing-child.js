// Closes engines in each state that they may be in, and tells after each what still keeps this process alive. A child of closing.test.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, connectFromFile } from '../../dist/main/index.js';

const [healthy = '', denying = '', mute = '', certificate = '', mode = ''] = process.argv.slice(2);
const shards = mode === 'inline' ? /** @type {const} */ ('inline') : 1;
const folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-closing-'));
const ignore = () => undefined;

/**
 * @param {string} endpoints
 * @param {Partial<import('../../dist/main/index.js').ConnectOptions>} [more]
 */
const lazy = (endpoints, more = {}) => connect({ endpoints, shards, lazy: true, ...more });

/**
 * Begins everything that an engine can wait with.
 * @param {import('../../dist/main/index.js').Etcd} etcd
 */
function beginAll(etcd) {
  const watcher = etcd.watch('k', { onBatch: ignore });
  watcher.progress().catch(ignore);
  etcd.watchGroup().add('g');
  etcd.kv.get('k').catch(ignore);
  etcd.leases.grant({ ttlSeconds: 60 }).catch(ignore);
  etcd.leases.session({ ttlSeconds: 60 });
  etcd.leases.register('r', 'v', { ttlSeconds: 60 }).catch(ignore);
  etcd.stats().catch(ignore);
  return etcd;
}

/** A status of a lane that failed: it waits for its next attempt. @param {import('../../dist/main/index.js').Etcd} etcd */
async function disconnected(etcd) {
  const statuses = etcd.status;
  beginAll(etcd);
  for await (const { type } of statuses) if (type === 'disconnected') return etcd;
  return etcd;
}

/** @type {Record<string, () => Promise<import('../../dist/main/index.js').Etcd | undefined>>} */
const states = {
  'at once': () => connect({ endpoints: healthy, shards }),
  'never used': () => lazy(healthy),
  'while everything begins': async () => beginAll(await lazy(healthy)),
  'while everything runs': async () => {
    const etcd = beginAll(await connect({ endpoints: healthy, shards }));
    await etcd.watch('other', { onBatch: ignore }).ready;
    await etcd.leases.grantMany(10, { ttlSeconds: 60 });
    return etcd;
  },
  'after it was to let the process end': async () => beginAll(await connect({ endpoints: healthy, shards })).unref(),
  'while a session waits for its next grant': async () => {
    const etcd = await connect({ endpoints: denying, shards });
    const session = etcd.leases.session({ ttlSeconds: 60 });
    await new Promise((resolve) => session.on(({ type }) => type === 'retrying' && resolve(undefined)));
    return etcd;
  },
  'while a registration waits for its next put': async () => {
    const etcd = await connect({ endpoints: healthy, shards });
    const registration = await etcd.leases.register('r', 'v', { ttlSeconds: 60 });
    await etcd.kv.compact(1n).catch(ignore);
    const gone = new Promise((resolve) => registration.on(({ type }) => type === 'unregistered' && resolve(undefined)));
    await etcd.leases.revoke(registration.leaseId ?? 0n);
    await gone;
    return etcd;
  },
  'while lanes wait for a member that is away': async () => disconnected(await lazy('http://127.0.0.1:9')),
  'while members are looked up': async () => beginAll(await lazy('http://etcd.invalid:2379')),
  'while a member accepts and says nothing': async () => beginAll(await lazy(mute)),
  'while a member is asked again and again': async () => disconnected(await lazy(mute, { connectTimeoutMs: 50 })),
  'over grpc-js, while a member says nothing': async () => beginAll(await lazy(mute, { transport: 'grpc-js' })),
  'while new settings are tried': async () => {
    const etcd = await connect({ endpoints: healthy, shards });
    etcd.reconfigure({ endpoints: mute }).catch(ignore);
    await new Promise((resolve) => setImmediate(resolve));
    return etcd;
  },
  'while certificate files are watched': () => lazy('https://127.0.0.1:9', { tls: { caFile: certificate } }),
  'while it follows a file': () => {
    const file = join(folder, 'connection.json');
    const content = { format: 'etcd-vigil/connection', version: 1, state: 'available', endpoints: [healthy] };
    writeFileSync(file, JSON.stringify({ ...content, etcdVersion: null, username: null, tls: null, source: null }));
    return connectFromFile(file, { shards });
  },
  'never connected': () => connect({ endpoints: mute, shards, connectTimeoutMs: 50 }).catch(() => undefined),
  'given up while it connects': () =>
    connect({ endpoints: mute, shards, signal: AbortSignal.timeout(50) }).catch(() => undefined),
};

/** Of this process itself, and a look-up, which nothing can end. */
const OTHERS = new Set([
  'PipeWrap',
  'TTYWrap',
  'Immediate',
  'GetAddrInfoReqWrap',
  'GetAddrInfoReq',
  'CloseReq',
  'FSReqPromise',
]);

for (const [state, open] of Object.entries(states)) {
  const etcd = await open();
  await etcd?.close();
  // Handles are closed in the turns that follow.
  for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  const left = process.getActiveResourcesInfo().filter((name) => !OTHERS.has(name));
  console.log(JSON.stringify({ state, left }));
}
rmSync(folder, { recursive: true });
