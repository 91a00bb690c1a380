/** `vigil demo` as a child process on its own server and on given ones: its run, its check, and its end. */
import { connect } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { describe, expect, it } from 'vitest';
import { jsonLines, VigilProcess, vigilRun } from '../../integration/cli-process.js';

/** The demo in short: the default of 5,000 leases costs a second. */
const BRIEF = ['--leases', '200'];

async function withServer<T>(run: (server: EmbeddedEtcd, endpoint: string) => Promise<T>): Promise<T> {
  const server = await EmbeddedEtcd.start();
  try {
    return await run(server, server.endpoints[0] ?? '');
  } finally {
    await server.close();
  }
}

describe('vigil demo on a server of its own', () => {
  it('watches, writes, checks, prints a summary, and ends by itself with exit code 0', async () => {
    // Nothing but Node is there, and what the environment says of an etcd is not used.
    const env = { PATH: '', ETCD_ENDPOINTS: 'http://127.0.0.1:1', ETCDCTL_ENDPOINTS: 'http://127.0.0.1:1' };
    const { code, stdout, stderr } = await vigilRun(['demo', '--seconds', '2'], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^an etcd in this process serves at http:\/\/127\.0\.0\.1:\d+$/m);
    expect(stdout).toMatch(/^ {2}1 s {2}[\d,]+ events\/s {2}put to event p50 .* main busy [\d.]+ % {2}shard 0 /m);
    expect(stdout).toMatch(/\| ran +\| 2\.\d s on the embedded server /);
    expect(stdout).toMatch(/\| watches +\| 1,000 in one group/);
    expect(stdout).toMatch(/check passed: each of [\d,]+ writes was seen exactly once/);
    expect(stdout).toContain('etcd holds each of 5,000 leases with its key');
    expect(stdout).toMatch(/ {2}leases 5,000 held, 0 lost, [\d,]+ keepalives\/s, shortest left [\d.]+ s$/m);
    expect(stdout).not.toContain('connection lost');
    expect(stdout).not.toContain('\u001b');
  });

  it('prints JSON lines with --json, and takes its engine options', async () => {
    const engine = ['--ranges', '20', '--shards', 'inline', '--transport', 'grpc-js'];
    const { code, stdout } = await vigilRun(['demo', '--seconds', '1', '--leases', '100', ...engine, '--json']);
    expect(code).toBe(0);
    const lines = jsonLines(stdout);
    expect(lines.at(0)).toMatchObject({ type: 'second', shards: [{ shard: 0, state: 'running', watches: 20 }] });
    const summary = lines.at(-1);
    expect(summary).toMatchObject({
      ...{ type: 'summary', passed: true, embedded: true, ranges: 20, shards: 'inline', transport: 'grpc-js' },
      verdict: { lost: 0, doubled: 0, outOfOrder: 0 },
      leases: { held: 100, lostHere: 0, lostOnServer: 0, keysMissing: 0 },
    });
    expect(Number(summary?.['written'])).toBeGreaterThan(0);
    expect(summary?.['seen']).toBe(summary?.['written']);
  });

  it('tells each second once, and never of more events than writes', async () => {
    const { code, stdout } = await vigilRun(['demo', '--seconds', '4', ...BRIEF, '--ranges', '200', '--json']);
    expect(code).toBe(0);
    const seconds = jsonLines(stdout).filter(({ type }) => type === 'second');
    expect(seconds.map(({ second }) => second)).toEqual([1, 2, 3, 4]);
    for (const { seen, written } of seconds) expect(Number(seen)).toBeLessThanOrEqual(Number(written));
  });

  it('on Ctrl-C and SIGTERM still checks and prints the summary', async () => {
    const signals = ['SIGINT', 'SIGTERM'] as const;
    await Promise.all(
      signals.map(async (signal) => {
        const run = new VigilProcess(['demo', '--seconds', '600', ...BRIEF]);
        await run.until(' 1 s ');
        run.child.kill(signal);
        const { code, stdout } = await run.finished;
        expect(code).toBe(0);
        expect(stdout).toContain('(interrupted)');
        expect(stdout).toContain('check passed');
      }),
    );
  });

  it('refuses options that are wrong, in one message without a stack', async () => {
    const wrong = [
      ['--seconds', '0'],
      ['--ranges', 'many'],
      ['--shards', '65'],
      ['--transport', 'carrier-pigeon'],
      ['--cacert', 'ca.pem'],
    ];
    await Promise.all(
      wrong.map(async ([name = '', value = '']) => {
        const { code, stdout, stderr } = await vigilRun(['demo', name, value]);
        expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
        expect(stderr).toContain(name);
        expect(stderr).not.toMatch(/^\s+at /m);
      }),
    );
  });
});

describe('vigil demo on a given server', () => {
  it('fails its check when a lease was taken away', async () => {
    await withServer(async (_, endpoint) => {
      const run = new VigilProcess(['demo', '--seconds', '600', '--leases', '50', '--endpoints', endpoint]);
      await run.until('ranges are watched');
      const client = await connect({ endpoints: endpoint, shards: 'inline' });
      try {
        for await (const leaseId of client.leases.list()) {
          await client.leases.revoke(leaseId);
          break;
        }
      } finally {
        await client.close();
      }
      run.child.kill('SIGINT');
      const { code, stdout } = await run.finished;
      expect(code).toBe(1);
      expect(stdout).toMatch(/check failed: of 50 leases .* etcd does not know 1, and 1 keys are gone/);
    });
  });

  it('tells that the server went away, and comes to an end', async () => {
    await withServer(async (server, endpoint) => {
      const args = ['--seconds', '600', ...BRIEF, '--timeout', '1s', '--endpoints', endpoint];
      const run = new VigilProcess(['demo', ...args]);
      await run.until('ranges are watched');
      await server.close();
      await run.until('connection lost');
      run.child.kill('SIGINT');
      const { code, stdout } = await run.finished;
      // What was written before may all have been seen: then only the leases cannot be checked.
      expect(code).toBe(1);
      expect(stdout).toMatch(/check failed: /);
    });
  });

  it('ends at once on a second Ctrl-C, though the server stands still', async () => {
    const server = new VigilProcess(['serve', '--port', '0']);
    await server.until('\n');
    const run = new VigilProcess(['demo', '--seconds', '600', ...BRIEF, '--endpoints', server.stdout.trim()]);
    await run.until('ranges are watched');
    // The check would wait for it.
    server.child.kill('SIGSTOP');
    run.child.kill('SIGINT');
    await run.until('writing has stopped');
    run.child.kill('SIGINT');
    expect(await run.finished).toMatchObject({ code: 130 });
  });

  it('is not begun where nobody serves', async () => {
    const { code, stderr } = await vigilRun(['demo', '--endpoints', 'http://127.0.0.1:1', '--timeout', '500ms']);
    expect(code).toBe(2);
    expect(stderr).toContain('[connect-failed]');
  });
});
