/** Connecting and closing, with threads that do as the test says. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { resolveConnectOptions } from '../../../src/main/connect-options.js';
import { Engine } from '../../../src/main/engine.js';
import { Etcd } from '../../../src/main/etcd.js';
import { etcdserverpb as rpc } from '../../../src/generated/etcd.js';
import type { ShardPool } from '../../../src/main/shard-pool.js';
import { maintenanceMethods } from '../../../src/main/unary/etcd-methods.js';
import { ScriptedServer } from './unary/scripted-server.js';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

async function member(): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(() => rpc.StatusResponse.encode({ version: '3.5.9' }).finish());
  cleanups.push(() => server.close());
  return server;
}

interface Threads {
  readonly pool: () => ShardPool;
  /** They say that they have stopped. */
  stop(): void;
}

/** Threads that say nothing by themselves. */
function muteThreads(): Threads {
  const ports: MessagePort[] = [];
  cleanups.push(() => {
    for (const port of ports) port.close();
  });
  return {
    pool: () => ({
      start: () => {
        const { port1, port2 } = new MessageChannel();
        ports.push(port2);
        return { port: port1, ended: new Promise(() => undefined), discard: () => undefined };
      },
      setRef: () => undefined,
      close: () => Promise.resolve(),
    }),
    stop: () => {
      for (const port of ports) port.postMessage({ kind: 'stopped' });
    },
  };
}

describe('connecting', () => {
  it('is given up by its signal also when a member has answered and the threads have not', async () => {
    const server = await member();
    const engine = new Engine(await resolveConnectOptions({ endpoints: server.endpoint }), {
      openPool: muteThreads().pool,
    });
    cleanups.push(() => engine.unary.close());
    const controller = new AbortController();
    const connecting = engine.connect(controller.signal);
    // Answers come in the order of the requests: after this the probe has its own.
    await engine.unary.call(maintenanceMethods.status, {}, { repeatable: true, requireLeader: false });
    controller.abort(new Error('no longer wanted'));
    await expect(connecting).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('closing', () => {
  it('refuses calls from the moment it begins, not when it is done', async () => {
    const server = await member();
    const threads = muteThreads();
    const engine = new Engine(await resolveConnectOptions({ endpoints: server.endpoint, shards: 1 }), {
      openPool: threads.pool,
    });
    const etcd = new Etcd(engine, () => undefined);
    engine.links[0]?.start();
    const closing = etcd.close();
    await expect(etcd.kv.put('late', '1')).rejects.toMatchObject({ code: 'closed', outcome: 'not-sent' });
    threads.stop();
    await closing;
    expect(server.seen).toHaveLength(0);
  });
});
