/** `vigil demo` as a child process: its run, its check, and that it leaves nothing behind however it ends. */
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'etcd-vigil';
import { describe, expect, it } from 'vitest';
import { defaultEtcd } from '../support/etcd-binary.js';
import { eventually } from '../support/poll.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { jsonLines, VigilProcess, vigilRun } from './cli-process.js';

const withEtcd = (): NodeJS.ProcessEnv => ({ ETCD_BIN: defaultEtcd().path });

/** The pid and the data folder of the demo's own etcd. */
async function ownEtcd(run: VigilProcess): Promise<{ pid: number; dataDir: string }> {
  await run.until('ranges are watched');
  const pid = Number(/\(pid (\d+)\)/.exec(run.stdout + run.stderr)?.[1]);
  const dataDir = /--data-dir=([^\0]+)/.exec(readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8'))?.[1] ?? '';
  expect(existsSync(dataDir)).toBe(true);
  return { pid, dataDir };
}

function isRunning(pid: number): boolean {
  try {
    // A zombie of another parent is gone for our purpose.
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function expectNothingLeft({ pid, dataDir }: { pid: number; dataDir: string }): Promise<void> {
  await eventually(() => !isRunning(pid) && !existsSync(dataDir), { what: 'etcd and its data being gone' });
}

describe('vigil demo with an etcd of its own', () => {
  it('watches, writes, checks, prints a summary, and ends by itself with exit code 0', async () => {
    const run = new VigilProcess(['demo', '--seconds', '3'], withEtcd());
    const own = await ownEtcd(run);
    const { code, stdout, stderr } = await run.finished;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ {2}1 s {2}[\d,]+ events\/s {2}put to event p50 .* main busy [\d.]+ % {2}shard 0 /m);
    expect(stdout).toMatch(/\| watches +\| 1,000 in one group/);
    expect(stdout).toMatch(/check passed: each of [\d,]+ writes was seen exactly once/);
    expect(stdout).toContain('etcd holds each of 5,000 leases with its key');
    expect(stdout).toMatch(/ {2}leases 5,000 held, 0 lost, [\d,]+ keepalives\/s, shortest left [\d.]+ s$/m);
    expect(stdout).not.toContain('\u001b');
    await expectNothingLeft(own);
  });

  it('prints JSON lines with --json, and takes its engine options', async () => {
    const args = [
      'demo',
      '--seconds',
      '2',
      '--leases',
      '100',
      '--ranges',
      '20',
      '--shards',
      'inline',
      '--transport',
      'grpc-js',
      '--json',
    ];
    const { code, stdout } = await vigilRun(args, withEtcd());
    expect(code).toBe(0);
    const lines = jsonLines(stdout);
    expect(lines.at(0)).toMatchObject({ type: 'second', shards: [{ shard: 0, state: 'running', watches: 20 }] });
    const summary = lines.at(-1);
    expect(summary).toMatchObject({
      type: 'summary',
      passed: true,
      ranges: 20,
      shards: 'inline',
      transport: 'grpc-js',
    });
    expect(summary).toMatchObject({ verdict: { lost: 0, doubled: 0, outOfOrder: 0 } });
    expect(summary).toMatchObject({ leases: { held: 100, lostHere: 0, lostOnServer: 0, keysMissing: 0 } });
    expect(Number(summary?.['written'])).toBeGreaterThan(0);
    expect(summary?.['seen']).toBe(summary?.['written']);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('on %s still checks, prints the summary and cleans up', async (signal) => {
    const run = new VigilProcess(['demo', '--seconds', '600', '--leases', '500'], withEtcd());
    const own = await ownEtcd(run);
    await run.until(' 1 s ');
    run.child.kill(signal);
    const { code, stdout } = await run.finished;
    expect(code).toBe(0);
    expect(stdout).toContain('(interrupted)');
    expect(stdout).toContain('check passed');
    await expectNothingLeft(own);
  });

  it('leaves no etcd and no data behind when it is killed', async () => {
    const run = new VigilProcess(['demo', '--seconds', '600', '--leases', '500'], withEtcd());
    const own = await ownEtcd(run);
    run.child.kill('SIGKILL');
    await run.finished;
    await expectNothingLeft(own);
  });

  it('ends at once on a second Ctrl-C, and leaves nothing behind', async () => {
    const run = new VigilProcess(['demo', '--seconds', '600', '--leases', '500'], withEtcd());
    const own = await ownEtcd(run);
    // The etcd stands still: the check would wait for it.
    process.kill(own.pid, 'SIGSTOP');
    run.child.kill('SIGINT');
    await run.until('writing has stopped');
    run.child.kill('SIGINT');
    expect(await run.finished).toMatchObject({ code: 130 });
    await expectNothingLeft(own);
  });

  it('tells that the etcd went away, and comes to an end', async () => {
    const run = new VigilProcess(['demo', '--seconds', '600', '--leases', '500', '--timeout', '3s'], withEtcd());
    const own = await ownEtcd(run);
    await run.until(' 1 s ');
    process.kill(own.pid, 'SIGKILL');
    await run.until('connection lost');
    run.child.kill('SIGINT');
    const { code, stdout } = await run.finished;
    // What was written before may all have been seen: then the check passes.
    expect([0, 1]).toContain(code);
    expect(stdout).toMatch(/check (passed|failed): /);
    expect(stdout).toContain('connection lost');
    await expectNothingLeft(own);
  });
});

describe('vigil demo whose leases are taken away', () => {
  const etcd = suiteEtcd();

  it('fails its check', async () => {
    const run = new VigilProcess(['demo', '--seconds', '600', '--leases', '50', '--endpoints', etcd().endpoint]);
    await run.until(' 1 s ');
    const client = await connect({ endpoints: etcd().endpoint, shards: 'inline' });
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

describe('vigil demo without etcd', () => {
  it.each([
    ['no etcd on PATH', { PATH: '/nonexistent', ETCD_BIN: '' }],
    ['an ETCD_BIN that is no program', { ETCD_BIN: '/nonexistent/etcd' }],
  ])('says in one message how to get one: %s', async (_, env) => {
    const { code, stdout, stderr } = await vigilRun(['demo'], env);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    for (const part of ['etcd-server etcd-client', 'ETCD_BIN', '--endpoints']) expect(stderr).toContain(part);
  });

  it('says so when the program that it found is no etcd', async () => {
    const { code, stderr } = await vigilRun(['demo'], { ETCD_BIN: '/bin/false' });
    expect(code).toBe(2);
    expect(stderr).toContain('/bin/false could not be started');
  });
});

describe('vigil demo on a given etcd', () => {
  const etcd = suiteEtcd();

  it('touches no key but its own, and deletes those', async () => {
    const client = await connect({ endpoints: etcd().endpoint });
    try {
      await client.kv.put('vigil-demo/other', 'mine');
      await client.kv.put('zz', 'mine, too');
      const before = (await client.kv.range({ all: true })).kvs.map((kv) => [kv.key.string(), kv.modRevision]);
      const { code, stdout } = await vigilRun([
        'demo',
        '--seconds',
        '1',
        '--leases',
        '200',
        '--endpoints',
        etcd().endpoint,
      ]);
      expect(code).toBe(0);
      expect(stdout).toContain('check passed');
      const left = [];
      for await (const leaseId of client.leases.list()) left.push(leaseId);
      expect(left).toEqual([]);
      const after = (await client.kv.range({ all: true })).kvs.map((kv) => [kv.key.string(), kv.modRevision]);
      expect(after).toEqual(before);
    } finally {
      await client.close();
    }
  });

  it.each([
    ['--seconds', '0'],
    ['--ranges', 'many'],
    ['--shards', '65'],
    ['--transport', 'carrier-pigeon'],
    ['--cacert', 'ca.pem'],
  ])('refuses %s %s', async (...args) => {
    const { code, stderr } = await vigilRun(['demo', ...args], withEtcd());
    expect(code).toBe(2);
    expect(stderr).toContain(args[0]);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
