/** `vigil serve` as a child process: what it prints, serves and refuses, and how it ends. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectOptions, type Etcd } from 'etcd-vigil';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLines, VigilProcess, vigilRun } from '../../integration/cli-process.js';
import { TestCertificates } from '../../support/certificates.js';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-serve-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Started and told by its first line. */
async function serving(...args: readonly string[]): Promise<{ run: VigilProcess; endpoint: string }> {
  const run = new VigilProcess(['serve', ...args]);
  await run.until('\n');
  return { run, endpoint: run.stdout.split('\n')[0] ?? '' };
}

async function withClient<T>(options: ConnectOptions, use: (etcd: Etcd) => Promise<T>): Promise<T> {
  const etcd = await connect({ ...options, shards: 'inline' });
  try {
    return await use(etcd);
  } finally {
    await etcd.close();
  }
}

describe('vigil serve', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'prints its endpoint, serves, and ends with exit code 0 on %s',
    async (signal) => {
      const { run, endpoint } = await serving('--port', '0');
      expect(endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      await withClient({ endpoints: endpoint }, async (etcd) => {
        expect((await etcd.kv.put('a', '1')).header.revision).toBe(2n);
        run.child.kill(signal);
        // Although a client is still connected.
        expect(await run.finished).toMatchObject({ code: 0, stdout: `${endpoint}\n` });
      });
    },
  );

  it('prints one JSON object with --json', async () => {
    const socketPath = join(folder, 'json.sock');
    const { run } = await serving('--json', '--socket', socketPath, '--port', '0');
    run.child.kill('SIGTERM');
    const { stdout } = await run.finished;
    const [line, ...more] = jsonLines(stdout);
    expect(more).toEqual([]);
    const tcp: unknown = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(line).toEqual({ type: 'serving', endpoints: [tcp, `unix://${socketPath}`] });
  });

  it('begins with the keys of --data, pairs and files, the later ones counting', async () => {
    const file = join(folder, 'data.json');
    writeFileSync(file, JSON.stringify({ 'f/1': 'one', both: 'file' }));
    const { endpoint } = await serving('--port', '0', '--data', 'both=pair', '--data', file, '--data', 'p=a=b');
    await withClient({ endpoints: endpoint }, async (etcd) => {
      const { kvs, header } = await etcd.kv.range({ all: true });
      expect(kvs.map((kv) => [kv.key.string(), kv.value.string()])).toEqual([
        ['both', 'file'],
        ['f/1', 'one'],
        ['p', 'a=b'],
      ]);
      expect(header.revision).toBe(2n);
    });
  });

  it('serves on a unix socket alone', async () => {
    const { run, endpoint } = await serving('--socket', join(folder, 'alone.sock'));
    expect(run.stdout).toBe(`unix://${join(folder, 'alone.sock')}\n`);
    await withClient({ endpoints: endpoint }, async (etcd) => {
      await etcd.kv.put('a', '1');
    });
  });

  it('serves TLS, with --client-ca only to clients with a certificate', async () => {
    const certificates = TestCertificates.create();
    try {
      const server = certificates.issue('server');
      const client = certificates.issue('client');
      const { caFile } = certificates;
      const tls = ['--cert', server.certFile, '--key', server.keyFile, '--client-ca', caFile];
      const { endpoint } = await serving('--port', '0', ...tls);
      expect(endpoint).toMatch(/^https:/);
      await withClient({ endpoints: endpoint, tls: { caFile, ...client } }, async (etcd) => {
        await etcd.kv.put('a', '1');
      });
      const stranger = connect({ endpoints: endpoint, tls: { caFile }, shards: 'inline', connectTimeoutMs: 1_000 });
      await expect(stranger).rejects.toMatchObject({ code: 'connect-failed' });
    } finally {
      certificates.close();
    }
  });

  it('tells idle watches the revision as often as --progress-interval says', async () => {
    const { endpoint } = await serving('--port', '0', '--progress-interval', '100ms');
    const run = new VigilProcess(['watch', 'a', '--progress', '--endpoints', endpoint]);
    await run.until('1\tprogress\n');
  });

  it('says in one line that a port is in use', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = taken.address() as AddressInfo; // a TCP server's
      const { code, stdout, stderr } = await vigilRun(['serve', '--port', String(port)]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toBe(
        `vigil: serve: cannot listen on 127.0.0.1:${String(port)} (EADDRINUSE): ` +
          'the port is in use; give another --port, or 0 for any free one [connect-failed]\n',
      );
    } finally {
      taken.close();
    }
  });

  it('replaces the socket that a killed server left, and no other file or socket', async () => {
    const path = join(folder, 'left.sock');
    const { run } = await serving('--socket', path);
    const second = await vigilRun(['serve', '--socket', path]);
    expect(second).toMatchObject({ code: 2, stdout: '' });
    expect(second.stderr).toContain('something is at that path already');
    run.child.kill('SIGKILL');
    await run.finished;
    const { endpoint } = await serving('--socket', path);
    await withClient({ endpoints: endpoint }, async (etcd) => {
      await etcd.kv.put('a', '1');
    });
    const file = join(folder, 'file');
    writeFileSync(file, 'kept');
    expect((await vigilRun(['serve', '--socket', file])).code).toBe(2);
    expect(readFileSync(file, 'utf8')).toBe('kept');
  });

  it('says in one line that the directory of its socket does not exist, or that its path is too long', async () => {
    for (const [path, told] of [
      [join(folder, 'nowhere', 'etcd.sock'), '(ENOENT): the directory of the socket does not exist'],
      [join(folder, 'x'.repeat(200)), 'the path is too long for a socket'],
    ] as const) {
      const { code, stdout, stderr } = await vigilRun(['serve', '--socket', path]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^vigil: serve: [^\n]+ \[[a-z-]+\]\n$/);
      expect(stderr).toContain(told);
    }
  });

  it('refuses wrong options and files, in one message without a stack', async () => {
    const wrong: [string[], string][] = [
      [['--port', '65536'], '--port'],
      [['--cert', '/nonexistent'], '--key'],
      [['--cert', '/nonexistent/c', '--key', '/nonexistent/k'], '/nonexistent/c'],
      [['--data', '/nonexistent/data'], 'ENOENT'],
      [['here'], 'too many arguments'],
    ];
    await Promise.all(
      wrong.map(async ([args, told]) => {
        const { code, stdout, stderr } = await vigilRun(['serve', ...args]);
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
        expect(stderr).toContain(told);
        expect(stderr).not.toMatch(/^\s+at /m);
      }),
    );
  });
});
