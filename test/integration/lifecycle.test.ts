/** Connecting, names, closing, and the process that ends by itself: on a real etcd and without one. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { connect, connection, type EngineStatus } from 'etcd-vigil';
import { afterEach, describe, expect, test } from 'vitest';
import { freePorts } from '../support/ports.js';
import { suiteEtcd } from '../support/suite-etcd.js';

const run = promisify(execFile);

describe('connect', () => {
  const servers: Server[] = [];
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });

  test('fails within its time limit where nobody listens, naming the endpoint', async () => {
    const [port = 0] = await freePorts(1);
    const endpoints = `127.0.0.1:${String(port)}`;
    const failing = connect({ endpoints, connectTimeoutMs: 1_000, shards: 1, name: 'nobody' });
    await expect(failing).rejects.toMatchObject({ code: 'connect-failed', outcome: 'not-sent' });
    await expect(failing).rejects.toThrow(endpoints);
    expect(() => connection('nobody')).toThrow(/no connection named 'nobody': there is none/u);
  });

  test('fails within its time limit where a listener says nothing', async () => {
    const silent = createServer((socket) => void sockets.push(socket));
    servers.push(silent);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const endpoints = `127.0.0.1:${String(port)}`;
    const failing = connect({ endpoints, connectTimeoutMs: 500, shards: 'inline' });
    await expect(failing).rejects.toMatchObject({ code: 'connect-failed', endpoint: endpoints });
    await expect(failing).rejects.toThrow(endpoints);
  });

  test('that is lazy contacts nobody', async () => {
    const [port = 0] = await freePorts(1);
    const etcd = await connect({ endpoints: `127.0.0.1:${String(port)}`, lazy: true, shards: 2 });
    expect((await etcd.stats()).shards.map(({ state }) => state)).toEqual(['idle', 'idle']);
    await etcd.close();
  });

  test('can be given up', async () => {
    const [port = 0] = await freePorts(1);
    const signal = AbortSignal.timeout(50);
    const failing = connect({ endpoints: `127.0.0.1:${String(port)}`, signal, shards: 'inline' });
    await expect(failing).rejects.toMatchObject({ code: 'aborted' });
  });
});

describe('an engine', () => {
  const server = suiteEtcd();

  test('with a name is found by it until it is closed', async () => {
    const options = { endpoints: server().endpoint, name: 'ETCD', shards: 'inline' as const };
    const etcd = await connect(options);
    expect(connection('ETCD')).toBe(etcd);
    expect(etcd.name).toBe('ETCD');
    await expect(connect(options)).rejects.toThrow(/name 'ETCD' is in use/u);
    await etcd.close();
    expect(() => connection('ETCD')).toThrow(/there is none/u);
    const again = await connect(options);
    await etcd.close(); // an engine closed twice does not take the name from the next
    expect(connection('ETCD')).toBe(again);
    await again.close();
  });

  test('tells each consumer of status what changes, and closed as the last', async () => {
    const etcd = await connect({ endpoints: server().endpoint, shards: 1 });
    const seen: EngineStatus['type'][] = [];
    const reading = (async () => {
      for await (const { type } of etcd.status) seen.push(type);
    })();
    await etcd.watch('a').ready;
    await etcd.close();
    await reading;
    expect(seen.at(0)).toBe('connected');
    expect(seen.at(-1)).toBe('closed');
  });

  const script = (body: string): string[] => [
    '--input-type=module',
    '-e',
    `import { connect } from 'etcd-vigil';
     const [endpoints, shards] = process.argv.slice(1);
     const etcd = await connect({ endpoints, shards: shards === 'inline' ? shards : Number(shards) });
     const group = etcd.watchGroup({ onBatch: () => {} });
     for (let index = 0; index < 100; index += 1) group.add('k' + index);
     ${body}`,
  ];

  test.each(['1', '2', 'inline'])('lets the process end after close, with shards %s', async (shards) => {
    const body = `await group.ready(); await etcd.kv.put('k1', 'v'); await etcd.close(); console.log('closed');`;
    const { stdout } = await run(process.execPath, [...script(body), server().endpoint, shards], { timeout: 150_000 });
    expect(stdout).toBe('closed\n');
  });

  test('lets the process end without close after unref', async () => {
    const body = `await group.ready(); etcd.unref(); console.log('unref');`;
    const { stdout } = await run(process.execPath, [...script(body), server().endpoint, '2'], { timeout: 150_000 });
    expect(stdout).toBe('unref\n');
  });

  test.each(['http2', 'grpc-js'])(
    'lets the process end after calls over %s that needed no shard',
    async (transport) => {
      const body = `import { connect } from 'etcd-vigil';
     const [endpoints, transport] = process.argv.slice(1);
     const etcd = await connect({ endpoints, transport, lazy: true });
     await etcd.kv.put('k1', 'v');
     console.log('put');`;
      const args = ['--input-type=module', '-e', body, server().endpoint, transport];
      const { stdout } = await run(process.execPath, args, { timeout: 150_000 });
      expect(stdout).toBe('put\n');
    },
  );

  test('keeps the process alive without unref', async () => {
    const body = `await group.ready(); console.log('ready');`;
    const child = spawn(process.execPath, [...script(body), server().endpoint, '1'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit').then(() => 'exited');
    expect(String(await Promise.race([once(child.stdout, 'data'), exited]))).toBe('ready\n');
    // How long it lives is the rule itself: long enough for everything that could let it end.
    expect(await Promise.race([exited, delay(1_000, 'alive')])).toBe('alive');
    child.kill('SIGKILL');
    await exited;
  });
});
