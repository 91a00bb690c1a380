/** What is told of calls to those who listen. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, tracingChannel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';
import { isObserved, type CallMessage } from '../../../../src/main/unary/call-observer.js';
import { kvMethods } from '../../../../src/main/unary/etcd-methods.js';
import { NO_TOKENS } from '../../../../src/member/token-source.js';
import { UnaryClient } from '../../../../src/main/unary/unary-client.js';
import { deadEndpoint, ScriptedServer, settingsFor, type Answer } from './scripted-server.js';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

const WRITE = { repeatable: false, requireLeader: true } as const;
const READ = { repeatable: true, requireLeader: true } as const;
const answer = rpc.RangeResponse.encode({ kvs: [{ key: Buffer.from('k3y'), value: Buffer.from('v4lue') }] }).finish();

async function serve(script: () => Answer): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(script);
  cleanups.push(() => server.close());
  return server;
}

function client(...endpoints: string[]): UnaryClient {
  const made = new UnaryClient({
    settings: settingsFor(endpoints),
    name: 'ETCD',
    tokens: { ...NO_TOKENS, headers: () => ({ token: 't0ken' }) },
    random: () => 0.5,
  });
  cleanups.push(() => made.close());
  return made;
}

type Told = [event: string, message: CallMessage, as: CallMessage];

/** Everything published from now on: the message itself, and as it was then. */
function listen(): Told[] {
  const told: Told[] = [];
  const tell = (event: string) => (message: unknown) => {
    const call = message as CallMessage; // what the guide says of this channel
    told.push([event, call, { ...call, members: [...call.members] }]);
  };
  const subscribers = {
    start: tell('start'),
    end: tell('end'),
    asyncStart: tell('asyncStart'),
    asyncEnd: tell('asyncEnd'),
    error: tell('error'),
  };
  const calls = tracingChannel('etcd-vigil:call');
  calls.subscribe(subscribers);
  cleanups.push(() => calls.unsubscribe(subscribers));
  return told;
}

describe('a call that is observed', () => {
  it('is told from its start to its end, in one object', async () => {
    const server = await serve(() => answer);
    const told = listen();
    await client(server.endpoint).call(kvMethods.range, { key: Buffer.from('k3y') }, READ);
    expect(told.map(([event]) => event)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(new Set(told.map(([, message]) => message)).size).toBe(1);
    const method = '/etcdserverpb.KV/Range';
    expect(told[0]?.[2]).toEqual({
      engine: 'ETCD',
      method,
      members: [],
      attempts: 0,
      outcome: undefined,
      durationMs: undefined,
    });
    expect(told.at(-1)?.[2]).toMatchObject({
      engine: 'ETCD',
      method,
      members: [server.endpoint],
      attempts: 1,
      outcome: 'served',
      durationMs: expect.any(Number) as number,
    });
  });

  it('names the member of each attempt, in order', async () => {
    const bad = await serve(() => ({ code: 14, details: 'etcdserver: no leader' }));
    const good = await serve(() => answer);
    const told = listen();
    await client(bad.endpoint, good.endpoint).call(kvMethods.range, { key: Buffer.from('k3y') }, READ);
    expect(told.at(-1)?.[2]).toMatchObject({ members: [bad.endpoint, good.endpoint], attempts: 2, outcome: 'served' });
  });

  it.each([
    ['refused', { code: 8, details: 'etcdserver: mvcc: database space exceeded' }, 'no-space'],
    ['unknown', { code: 14, details: 'etcdserver: leader changed' }, 'unavailable'],
  ])('that fails is told with outcome %s and its error', async (outcome, said, code) => {
    const server = await serve(() => said);
    const told = listen();
    const failing = client(server.endpoint).call(kvMethods.put, { key: Buffer.from('k3y') }, WRITE);
    await expect(failing).rejects.toMatchObject({ code });
    expect(told.map(([event]) => event)).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    expect(told.at(-1)?.[2]).toMatchObject({ outcome, attempts: 1, error: { code } });
  });

  it('that never left is told with no member', async () => {
    const told = listen();
    const failing = client(await deadEndpoint()).call(
      kvMethods.put,
      { key: Buffer.from('k') },
      { ...WRITE, timeoutMs: 200 },
    );
    await expect(failing).rejects.toMatchObject({ outcome: 'not-sent' });
    expect(told.at(-1)?.[2]).toMatchObject({ outcome: 'not-sent', members: [], attempts: 0 });
  });

  it('gives away no key, no value and no token', async () => {
    const server = await serve(() => answer);
    const told = listen();
    const some = client(server.endpoint);
    await some.call(kvMethods.put, { key: Buffer.from('k3y'), value: Buffer.from('v4lue') }, WRITE);
    const { kvs } = await some.call(kvMethods.range, { key: Buffer.from('k3y') }, READ);
    expect(Buffer.from(kvs[0]?.value ?? []).toString()).toBe('v4lue');
    const all = inspect(told, { depth: null, showHidden: true }) + JSON.stringify(told);
    for (const secret of ['k3y', 'v4lue', 't0ken', 'hasleader', '6b 33 79', '76 34 6c'])
      expect(all).not.toContain(secret);
  });

  it('runs in the store that is bound to its start', async () => {
    const storage = new AsyncLocalStorage<string>();
    const start = channel('tracing:etcd-vigil:call:start');
    start.bindStore(storage, (message) => (message as CallMessage).method); // what the guide says of this channel
    cleanups.push(() => void start.unbindStore(storage));
    const server = await serve(() => answer);
    const seen: unknown[] = [];
    const some = new UnaryClient({
      settings: settingsFor(server.endpoint),
      tokens: {
        ...NO_TOKENS,
        headers: () => {
          seen.push(storage.getStore());
          return {};
        },
      },
    });
    cleanups.push(() => some.close());
    await some.call(kvMethods.range, { key: Buffer.from('k') }, READ);
    expect(seen).toEqual(['/etcdserverpb.KV/Range']);
  });
});

it('nothing is told, and nothing made for it, once nobody listens any more', async () => {
  const server = await serve(() => answer);
  const told = listen();
  expect(isObserved()).toBe(true);
  cleanups.pop()?.();
  expect(isObserved()).toBe(false);
  await client(server.endpoint).call(kvMethods.range, { key: Buffer.from('k') }, READ);
  expect(told).toEqual([]);
});
