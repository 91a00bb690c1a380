/** Hook tools that are missing, refuse, hang, talk too much or nonsense, and what must never be seen of a secret. */
import { readdirSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { hookTools, HookToolError, JujuModel, type Charm, type JujuBackend } from '../../src/main/relation/index.js';
import { FakeAgent, type Intercept } from './fake-tools/fake-agent.js';

const SECRET = 'hunter2-is-not-a-password';
const PEM = `-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n`;

// A folder of its own for temporary files, so that what is left behind is this file's.
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hook-tools-'));
  vi.stubEnv('TMPDIR', folder);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe('hook tools', () => {
  let agent: FakeAgent;
  let model: JujuModel;

  beforeEach(async () => {
    agent = await FakeAgent.start();
    model = new JujuModel({ publishAddresses: false });
    model.deploy('client');
    model.deploy('etcd');
    model.relate('client:etcd', 'etcd:db');
    await model.settle();
  });
  afterEach(() => agent.close());

  /** Runs code in an update-status hook over the tools, and gives what it gives. */
  async function inHook<T>(use: (backend: JujuBackend) => Promise<T>, options: object = {}): Promise<T> {
    let answer: { value: T } | undefined;
    const charm: Charm = async (backend) => {
      answer = { value: await use(backend) };
    };
    model.fire('client/0', 'update-status');
    await model.run(agent.overTools(charm, options), 'client/0');
    if (answer === undefined) throw new Error('the hook did not run');
    return answer.value;
  }

  /** The error of a call whose tool is answered by the test. */
  async function failure(
    intercept: Intercept,
    call: (backend: JujuBackend) => Promise<unknown>,
    options?: object,
  ): Promise<HookToolError> {
    agent.intercept = intercept;
    const error: unknown = await inHook((backend) => call(backend).catch((thrown: unknown) => thrown), options);
    agent.intercept = undefined;
    if (!(error instanceof HookToolError)) throw new Error(`no HookToolError: ${String(error)}`);
    return error;
  }

  const refuse =
    (exit: number, stderr: string, stdout = ''): Intercept =>
    () => ({ exit, stdout, stderr });

  it('are asked once for what was read, and again after it was written', async () => {
    await inHook(async (backend) => {
      await Promise.all([backend.readDatabag('etcd:0', 'etcd/0'), backend.readDatabag('etcd:0', 'etcd/0')]);
      await backend.readDatabag('etcd:0', 'client/0');
      await backend.readDatabag('etcd:0', 'client/0');
      await backend.writeDatabag('etcd:0', 'unit', { a: '1' });
      expect(await backend.readDatabag('etcd:0', 'client/0')).toEqual(new Map([['a', '1']]));
      await backend.isLeader();
      await backend.isLeader();
    });
    expect(agent.calls.map(({ tool, args }) => [tool, args.at(-1)])).toEqual([
      ['relation-get', 'etcd/0'],
      ['relation-get', 'client/0'],
      ['relation-set', '-'],
      ['relation-get', 'client/0'],
      ['is-leader', '--format=json'],
    ]);
  });

  it('are asked again after a failure', async () => {
    let failures = 1;
    agent.intercept = () => (failures-- > 0 ? { exit: 1, stdout: '', stderr: 'ERROR try later\n' } : undefined);
    await inHook(async (backend) => {
      await expect(backend.relationIds('etcd')).rejects.toMatchObject({ code: 'hook-tool-failed', exitCode: 1 });
      expect(await backend.relationIds('etcd')).toEqual(['etcd:0']);
    });
  });

  it('name the member in every read, also where Juju would guess', async () => {
    model.removeRelation(0);
    await model.run(async () => {}, 'client/0');
    await model.run(
      agent.overTools(async (backend) => {
        expect(backend.context.relation).toMatchObject({ phase: 'broken', remoteUnit: undefined, remoteApp: 'etcd' });
        await backend.readDatabag('etcd:0', 'etcd/0');
      }),
      'client/0',
    );
    expect(agent.calls).toMatchObject([{ args: ['--format=json', '-r', 'etcd:0', '-', 'etcd/0'] }]);
  });

  it('that are missing are told apart from those that refuse', async () => {
    await agent.close();
    agent = await FakeAgent.start(['relation-ids']);
    const missing = await inHook((backend) => backend.readState().catch((error: unknown) => error));
    expect(missing).toMatchObject({ code: 'hook-tool-missing', tool: 'state-get', outcome: 'not-sent' });
    expect(await inHook((backend) => backend.relationModel('etcd:0'))).toBeUndefined();
    expect(() => hookTools({ env: {} })).toThrow(expect.objectContaining({ code: 'hook-tool-missing' }) as Error);
  });

  it('that hang are ended', async () => {
    const error = await failure(
      () => 'hang',
      (backend) => backend.readState(),
      { timeoutMs: 300 },
    );
    expect(error).toMatchObject({ code: 'timeout', tool: 'state-get', exitCode: undefined, outcome: 'unknown' });
    expect(error.message).toContain('timeoutMs');
  });

  it('that print too much are ended', async () => {
    const error = await failure(refuse(0, '', 'x'.repeat(200_000)), (backend) => backend.readState(), {
      maxOutputBytes: 1_000,
    });
    expect(error).toMatchObject({ code: 'hook-tool-failed' });
    expect(error.message).toBe('state-get printed more than 1000 bytes');
  });

  it.each([
    ['not JSON', `${SECRET}{`],
    ['another shape', `["${SECRET}"]`],
    ['values that are no text', `{"key":{"inner":"${SECRET}"}}`],
  ])('that print %s are not believed, and not quoted', async (_, stdout) => {
    const error = await failure(refuse(0, '', stdout), (backend) => backend.readState());
    expect(error).toMatchObject({ code: 'hook-tool-failed' });
    expect(error.message).not.toContain(SECRET.slice(0, 7));
  });

  it('that print null or nothing have nothing', async () => {
    for (const stdout of ['null\n', '']) {
      agent.intercept = refuse(0, '', stdout);
      expect(await inHook((backend) => backend.readState())).toEqual(new Map());
      expect(await inHook((backend) => backend.relationIds('etcd'))).toEqual([]);
    }
  });

  it.each<[string, number, string, (backend: JujuBackend) => Promise<unknown>]>([
    [
      'relation-not-found',
      2,
      'invalid value "etcd:0" for option -r: relation not found',
      (b) => b.relationUnits('etcd:0'),
    ],
    ['relation-not-found', 1, 'unit "etcd/9": settings not found', (b) => b.readDatabag('etcd:0', 'etcd/9')],
    ['not-leader', 1, 'cannot write relation settings', (b) => b.writeDatabag('etcd:0', 'app', { a: '1' })],
    ['not-leader', 1, 'permission denied', (b) => b.readDatabag('etcd:0', 'client')],
    ['permission-denied', 1, 'permission denied', (b) => b.readDatabag('etcd:0', 'etcd/0')],
    ['not-leader', 1, 'this unit is not the leader', (b) => b.addSecret({ key: SECRET })],
    ['secret-denied', 1, 'permission denied', (b) => b.readSecret({ id: 'secret:x1' })],
    ['secret-not-found', 1, 'secret "x1" not found', (b) => b.readSecret({ id: 'secret:x1' })],
    ['hook-tool-failed', 2, 'option provided but not defined: --app', (b) => b.readDatabag('etcd:0', 'etcd')],
    ['hook-tool-failed', 1, 'connection is shut down', (b) => b.isLeader()],
  ])('say %s by exit code %i and «%s»', async (code, exit, text, call) => {
    const error = await failure(refuse(exit, `ERROR ${text}\n`), call);
    expect(error).toMatchObject({ code, exitCode: exit });
    expect(error.message).toContain(text.slice(0, 20));
  });

  it('are given nothing secret in their arguments, and no error shows any', async () => {
    const before = await secretFolders();
    const errors: unknown[] = [];
    const note = (error: unknown): void => void errors.push(error);
    // Refusals that quote what they were given, whole, escaped and cut short.
    agent.intercept = ({ tool, stdin }) =>
      /^(?:relation-set|state-set|secret-add|secret-set)$/u.test(tool)
        ? {
            ...{ exit: 1, stdout: SECRET },
            stderr: `ERROR bad: ${stdin} ${SECRET} ${PEM} \`${SECRET.slice(0, 7)}...\` ${JSON.stringify(PEM)}\n`,
          }
        : undefined;
    await inHook(async (backend) => {
      await backend.writeDatabag('etcd:0', 'unit', { client_key: PEM, password: SECRET }).catch(note);
      await backend.writeState({ token: SECRET }).catch(note);
      await backend.addSecret({ 'mtls-cert': PEM, password: SECRET }).catch(note);
      await backend.writeSecret('secret:x1', { password: SECRET }).catch(note);
    });
    agent.intercept = undefined;
    let id = '';
    await inHook(async (backend) => {
      await backend.writeDatabag('etcd:0', 'unit', { client_key: PEM, password: SECRET });
      id = await backend.addSecret({ 'mtls-cert': PEM, password: SECRET }, { label: 'etcd.0.mtls.secret' });
      await backend.writeSecret(id, { 'mtls-cert': PEM, password: `${SECRET}2` });
      expect((await backend.readSecret({ id })).get('password')).toBe(`${SECRET}2`);
    });
    expect(errors).toHaveLength(4);
    const seen = JSON.stringify([
      errors.map((error) => [String(error), error, error instanceof Error ? [error.stack, error.cause] : []]),
      agent.calls.map(({ tool, args }) => [tool, args]),
      model.unit('client/0').log,
    ]);
    for (const piece of [SECRET, SECRET.slice(0, 7), 'MIGHAgEA', 'BEGIN PRIVATE']) expect(seen).not.toContain(piece);
    expect(await secretFolders()).toEqual(before);
  });

  it('are never given a name that they could take for an option', async () => {
    const calls: ((backend: JujuBackend) => Promise<unknown>)[] = [
      (backend) => backend.relationIds('--format=yaml'),
      (backend) => backend.relationUnits('--app'),
      (backend) => backend.readDatabag('etcd:0', '--app'),
      (backend) => backend.networkInfo('--primary-address'),
      (backend) => backend.peerAddresses('--help'),
      (backend) => backend.grantSecret('secret:abc', 'etcd:0', '--help'),
      (backend) => backend.grantSecret('--help', 'etcd:0'),
      (backend) => backend.removeSecret('--help'),
    ];
    agent.calls.splice(0);
    for (const call of calls) {
      const error: unknown = await inHook((backend) => call(backend).catch((thrown: unknown) => thrown));
      expect(error).toMatchObject({ outcome: 'not-sent' });
    }
    expect(agent.calls).toEqual([]);
  });

  it('leave no file of a secret behind when they fail or hang', async () => {
    const before = await secretFolders();
    await failure(refuse(1, 'ERROR no\n'), (backend) => backend.addSecret({ password: SECRET }));
    await failure(
      () => 'hang',
      (backend) => backend.addSecret({ password: SECRET }),
      { timeoutMs: 300 },
    );
    expect(await secretFolders()).toEqual(before);
  });

  it('say so when there is no place for a file of a secret', async () => {
    vi.stubEnv('TMPDIR', join(folder, 'none'));
    try {
      const error = await inHook((backend) =>
        backend.addSecret({ password: SECRET }).catch((thrown: unknown) => thrown),
      );
      expect(error).toMatchObject({ code: 'file-failed', message: expect.stringContaining('ENOENT') as string });
    } finally {
      vi.stubEnv('TMPDIR', folder);
    }
  });

  it('refuse options that are not allowed', () => {
    const env = { JUJU_UNIT_NAME: 'client/0' };
    expect(() => hookTools({ env, timeoutMs: 0 })).toThrow(/timeoutMs must be a whole number/u);
    expect(hookTools({ env }).context).toMatchObject({ unit: 'client/0', hook: '', relation: undefined });
  });

  it('see the hook of an action, and of an older Juju', () => {
    const context = (env: NodeJS.ProcessEnv): unknown =>
      hookTools({ env: { JUJU_UNIT_NAME: 'client/0', ...env } }).context;
    expect(context({ JUJU_HOOK_NAME: '', JUJU_DISPATCH_PATH: 'actions/backup' })).toMatchObject({
      hook: '',
      action: 'backup',
    });
    expect(context({ JUJU_DISPATCH_PATH: 'hooks/install' })).toMatchObject({ hook: 'install', action: undefined });
    const departed = {
      JUJU_HOOK_NAME: 'etcd-relation-departed',
      JUJU_RELATION_ID: 'etcd:4',
      JUJU_REMOTE_UNIT: 'etcd/1',
    };
    expect(context(departed)).toMatchObject({
      relation: { endpoint: 'etcd', relationId: 'etcd:4', remoteApp: 'etcd', departingUnit: 'etcd/1' },
    });
  });
});

describe('a charm that is a program', () => {
  it('runs in a hook’s environment, and fails the hook with its exit code', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'etcd-vigil-charm-'));
    const agent = await FakeAgent.start();
    try {
      const model = new JujuModel();
      model.deploy('client');
      const charm = agent.overProgram('/bin/sh', folder);
      await model.run(charm);
      expect(readdirSync(folder)).toEqual([]);
      await expect(model.run(agent.overProgram('/bin/false', folder))).rejects.toThrow(/ended with 1/u);
    } finally {
      await agent.close();
      await rm(folder, { recursive: true });
    }
  });
});

async function secretFolders(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('etcd-vigil-secret-'));
}
