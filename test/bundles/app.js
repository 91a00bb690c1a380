// What a bundle must be able to do: engines in threads and inline, over both transports, on an embedded server with a fault kit,
// and the relation library. Prints one line of JSON. bundles.test.ts bundles and runs it.
import { compare, connect, EtcdError } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { JujuModel } from 'etcd-vigil/relation';
import { FaultKit } from 'etcd-vigil/testing';

let threads = 0;
/** @type {import('node:worker_threads').Worker | undefined} */
let newest;
process.on('worker', (worker) => {
  threads += 1;
  newest = worker;
});

/**
 * @param {readonly string[]} endpoints
 * @param {1 | 'inline'} shards
 * @param {'http2' | 'grpc-js'} transport
 */
async function tryEngine(endpoints, shards, transport) {
  const before = threads;
  const etcd = await connect({ endpoints, shards, transport });
  try {
    const key = `${String(shards)}/${transport}`;
    const watcher = etcd.watch({ prefix: key });
    await watcher.ready;
    const lease = await etcd.leases.grant({ ttlSeconds: 60 });
    await etcd.kv.put(key, 'seen', { lease });
    const seen = [];
    for await (const batch of watcher) {
      for (const event of batch) if (event.type === 'put') seen.push(event.value.string());
      break;
    }
    const refused = await etcd.kv.get(key, { revision: 1_000_000n }).catch((/** @type {unknown} */ error) => error);
    const code = refused instanceof EtcdError ? refused.code : String(refused);
    return { key, seen, alive: lease.isAlive(), code, threads: threads - before };
  } finally {
    await etcd.close();
  }
}

/**
 * A thread that dies is replaced; an engine that was left open does not keep the process alive after `unref()`.
 * @param {readonly string[]} endpoints
 */
async function tryCrash(endpoints) {
  const etcd = await connect({ endpoints, shards: 1 });
  const watcher = etcd.watch('crash');
  await watcher.ready;
  const before = threads;
  await newest?.terminate();
  await etcd.kv.put('crash', 'survived');
  const seen = [];
  for await (const batch of watcher) {
    for (const event of batch) if (event.type === 'put') seen.push(event.value.string());
    break;
  }
  etcd.unref();
  return { seen, threads: threads - before };
}

async function main() {
  const server = await EmbeddedEtcd.start();
  const cut = await FaultKit.of(server).inject({ rpc: 'KV/Put', at: 'call', action: { kind: 'delay', byMs: 1 } });
  const engines = [];
  for (const shards of /** @type {const} */ ([1, 'inline']))
    for (const transport of /** @type {const} */ (['http2', 'grpc-js']))
      engines.push(await tryEngine(server.endpoints, shards, transport));
  const crash = await tryCrash(server.endpoints);
  const strikes = await cut.strikes();
  await server.close();
  const names = [compare, JujuModel].map((value) => typeof value);
  console.log(JSON.stringify({ engines, crash, strikes, names }));
}

main().catch((/** @type {unknown} */ error) => {
  console.error(error);
  process.exitCode = 1;
});
