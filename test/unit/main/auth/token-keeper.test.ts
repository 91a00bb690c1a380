/** The token of an engine: what it is got with, whom it is told, and what shards ask and find. On simulated time. */
import { describe, expect, it } from 'vitest';
import { resolveAuth, type AuthCredentials, type AuthFunction } from '../../../../src/main/auth/auth-options.js';
import { TokenKeeper } from '../../../../src/main/auth/token-keeper.js';
import type { ShardCommand } from '../../../../src/wire/contract.js';
import { EtcdError } from '../../../../src/wire/errors.js';
import type { HeldToken, Login, ShardAuth } from '../../../../src/wire/shard-auth.js';
import { settle, SimulatedTimers } from '../../member/simulated-timers.js';

const APP: Login = { username: 'app', password: 'pw' };

function refusedLogin(): EtcdError {
  return new EtcdError('etcdserver: authentication failed, invalid user ID or password', {
    code: 'unauthenticated',
    outcome: 'refused',
  });
}

/** A keeper and a server that accepts these passwords. */
async function rig(given: Parameters<typeof resolveAuth>[0], accepts: (login: Login) => boolean = () => true) {
  const timers = new SimulatedTimers();
  const logins: Login[] = [];
  const told: (ShardAuth | undefined)[] = [];
  const keeper = new TokenKeeper({
    auth: await resolveAuth(given, 'test'),
    authenticate: (login): Promise<HeldToken> => {
      logins.push(login);
      if (!accepts(login)) return Promise.reject(refusedLogin());
      return Promise.resolve({ kind: 'token', token: `t${String(logins.length)}` });
    },
    tell: (auth) => told.push(auth),
    timers,
    now: () => timers.nowMs,
    random: () => 0,
  });
  return { keeper, logins, told, timers };
}

describe('a keeper', () => {
  it('tells every shard who the engine is with each new token', async () => {
    const { keeper, told } = await rig(APP);
    await keeper.ready();
    expect(told).toEqual([{ identity: 0, login: APP, held: { kind: 'token', token: 't1' } }]);
  });

  it('gives a shard that asks for another token than that of now the one of now', async () => {
    const { keeper, logins } = await rig(APP);
    await keeper.ready();
    const answers: ShardCommand[] = [];
    keeper.wanted('older', (command) => answers.push(command));
    expect(answers).toMatchObject([{ kind: 'token', auth: { held: { token: 't1' } } }]);
    expect(logins).toHaveLength(1);
  });

  it('logs in once for all shards and calls that were refused, and says that it does', async () => {
    const { keeper, logins, timers } = await rig(APP);
    await keeper.ready();
    await timers.pass(5_000);
    const answers: ShardCommand[][] = [[], [], [], []];
    const headers = keeper.headers();
    for (const answer of answers) keeper.wanted('t1', (command) => answer.push(command));
    await keeper.refused(headers);
    await settle();
    expect(logins).toHaveLength(2);
    for (const answer of answers) expect(answer.map(({ kind }) => kind)).toEqual(['token-coming', 'token']);
  });

  it('tells a shard why there is no token', async () => {
    const { keeper } = await rig(APP, () => false);
    const answers: ShardCommand[] = [];
    keeper.wanted(undefined, (command) => answers.push(command));
    await settle();
    expect(answers).toMatchObject([
      { kind: 'token-coming' },
      { kind: 'token-failed', error: { code: 'unauthenticated' } },
    ]);
  });

  it('takes the token that a shard has got, unless it has another already', async () => {
    const { keeper, told, logins } = await rig(APP);
    await keeper.ready();
    keeper.found(0, 't1', { kind: 'token', token: 'found' });
    expect(keeper.headers()).toEqual({ token: 'found' });
    keeper.found(0, 't1', { kind: 'token', token: 'late' });
    keeper.found(7, 'found', { kind: 'token', token: 'of somebody else' });
    expect(keeper.headers()).toEqual({ token: 'found' });
    expect(told).toHaveLength(2);
    expect(logins).toHaveLength(1);
  });

  it('goes on with the token of before when the password changes, and logs in with the new one next', async () => {
    const { keeper, logins, timers } = await rig(APP);
    await keeper.ready();
    keeper.passwordChanged({ kind: 'login', login: { ...APP, password: 'new' }, passwordFile: '/file' });
    expect(keeper.headers()).toEqual({ token: 't1' });
    await timers.pass(5_000);
    await keeper.refused(keeper.headers());
    expect(logins.map(({ password }) => password)).toEqual(['pw', 'new']);
  });

  it('tells shards that the engine is somebody else, or nobody', async () => {
    const { keeper, told } = await rig(APP);
    await keeper.ready();
    keeper.replace({ kind: 'token', token: 'x' }, { kind: 'token', token: 'x' });
    keeper.replace(undefined, { kind: 'none' });
    expect(told.slice(1)).toEqual([{ identity: 1, login: undefined, held: { kind: 'token', token: 'x' } }, undefined]);
    expect(keeper.isUsed).toBe(false);
    expect(keeper.headers()).toEqual({});
  });
});

describe('a token that is given', () => {
  it('is used as it is, and there is no other when it is refused', async () => {
    const { keeper, logins } = await rig({ token: 'given' });
    await keeper.ready();
    expect(keeper.headers()).toEqual({ token: 'given' });
    await expect(keeper.refused(keeper.headers())).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(keeper.ready()).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(logins).toEqual([]);
  });
});

describe('a function', () => {
  /** Gives these one after the other, the last for ever; notes how it was asked. */
  function giving(...gifts: AuthCredentials[]): { readonly ask: AuthFunction; readonly asked: (string | undefined)[] } {
    const asked: (string | undefined)[] = [];
    return {
      asked,
      ask: (refusal) => {
        asked.push(refusal?.code);
        return Promise.resolve(gifts[Math.min(asked.length, gifts.length) - 1] ?? {});
      },
    };
  }

  it('is asked once for a user whose tokens run out', async () => {
    const { ask, asked } = giving(APP);
    const { keeper, logins, timers } = await rig(ask);
    await keeper.ready();
    await timers.pass(5_000);
    await keeper.refused(keeper.headers());
    expect(asked).toEqual([undefined]);
    expect(logins).toHaveLength(2);
  });

  it('is asked again at once when its password is refused, with how it was', async () => {
    const { ask, asked } = giving({ ...APP, password: 'old' }, { ...APP, password: 'new' });
    const { keeper, logins } = await rig(ask, ({ password }) => password === 'new');
    await keeper.ready();
    expect(asked).toEqual([undefined, 'unauthenticated']);
    expect(logins.map(({ password }) => password)).toEqual(['old', 'new']);
  });

  it('that gives the same again is not tried again until the back-off is over', async () => {
    const { ask, asked } = giving(APP);
    const { keeper, logins, timers } = await rig(ask, () => false);
    for (let call = 0; call < 50; call += 1) {
      await expect(keeper.ready()).rejects.toMatchObject({ code: 'unauthenticated' });
      await timers.pass(10);
    }
    expect(asked).toEqual([undefined, 'unauthenticated']);
    expect(logins).toHaveLength(1);
  });

  it('is asked for the next token when the one it gave is refused', async () => {
    const { ask, asked } = giving({ token: 'a' }, { token: 'b' });
    const { keeper, logins, timers } = await rig(ask);
    await keeper.ready();
    expect(keeper.headers()).toEqual({ token: 'a' });
    await keeper.refused(keeper.headers());
    expect(keeper.headers()).toEqual({ token: 'b' });
    await timers.pass(5_000);
    await expect(keeper.refused(keeper.headers())).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(asked).toEqual([undefined, 'unauthenticated', 'unauthenticated']);
    expect(logins).toEqual([]);
  });

  it('that throws is told as callback-failed, without what it threw in the message', async () => {
    const { keeper } = await rig(() => {
      throw new Error('my secret');
    });
    const error: unknown = await keeper.ready().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'callback-failed', outcome: 'not-sent' });
    expect(String(error)).not.toContain('secret');
  });

  it.each([
    ['nothing', undefined],
    ['a text', 'secret'],
    ['a user without a password', { username: 'secret' }],
    ['a token that no header can carry', { token: 'sec\nret' }],
    ['a password file, which is not read here', { username: 'secret', passwordFile: '/secret' }],
  ])('that gives %s is refused by name, and nothing of it is shown', async (_what, given) => {
    const { keeper } = await rig(() => given as AuthCredentials);
    const error: unknown = await keeper.ready().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'invalid-argument' });
    expect(String(error)).toContain('auth');
    expect(String(error)).not.toMatch(/sec\n?ret/u);
  });
});
