/**
 * Whatever ends a command: a pipe that nobody reads, a full disk, signals. Each command leaves nothing behind, shows no stack, and
 * ends with an exit code that docs/guide/cli.md names.
 */
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Etcd } from 'etcd-vigil';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { TOOL_NAMES } from '../relation/fake-tools/tool-commands.js';
import { eventually } from '../support/poll.js';
import { suiteEtcd } from '../support/suite-etcd.js';
import { startVigil, type StreamKinds, type StreamRun } from './cli-streams.js';

/** A lease that the tests hold for the commands that are about one. */
const LEASE = '4711';
const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;

/** Commands that end by themselves, each with something to print. */
const SHORT: readonly (readonly [name: string, args: readonly string[]])[] = [
  ['get', ['get', 'stop/', '--prefix']],
  ['put', ['put', 'stop/b', '2']],
  ['del', ['del', 'stop/nothing', '--prefix']],
  ['lease grant', ['lease', 'grant', '600']],
  ['lease keep-alive --once', ['lease', 'keep-alive', LEASE, '--once']],
  ['lease ttl', ['lease', 'ttl', LEASE]],
  ['lease list', ['lease', 'list']],
];
/** Likewise, within a hook. */
const RELATION: readonly (readonly [name: string, args: readonly string[]])[] = [
  ['relation show', ['relation', 'show']],
  ['relation save', ['relation', 'save', '--file', 'connection.json']],
  ['relation provide', ['relation', 'provide', '--endpoints', 'http://10.0.0.1:2379', '--json']],
];
const TEXTS: readonly (readonly [name: string, args: readonly string[]])[] = [
  ['help', ['help']],
  ['--help', ['--help']],
  ['lease --help', ['lease', '--help']],
  ['--version', ['--version']],
];
/** Commands that run until they are stopped, and what they say when they run. */
const LONG: readonly (readonly [name: string, args: readonly string[], running: string])[] = [
  ['watch', ['watch', 'stop/a', '--rev', '1'], 'stop/a'],
  ['lease hold', ['lease', 'hold', '20', '--ttl', '60'], '20 held'],
  ['lease keep-alive', ['lease', 'keep-alive', LEASE], 'renewed'],
  ['demo', ['demo', '--seconds', '600', '--ranges', '50', '--leases', '20'], ' 1 s '],
];

let folder = '';
let silent: Server;
const sockets = new Set<Socket>();

/** Hook tools of a unit with one relation; with VIGIL_HANG they say that they were called and never answer. */
const TOOL = `#!/bin/sh
if [ -n "$VIGIL_HANG" ]; then echo $$ > "$VIGIL_HANG.new"; mv "$VIGIL_HANG.new" "$VIGIL_HANG"; exec tail -f /dev/null; fi
case "$(basename "$0")" in
  relation-ids) echo '["etcd:0"]' ;;
  relation-list) echo '["etcd/0"]' ;;
  relation-get) echo '{"connection_string": "http://10.0.0.1:2379", "version": "3.5.18"}' ;;
  is-leader) echo true ;;
  *) echo '{}' ;;
esac
`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vigil-stop-'));
  writeFileSync(join(folder, 'tool'), TOOL);
  chmodSync(join(folder, 'tool'), 0o755);
  for (const name of TOOL_NAMES) symlinkSync('tool', join(folder, name));
  silent = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await once(silent.listen(0, '127.0.0.1'), 'listening');
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  rmSync(folder, { recursive: true, force: true });
});

function hookEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return {
    PATH: `${folder}:/usr/bin:/bin`,
    JUJU_UNIT_NAME: 'app/0',
    JUJU_HOOK_NAME: 'update-status',
    JUJU_CONTEXT_ID: 'x',
    ...more,
  };
}

describe('a command that is stopped', () => {
  const etcd = suiteEtcd();
  let client: Etcd;

  beforeAll(async () => {
    client = await connect({ endpoints: etcd().endpoint, shards: 'inline' });
    await client.kv.put('stop/a', '1');
    (await client.leases.grant({ ttlSeconds: 6_000, leaseId: BigInt(LEASE) })).release();
  });
  afterAll(() => client.close());

  const start = (args: readonly string[], kinds: StreamKinds = {}): StreamRun =>
    startVigil(args, { ...kinds, env: { ETCD_ENDPOINTS: etcd().endpoint, ...kinds.env } });
  const startHere = (args: readonly string[], kinds: StreamKinds = {}): StreamRun =>
    start(args[0] === 'demo' ? [...args, '--endpoints', etcd().endpoint] : args, kinds);

  async function expectNothingLeft(): Promise<void> {
    const leases: string[] = [];
    for await (const leaseId of client.leases.list()) leases.push(String(leaseId));
    expect(leases).toEqual([LEASE]);
    expect(await client.kv.count({ prefix: 'vigil-demo/' })).toBe(0n);
  }

  async function expectEnd(run: StreamRun, code: number): Promise<void> {
    const end = await run.ended;
    expect(run.text.stderr).not.toMatch(/^\s+at |node:/m);
    expect({ ...end, stderr: run.text.stderr }).toMatchObject({ code, signal: null });
    await expectNothingLeft();
  }

  it.each([...SHORT, ...TEXTS])('ends quietly where nobody reads its output: %s', async (_, args) => {
    await expectEnd(start(args, { stdout: 'closed' }), 0);
  });

  it.each(RELATION)('ends quietly where nobody reads its output: %s', async (_, args) => {
    await expectEnd(
      start(
        args.map((arg) => (arg.endsWith('.json') ? join(folder, arg) : arg)),
        { stdout: 'closed', env: hookEnv() },
      ),
      0,
    );
  });

  it.each(LONG)('ends and cleans up where nobody reads its output: %s', async (_, args) => {
    await expectEnd(startHere(args, { stdout: 'closed' }), 0);
  });

  it('revokes what it was to revoke although nobody reads of it: lease revoke', async () => {
    (await client.leases.grant({ ttlSeconds: 600, leaseId: 99n })).release();
    await expectEnd(start(['lease', 'revoke', '99'], { stdout: 'closed' }), 0);
  });

  it.each([...SHORT, ...TEXTS.slice(3)])('does its work where nobody reads its messages: %s', async (name, args) => {
    const run = start(args, { stderr: 'closed' });
    expect((await run.ended).code).toBe(0);
    expect(run.text.stdout).not.toBe('');
    if (name === 'lease grant') await client.leases.revoke(BigInt(run.text.stdout.trim()));
    await expectNothingLeft();
  });

  it.each([
    ['watch', ['watch', 'stop/a']],
    ['lease hold', ['lease', 'hold', '5', '--seconds', '1']],
    ['demo', ['demo', '--seconds', '600', '--ranges', '50', '--leases', '20', '--json']],
  ])('ends and cleans up where nobody reads its messages: %s', async (_, args) => {
    await expectEnd(startHere(args, { stderr: 'closed' }), 0);
  });

  it('keeps the exit code of a failure that nobody reads of', async () => {
    for (const stderr of ['closed', 'full'] as const) {
      expect((await start(['get', 'stop/nothing'], { stderr }).ended).code).toBe(1);
      expect((await start(['get'], { stderr }).ended).code).toBe(2);
    }
  });

  const endless = LONG.map(([name, args]) => [name, args] as const);
  it.each([...SHORT, ...endless, ...TEXTS, ['serve', ['serve', '--port', '0']] as const])(
    'says in one line that the disk is full, and cleans up: %s',
    async (name, args) => {
      const run = startHere(args, { stdout: 'full' });
      await expectEnd(run, 1);
      expect(run.text.stderr).toMatch(/^vigil: stdout cannot be written \(ENOSPC\)\n$/m);
      expect(run.text.stderr.split('\n').length, name).toBeLessThanOrEqual(3);
    },
  );

  it.each(RELATION)('says in one line that the disk is full: %s', async (_, args) => {
    const placed = args.map((arg) => (arg.endsWith('.json') ? join(folder, `full-${arg}`) : arg));
    const run = start(placed, { stdout: 'full', env: hookEnv() });
    await expectEnd(run, 1);
    expect(run.text.stderr).toBe('vigil: stdout cannot be written (ENOSPC)\n');
  });

  describe.each(SIGNALS)('by %s', (signal, code) => {
    // What differs by signal is the exit code; for SIGHUP one of the short ones will do.
    const some = signal === 'SIGHUP' ? SHORT.slice(0, 1) : SHORT;
    it.each([
      ...some,
      ['lease revoke', ['lease', 'revoke', '5']] as const,
      ['watch', ['watch', 'k']] as const,
      ['lease hold', ['lease', 'hold', '5']] as const,
    ])('ends while the server does not answer: %s', async (_, args) => {
      const { port } = silent.address() as AddressInfo; // a TCP server's
      const asked = once(silent, 'connection');
      const run = start(args, { env: { ETCD_ENDPOINTS: `http://127.0.0.1:${String(port)}` } });
      await asked;
      run.child.kill(signal);
      await expectEnd(run, code);
      expect(run.text).toEqual({ stdout: '', stderr: '' });
    });

    it.each(RELATION)('ends while a hook tool does not answer: %s', async (name, args) => {
      const marker = join(folder, `${signal}-${name.replace(' ', '-')}`);
      const run = start(args, { env: hookEnv({ VIGIL_HANG: marker }) });
      await eventually(() => existsSync(marker), { timeoutMs: 40_000 });
      onTestFinished(() => {
        try {
          process.kill(Number(readFileSync(marker, 'utf8')), 'SIGKILL');
        } catch {
          // It went with the command.
        }
      });
      run.child.kill(signal);
      await once(run.child, 'exit');
      expect({ code: run.child.exitCode, ...run.text }).toEqual({ code, stdout: '', stderr: '' });
      run.child.stdout?.destroy();
      run.child.stderr?.destroy();
    });

    it.each(LONG)('ends and cleans up while it runs: %s', async (name, args, running) => {
      const run = startHere(args);
      await run.until(running);
      run.child.kill(signal);
      // The demo still checks, and the check has the last word.
      await expectEnd(run, name === 'demo' ? 0 : code);
      if (name === 'demo') expect(run.text.stdout).toContain('check passed');
    });

    it('ends while it waits for the value on stdin: put', async () => {
      const run = start(['put', 'stop/stdin', '-']);
      // More than a pipe holds: when it has all been taken, the command reads.
      run.child.stdin?.write(Buffer.alloc(4 * 1024 * 1024, 'x'));
      await eventually(() => run.child.stdin?.writableLength === 0, { timeoutMs: 40_000 });
      run.child.kill(signal);
      await expectEnd(run, code);
      expect(await client.kv.count({ key: 'stop/stdin' })).toBe(0n);
    });

    it.each(TEXTS)('ends, with its text or without: %s', async (_, args) => {
      const run = start(args);
      run.child.kill(signal);
      const end = await run.ended;
      // Node may not even have begun.
      expect(['0', String(code), signal]).toContain(String(end.code ?? end.signal));
      expect(run.text.stderr).toBe('');
    });
  });

  it('ends at a signal although its output is read by nobody: get', async () => {
    await client.kv.put('stop/large', Buffer.alloc(1_000_000, 'x'));
    const run = start(['get', 'stop/large'], { stdout: 'unread' });
    onTestFinished(async () => {
      await client.kv.delete('stop/large');
    });
    await eventually(() => (run.child.stdout?.readableLength ?? 0) > 0 || run.child.stdout?.read() !== null, {
      timeoutMs: 40_000,
    });
    run.child.kill('SIGINT');
    expect((await run.ended).signal).toBeNull();
  });

  it('goes on serving though nobody reads its endpoint: serve', async () => {
    for (const kinds of [{ stdout: 'closed' }, { stderr: 'closed' }, { stdout: 'closed', stderr: 'closed' }] as const) {
      const socket = join(folder, `${Object.keys(kinds).join('-')}.sock`);
      const run = start(['serve', '--socket', socket], kinds);
      await eventually(() => existsSync(socket), { timeoutMs: 40_000 });
      const served = await connect({ endpoints: `unix://${socket}`, shards: 'inline', connectTimeoutMs: 30_000 });
      await served.kv.put('a', '1');
      await served.close();
      expect(run.child.exitCode).toBeNull();
      run.child.kill('SIGTERM');
      expect((await run.ended).code).toBe(0);
    }
  });
});

describe('a command whose server stands still', () => {
  async function standing(): Promise<{ server: StreamRun; endpoint: string }> {
    const server = startVigil(['serve', '--port', '0']);
    await server.until('\n');
    return { server, endpoint: server.text.stdout.trim() };
  }

  it.each([
    [
      'demo',
      ['demo', '--seconds', '600', '--ranges', '50', '--leases', '20'],
      ' 1 s ',
      'vigil del --prefix vigil-demo/',
    ],
    ['lease hold', ['lease', 'hold', '20'], '20 held', 'up to 20 leases'],
  ])('says at a second Ctrl-C what it had to leave behind, and ends: %s', async (_, args, running, left) => {
    const { server, endpoint } = await standing();
    const run = startVigil([...args, '--endpoints', endpoint]);
    await run.until(running);
    server.child.kill('SIGSTOP');
    // Until it is dealt with, the next one would count as the same.
    run.child.kill('SIGINT');
    const { child } = run;
    await eventually(
      () => {
        // Signals of one kind that are pending at once are one signal: the next is sent until it has had its effect.
        child.kill('SIGINT');
        return child.exitCode !== null;
      },
      { timeoutMs: 40_000, intervalMs: 50 },
    );
    expect(await run.ended).toEqual({ code: 130, signal: null });
    expect(run.text.stderr).toMatch(/^vigil: left behind: /m);
    expect(run.text.stderr).toContain(left);
  });

  it('fails in one line when its server is gone: lease hold', async () => {
    const { server, endpoint } = await standing();
    const run = startVigil(['lease', 'hold', '5', '--ttl', '1', '--endpoints', endpoint]);
    await run.until('5 held');
    server.child.kill('SIGKILL');
    expect(await run.ended).toEqual({ code: 1, signal: null });
    expect(run.text.stderr).toMatch(/^vigil: [^\n]+\n$/);
  });
});
