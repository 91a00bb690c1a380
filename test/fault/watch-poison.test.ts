/** Servers that answer with nonsense, or not at all: coded ends after a few attempts, and a process that lives on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { connect, type Etcd } from 'etcd-vigil';
import { afterEach, describe, expect, it } from 'vitest';
import { EtcdProcess } from '../support/etcd.js';
import { eventually } from '../support/poll.js';
import { freePorts } from '../support/ports.js';
import { ScriptedServer } from '../support/scripted-server.js';
import { brokenEvent, created, garbage, putEvent, REVISION, scriptedEtcd, type OnCreate } from './scripted-etcd.js';
import { StatusLog } from './status-log.js';

const matrix = [
  { transport: 'http2', shards: 1 },
  { transport: 'http2', shards: 'inline' },
  { transport: 'grpc-js', shards: 1 },
] as const;

describe.each(matrix)('over $transport with shards $shards', (how) => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function serve(onCreate: OnCreate): Promise<{ etcd: Etcd; server: ScriptedServer }> {
    const server = await scriptedEtcd(onCreate);
    closers.push(() => server.close());
    const etcd = await connect({ endpoints: server.endpoint.text, ...how });
    closers.push(() => etcd.close());
    return { etcd, server };
  }

  it('watches whose events cannot be decoded end coded, each after a few attempts; the others on the stream go on', async () => {
    const creates = new Map<string, number>();
    let revision = REVISION;
    const { etcd, server } = await serve(({ key, watchId }, stream) => {
      creates.set(key, (creates.get(key) ?? 0) + 1);
      stream.write(created(watchId));
      if (key.startsWith('poison')) stream.write(brokenEvent(watchId));
      else stream.write(putEvent(watchId, key, (revision += 1n)));
    });
    const revisions: bigint[] = [];
    const good = etcd.watchGroup({
      onBatch: (batch) => {
        for (const part of batch.parts) for (const event of part.events) revisions.push(event.modRevision);
      },
    });
    const member = good.add('good');
    await member.ready;
    for (const key of ['poison1', 'poison2', 'poison3', 'poison4']) {
      const end = await etcd.watch(key, { onBatch: () => undefined }).ended;
      expect(end).toMatchObject({ reason: 'failed', error: { code: 'malformed-response' } });
      expect(creates.get(key)).toBeLessThanOrEqual(6);
    }
    const seen = revisions.length;
    // The innocent one is resumed once more and brings what the server has.
    await eventually(() => good.size === 1 && revisions.length >= seen);
    expect([...revisions].sort((a, b) => Number(a - b))).toEqual(revisions);
    expect(new Set(revisions).size).toBe(revisions.length);
    expect(server.accepted).toBeLessThan(40);
  });

  it('a stream of bytes that are no messages: its watches end coded, after a few attempts', async () => {
    let creates = 0;
    const { etcd } = await serve(({ watchId }, stream) => {
      creates += 1;
      stream.write(created(watchId));
      stream.write(garbage());
    });
    const status = new StatusLog(etcd);
    const ends = await Promise.all(['a', 'b', 'c'].map((key) => etcd.watch(key).ended));
    for (const end of ends) expect(end).toMatchObject({ reason: 'failed', error: { code: 'malformed-response' } });
    expect(creates).toBeLessThan(40);
    expect(status.of('disconnected')[0]?.error).toMatchObject({ code: 'malformed-response' });
    expect((await etcd.stats()).shards[0]).toMatchObject({ state: 'running', epoch: 1 });
  });

  it('HTML at the endpoint: connect fails coded, naming the endpoint', async () => {
    const server = await ScriptedServer.start((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/html' });
      stream.end('<html><body>It works!</body></html>');
    });
    closers.push(() => server.close());
    const failing = connect({ endpoints: server.endpoint.text, connectTimeoutMs: 2_000, ...how });
    await expect(failing).rejects.toMatchObject({ code: 'connect-failed' });
    await expect(failing).rejects.toThrow(server.endpoint.text);
  });

  it('HTML where only the watch goes: the watch ends coded after a few attempts', async () => {
    let calls = 0;
    const server = await ScriptedServer.start((stream, headers) => {
      calls += 1;
      stream.respond({ ':status': 404, 'content-type': 'text/html' });
      stream.end(`<html>${String(headers[':path'])}</html>`);
    });
    closers.push(() => server.close());
    const etcd = await connect({ endpoints: server.endpoint.text, lazy: true, ...how });
    closers.push(() => etcd.close());
    const end = await etcd.watch('a').ended;
    expect(end.reason).toBe('failed');
    expect(end.reason === 'failed' ? end.error.code : '').toMatch(/unimplemented|protocol-error/u);
    expect(calls).toBeLessThan(40);
  });

  it('nobody at the endpoint: connect fails within its time, with endpoint and cause', async () => {
    const [port = 0] = await freePorts(1);
    const failing = connect({ endpoints: `http://127.0.0.1:${String(port)}`, connectTimeoutMs: 1_500, ...how });
    await expect(failing).rejects.toMatchObject({ code: 'connect-failed', outcome: 'not-sent' });
    await expect(failing).rejects.toThrow(`127.0.0.1:${String(port)}`);
    const error: unknown = await failing.catch((thrown: unknown) => thrown);
    expect(error instanceof Error ? error.cause : undefined).toBeDefined();
  });

  it('a server lost later never ends a process that listens to nothing', async () => {
    const server = await EtcdProcess.start();
    closers.push(() => server.close());
    const body = `
      import { connect } from 'etcd-vigil';
      const etcd = await connect({ endpoints: ${JSON.stringify(server.endpoint)}, transport: ${JSON.stringify(how.transport)}, shards: ${JSON.stringify(how.shards)} });
      const group = etcd.watchGroup();
      for (let index = 0; index < 100; index += 1) group.add('k' + index);
      const watcher = etcd.watch('k1');
      await group.ready();
      console.log('ready');
      process.stdin.once('data', async () => {
        const put = await etcd.kv.put('k1', 'v', { timeoutMs: 500 }).catch((error) => error.code);
        console.log('alive', put, group.size);
        await etcd.close();
        process.stdin.destroy();
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', body], { stdio: ['pipe', 'pipe', 'pipe'] });
    closers.push(() => Promise.resolve(void child.kill('SIGKILL')));
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually(() => output.includes('ready'));
    const exited = once(child, 'exit');
    await server.kill();
    // Whatever comes there now has tried again, in vain.
    let attempts = 0;
    const nobody = createServer((socket) => {
      attempts += 1;
      socket.destroy();
    });
    closers.push(() => new Promise((resolve) => nobody.close(() => resolve())));
    nobody.listen(Number(new URL(server.endpoint).port), '127.0.0.1');
    await eventually(() => attempts >= 5);
    child.stdin.write('go\n');
    const [code] = (await exited) as [number | null]; // the event's arguments
    expect(output).toMatch(/^ready\nalive \S+ 100\n$/u);
    expect(code).toBe(0);
  });
});
