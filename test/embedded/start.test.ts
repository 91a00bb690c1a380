import { connect as netConnect, createServer, type AddressInfo } from 'node:net';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from 'etcd-vigil';
import { EmbeddedEtcd, type EmbeddedEtcdOptions } from 'etcd-vigil/embedded';
import { TestCertificates } from '../support/certificates.js';
import { withEmbedded } from '../support/embedded-fixture.js';

let folder = '';
let certificates: TestCertificates;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-embedded-'));
  certificates = TestCertificates.create();
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  certificates.close();
});

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'no error',
    (error: unknown) => (error as { code?: unknown }).code,
  );
}

describe('EmbeddedEtcd.start', () => {
  it('serves on a free port, with the initial data in one revision', async () => {
    await withEmbedded({ initialData: { 'a/1': 'one', 'a/2': new Uint8Array([0xff]) } }, async (etcd, server) => {
      expect(server.endpoints).toEqual([`http://${server.address}`]);
      const { kvs, header } = await etcd.kv.range({ prefix: 'a/' });
      expect(kvs.map((kv) => [kv.key.string(), kv.modRevision])).toEqual([
        ['a/1', 2n],
        ['a/2', 2n],
      ]);
      expect(header.revision).toBe(2n);
    });
  });

  it('takes initial data as a Map or as pairs', async () => {
    await withEmbedded({ initialData: new Map([['k', 'v']]) }, async (etcd) => {
      expect((await etcd.kv.get('k'))?.value.string()).toBe('v');
    });
  });

  it('serves on a unix socket, alone or beside a port', async () => {
    const socketPath = join(folder, 'etcd.sock');
    await withEmbedded({ socketPath }, async (etcd, server) => {
      expect(server.endpoints).toEqual([`unix://${socketPath}`]);
      expect((await etcd.kv.put('a', '1')).header.revision).toBe(2n);
    });
    const server = await EmbeddedEtcd.start({ socketPath, port: 0 });
    expect(server.endpoints).toHaveLength(2);
    await server.close();
  });

  it('serves TLS, and with clientCa only clients that have a certificate of it', async () => {
    const own = TestCertificates.text(certificates.issue('server'));
    const client = certificates.issue('client');
    const clientCa = readFileSync(certificates.caFile, 'utf8');
    const server = await EmbeddedEtcd.start({ tls: { ...own, clientCa } });
    try {
      const { endpoints } = server;
      const etcd = await connect({ endpoints, tls: { caFile: certificates.caFile, ...client }, shards: 'inline' });
      expect((await etcd.kv.put('a', '1')).header.revision).toBe(2n);
      await etcd.close();
      const refused = connect({
        endpoints,
        tls: { caFile: certificates.caFile },
        shards: 'inline',
        connectTimeoutMs: 2_000,
      });
      expect(await codeOf(refused)).toBe('connect-failed');
    } finally {
      await server.close();
    }
  });

  it('refuses a port that is taken, a host that is not here, a socket path that is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo; // a TCP server's
    expect(await codeOf(EmbeddedEtcd.start({ port }))).toBe('connect-failed');
    taken.close();
    expect(await codeOf(EmbeddedEtcd.start({ host: '203.0.113.1' }))).toBe('connect-failed');
    expect(await codeOf(EmbeddedEtcd.start({ socketPath: join(folder, 'none/etcd.sock') }))).toBe('connect-failed');
  });

  const wrong: [string, EmbeddedEtcdOptions | Record<string, unknown>][] = [
    ['an option that there is not', { prot: 1 }],
    ['a port above 65535', { port: 65_536 }],
    ['a fraction of a port', { port: 1.5 }],
    ['an empty host', { host: '' }],
    ['a relative socket path', { socketPath: 'etcd.sock' }],
    ['a certificate that is none', { tls: { cert: 'x', key: 'y' } }],
    ['an unknown clock', { clock: 'sun' }],
    ['a progress interval of 0', { progressIntervalMs: 0 }],
    ['an empty key', { initialData: { '': 'x' } }],
    [
      'a key twice',
      {
        initialData: [
          ['a', '1'],
          ['a', '2'],
        ],
      },
    ],
    ['initial data that is no pairs', { initialData: ['a'] }],
  ];
  it.each(wrong)('refuses %s', async (_, options) => {
    expect(await codeOf(EmbeddedEtcd.start(options))).toBe('invalid-argument');
  });
});

describe('an EmbeddedEtcd', () => {
  it('ends its connections and gives its port back when closed, and close may be called again', async () => {
    const server = await EmbeddedEtcd.start();
    const [host = '', port = ''] = server.address.split(':');
    const socket = netConnect(Number(port), host);
    await new Promise((resolve) => socket.once('connect', resolve));
    const ended = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined).resume();
    await server.close();
    await ended;
    await server.close();
    await server.ended;
    const again = await EmbeddedEtcd.start({ port: Number(port) });
    await again.close();
    expect(await codeOf(again.advanceClock(1))).toBe('closed');
  });

  it('turns its clock only where it was started with a manual one', async () => {
    const manual = await EmbeddedEtcd.start({ clock: 'manual' });
    await manual.advanceClock(1_000);
    expect(await codeOf(manual.advanceClock(-1))).toBe('invalid-argument');
    await manual.close();
    const system = await EmbeddedEtcd.start();
    expect(await codeOf(system.advanceClock(1))).toBe('invalid-argument');
    await system.close();
  });

  it('leaves nothing that keeps the process alive, closed or unreferenced', () => {
    const script = (body: string): string => `import { EmbeddedEtcd } from 'etcd-vigil/embedded';${body}`;
    const run = (body: string): string =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script(body)], {
        timeout: 150_000,
        encoding: 'utf8',
      });
    expect(run(`const s = await EmbeddedEtcd.start(); await s.close(); console.log('closed')`)).toBe('closed\n');
    expect(run(`(await EmbeddedEtcd.start()).unref(); console.log('unreferenced')`)).toBe('unreferenced\n');
  });
});
