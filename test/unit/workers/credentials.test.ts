/** The token of a shard, on simulated time: main is asked, and waited for only so long. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { GrpcConnection } from '../../../src/grpc/grpc-connection.js';
import { AUTHENTICATE_PATH } from '../../../src/member/authenticate.js';
import { withTokens } from '../../../src/member/authenticated-connection.js';
import { errorToPlain, EtcdError } from '../../../src/wire/errors.js';
import type { ShardReport } from '../../../src/wire/contract.js';
import { parseEndpoints } from '../../../src/wire/endpoint.js';
import { ProtoWriter } from '../../../src/wire/proto-writer.js';
import type { ShardAuth } from '../../../src/wire/shard-auth.js';
import { ShardTokens } from '../../../src/workers/credentials.js';
import { testSettings } from '../../support/recorded-stream.js';
import { settle, SimulatedTimers } from '../member/simulated-timers.js';

const LOGIN = { username: 'app', password: 'pw' };
const REFUSED = new EtcdError('etcdserver: authentication failed, invalid user ID or password', {
  code: 'unauthenticated',
  outcome: 'refused',
});
const NO_TOKEN = new EtcdError('etcdserver: invalid auth token (from http://h:1)', {
  code: 'unauthenticated',
  outcome: 'refused',
});

let timers: SimulatedTimers;
let reports: ShardReport[];
/** Calls that the server saw, with their token. */
let calls: { readonly path: string; readonly token: string | undefined }[];
let answer: (path: string, token: string | undefined) => Promise<Uint8Array>;

beforeEach(() => {
  timers = new SimulatedTimers();
  reports = [];
  calls = [];
  answer = (path) => Promise.resolve(path === AUTHENTICATE_PATH ? tokenAnswer('own') : new Uint8Array(0));
});

function tokenAnswer(token: string): Uint8Array {
  const writer = new ProtoWriter();
  writer.bytes(2, Buffer.from(token));
  return writer.take();
}

function auth(token: string | undefined, changes: Partial<ShardAuth> = {}): ShardAuth {
  return {
    identity: 0,
    login: LOGIN,
    held: token === undefined ? { kind: 'none' } : { kind: 'token', token },
    ...changes,
  };
}

function tokensWith(given: ShardAuth | undefined): ShardTokens {
  return new ShardTokens({
    auth: given,
    report: (report) => reports.push(report),
    timers,
    now: () => timers.nowMs,
    random: () => 0,
  });
}

/** Only what logging in and unary calls need. */
const connection = {
  endpoint: parseEndpoints('http://h:1')[0],
  ready: () => Promise.resolve(),
  unary: (path: string, _request: Uint8Array, options: { readonly metadata?: Readonly<Record<string, string>> }) => {
    calls.push({ path, token: options.metadata?.['token'] });
    return answer(path, options.metadata?.['token']);
  },
} as unknown as GrpcConnection;

describe('a shard', () => {
  it('begins with the token that it is started with, and asks main for the first one otherwise', async () => {
    const given = tokensWith(auth('given'));
    await given.ready(connection);
    expect([given.headers(), reports]).toEqual([{ token: 'given' }, []]);

    const none = tokensWith(auth(undefined));
    const ready = none.ready(connection);
    await settle();
    expect(reports).toEqual([{ kind: 'token-wanted', refused: undefined }]);
    none.handle({ kind: 'token', auth: auth('t1') });
    await ready;
    expect(none.headers()).toEqual({ token: 't1' });
    expect(calls).toEqual([]);
  });

  it('asks main once for all that were refused, whichever connection they used', async () => {
    const tokens = tokensWith(auth('old'));
    const stale = tokens.headers();
    const waiting = Array.from({ length: 50 }, () => tokens.refused(stale, connection));
    await settle();
    expect(reports).toEqual([{ kind: 'token-wanted', refused: 'old' }]);
    tokens.handle({ kind: 'token-coming' });
    await timers.pass(1_400);
    tokens.handle({ kind: 'token', auth: auth('new') });
    await Promise.all(waiting);
    expect(calls).toEqual([]);
    expect(tokens.headers()).toEqual({ token: 'new' });
  });

  it('waits for nobody once there is no user any more, and for nothing once it is closed', async () => {
    const tokens = tokensWith(auth('old'));
    const waiting = tokens.refused(tokens.headers(), connection);
    await settle();
    tokens.handle({ kind: 'token', auth: undefined });
    await waiting;
    expect(tokens.headers()).toEqual({});
    expect(timers.pending).toBe(0);

    const closed = tokensWith(auth(undefined));
    closed.close();
    await expect(closed.ready(connection)).rejects.toMatchObject({ code: 'closed' });
    expect(timers.pending).toBe(0);
  });

  it('does not take the refused token for the next one', async () => {
    const tokens = tokensWith(auth('old'));
    const waiting = tokens.refused(tokens.headers(), connection);
    await settle();
    tokens.handle({ kind: 'token', auth: auth('old') });
    await settle();
    tokens.handle({ kind: 'token', auth: auth('new') });
    await waiting;
    expect(tokens.headers()).toEqual({ token: 'new' });
  });

  it('logs in by itself when main does not answer within half a second, and tells main', async () => {
    const tokens = tokensWith(auth('old'));
    const waiting = tokens.refused(tokens.headers(), connection);
    await settle();
    await timers.pass(490);
    expect(calls).toEqual([]);
    await timers.pass(20);
    await waiting;
    expect(calls).toEqual([{ path: AUTHENTICATE_PATH, token: undefined }]);
    expect(tokens.headers()).toEqual({ token: 'own' });
    expect(reports.at(-1)).toEqual({
      kind: 'token-found',
      identity: 0,
      refused: 'old',
      held: { kind: 'token', token: 'own' },
    });
    // What main says late is as good.
    tokens.handle({ kind: 'token', auth: auth('late') });
    expect(tokens.headers()).toEqual({ token: 'late' });
    expect(timers.pending).toBe(0);
  });

  it('gives a main thread that has begun a login more time, and not for ever', async () => {
    const tokens = tokensWith(auth('old'));
    const waiting = tokens.refused(tokens.headers(), connection);
    await settle();
    await timers.pass(400);
    tokens.handle({ kind: 'token-coming' });
    await timers.pass(1_400);
    expect(calls).toEqual([]);
    await timers.pass(200);
    await waiting;
    expect(calls).toHaveLength(1);
  });

  it('with nothing to log in with waits for main, and says after a while that it got none', async () => {
    const tokens = tokensWith(auth('old', { login: undefined }));
    let failure: unknown;
    tokens.refused(tokens.headers(), connection).catch((error: unknown) => (failure = error));
    await settle();
    await timers.pass(9_000);
    expect(failure).toBeUndefined();
    await timers.pass(2_000);
    expect(failure).toMatchObject({ code: 'unavailable', outcome: 'not-sent' });
    expect(calls).toEqual([]);
  });

  it('tries by itself where main reaches nobody, and believes main that a login is refused', async () => {
    const tokens = tokensWith(auth('old'));
    const waiting = tokens.refused(tokens.headers(), connection);
    await settle();
    tokens.handle({ kind: 'token-failed', error: errorToPlain(new EtcdError('gone', { code: 'unavailable' })) });
    await waiting;
    expect(tokens.headers()).toEqual({ token: 'own' });
    const refused = tokens.refused(tokens.headers(), connection);
    await settle();
    tokens.handle({ kind: 'token-failed', error: errorToPlain(REFUSED) });
    await expect(refused).rejects.toMatchObject({ code: 'unauthenticated' });
    // Not asked again before the back-off is over.
    await expect(tokens.refused(tokens.headers(), connection)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(reports.filter(({ kind }) => kind === 'token-wanted')).toHaveLength(2);
    expect(calls).toHaveLength(1);
  });

  it('tries at once with another password', async () => {
    const tokens = tokensWith(auth('old'));
    const refused = tokens.refused(tokens.headers(), connection);
    await settle();
    tokens.handle({ kind: 'token-failed', error: errorToPlain(REFUSED) });
    await expect(refused).rejects.toMatchObject({ code: 'unauthenticated' });
    tokens.handle({ kind: 'token', auth: auth('old', { login: { ...LOGIN, password: 'new' } }) });
    const again = tokens.refused(tokens.headers(), connection);
    await settle();
    await timers.pass(2_000);
    await again;
    expect(tokens.headers()).toEqual({ token: 'own' });
  });

  it('says that the engine is somebody else, or nobody', () => {
    const tokens = tokensWith(auth('a'));
    expect(tokens.handle({ kind: 'token', auth: auth('b') })).toBe(false);
    expect(tokens.handle({ kind: 'token', auth: auth('c', { identity: 1 }) })).toBe(true);
    expect(tokens.headers()).toEqual({ token: 'c' });
    expect(tokens.handle({ kind: 'token', auth: undefined })).toBe(true);
    expect([tokens.isUsed, tokens.headers()]).toEqual([false, {}]);
  });

  it('leaves nobody waiting when it closes', async () => {
    const tokens = tokensWith(auth('old'));
    const waiting = tokens.refused(tokens.headers(), connection);
    await settle();
    tokens.close();
    await expect(waiting).rejects.toMatchObject({ code: 'closed' });
    expect(timers.pending).toBe(0);
  });
});

describe('a unary call of a shard', () => {
  function authenticated(tokens: ShardTokens): GrpcConnection {
    const settings = testSettings({ endpoints: parseEndpoints('http://h:1') });
    const [endpoint] = settings.endpoints;
    if (endpoint === undefined) throw new Error('settings have endpoints');
    const handlers = { onGoaway: () => undefined, onClose: () => undefined };
    return withTokens(() => connection, tokens, timers)(endpoint, settings, handlers);
  }

  it('is repeated at once with the next token, over what its headers say', async () => {
    const tokens = tokensWith(auth('old'));
    answer = (_path, token) => (token === 'old' ? Promise.reject(NO_TOKEN) : Promise.resolve(new Uint8Array(1)));
    const call = authenticated(tokens).unary('/x', new Uint8Array(0), { timeoutMs: 5_000, metadata: { token: 'old' } });
    await settle();
    tokens.handle({ kind: 'token', auth: auth('new') });
    expect(await call).toHaveLength(1);
    expect(calls.map(({ token }) => token)).toEqual(['old', 'new']);
  });

  it('waits for the next token no longer than it has time, and wrote nothing', async () => {
    const tokens = tokensWith(auth('old', { login: undefined }));
    answer = () => Promise.reject(NO_TOKEN);
    const call = authenticated(tokens).unary('/x', new Uint8Array(0), { timeoutMs: 2_000 });
    const told = expect(call).rejects.toMatchObject({ code: 'timeout', outcome: 'refused', retryable: true });
    await settle();
    await timers.pass(2_000);
    await told;
  });

  it('is made at most once with each token', async () => {
    const tokens = tokensWith(auth('old'));
    answer = () => Promise.reject(NO_TOKEN);
    const call = authenticated(tokens).unary('/x', new Uint8Array(0), { timeoutMs: 5_000 });
    await settle();
    // Main has none other.
    tokens.handle({ kind: 'token-failed', error: errorToPlain(REFUSED) });
    await expect(call).rejects.toMatchObject({ code: 'unauthenticated', outcome: 'refused' });
    expect(calls).toHaveLength(1);
  });

  it.each([
    'etcdserver: invalid auth token, says the proxy (from http://h:1)',
    'proxy: etcdserver: invalid auth token (from http://h:1)',
    'invalid auth token (from http://h:1)',
  ])('is not repeated for a text that only resembles etcd’s: %s', async (message) => {
    const tokens = tokensWith(auth('old'));
    answer = () => Promise.reject(new EtcdError(message, { code: 'unauthenticated', outcome: 'refused' }));
    const call = authenticated(tokens).unary('/x', new Uint8Array(0), { timeoutMs: 5_000 });
    await expect(call).rejects.toMatchObject({ message });
    expect([calls.length, reports]).toEqual([1, []]);
  });

  it('waits for its first token before the connection counts as ready', async () => {
    const tokens = tokensWith(auth(undefined));
    let isReady = false;
    void authenticated(tokens)
      .ready()
      .then(() => (isReady = true));
    await settle();
    expect(isReady).toBe(false);
    tokens.handle({ kind: 'token', auth: auth('t1') });
    await settle();
    expect(isReady).toBe(true);
  });
});
