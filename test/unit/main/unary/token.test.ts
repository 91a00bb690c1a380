/** Unary calls that are refused for their token are repeated with another one, writes too, and nothing else is. */
import { afterEach, describe, expect, it } from 'vitest';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';
import { kvMethods } from '../../../../src/main/unary/etcd-methods.js';
import { UnaryClient } from '../../../../src/main/unary/unary-client.js';
import type { TokenSource } from '../../../../src/member/token-source.js';
import { EtcdError } from '../../../../src/wire/errors.js';
import { ScriptedServer, settingsFor, type Answer } from './scripted-server.js';

const putAnswer = rpc.PutResponse.encode({}).finish();
const TOKEN_REFUSALS: readonly Answer[] = [
  { code: 16, details: 'etcdserver: invalid auth token' },
  { code: 3, details: 'etcdserver: revision of auth store is old' },
  { code: 3, details: 'etcdserver: user name is empty' },
  // As a member that has forwarded the call says it.
  { code: 2, details: 'rpc error: code = Unauthenticated desc = etcdserver: invalid auth token' },
];

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

interface Tokens extends TokenSource {
  /** Tokens that were refused. */
  readonly refusals: (string | undefined)[];
}

/** Gives t1, then the next with each refusal; after the last, why there is none. */
function tokens(last: number): Tokens {
  let current = 1;
  const refusals: (string | undefined)[] = [];
  return {
    isUsed: true,
    refusals,
    headers: () => ({ token: `t${String(current)}` }),
    ready: () => Promise.resolve(),
    refused: (headers) => {
      refusals.push(headers['token']);
      if (current === last)
        return Promise.reject(new EtcdError('no other', { code: 'unauthenticated', outcome: 'refused' }));
      current += 1;
      return Promise.resolve();
    },
  };
}

async function world(source: TokenSource, script: (token: string) => Answer): Promise<[UnaryClient, ScriptedServer]> {
  const server = await ScriptedServer.start(({ headers }) => script(String(headers.get('token')[0])));
  cleanups.push(() => server.close());
  const client = new UnaryClient({ settings: settingsFor(server.endpoint), tokens: source });
  cleanups.push(() => client.close());
  return [client, server];
}

function put(client: UnaryClient, mayRepeat?: () => boolean): Promise<unknown> {
  return client.call(
    kvMethods.put,
    { key: Buffer.from('k') },
    { repeatable: false, requireLeader: false, mayRepeat, timeoutMs: 60_000 },
  );
}

describe('a write that is refused for its token', () => {
  it.each(TOKEN_REFUSALS)('is repeated with the next one: %j', async (refusal) => {
    const source = tokens(2);
    const [client, server] = await world(source, (token) => (token === 't1' ? refusal : putAnswer));
    await put(client);
    expect(server.seen.map(({ headers }) => headers.get('token')[0])).toEqual(['t1', 't2']);
    expect(source.refusals).toEqual(['t1']);
  });

  it('is told why there is no other token', async () => {
    const [client, server] = await world(tokens(1), () => TOKEN_REFUSALS[0] ?? 'silence');
    await expect(put(client)).rejects.toMatchObject({
      code: 'unauthenticated',
      outcome: 'refused',
      message: 'no other',
    });
    expect(server.seen).toHaveLength(1);
  });

  it('is not repeated where its caller does not want it any more', async () => {
    const source = tokens(2);
    const [client, server] = await world(source, () => TOKEN_REFUSALS[0] ?? 'silence');
    await expect(put(client, () => false)).rejects.toMatchObject({ code: 'unauthenticated', outcome: 'refused' });
    expect([server.seen.length, source.refusals]).toEqual([1, []]);
  });

  it('is made at most once with each token', async () => {
    const source: Tokens = { ...tokens(9), headers: () => ({ token: 'same' }) };
    const [client, server] = await world(source, () => TOKEN_REFUSALS[0] ?? 'silence');
    await expect(put(client)).rejects.toMatchObject({ code: 'unauthenticated', outcome: 'refused' });
    // The second attempt finds the token among those that were refused, before any other is asked for.
    expect([server.seen.length, source.refusals.length]).toEqual([2, 1]);
  });

  it('waits for a token no longer than its time limit, with the outcome that nothing was written', async () => {
    const source: TokenSource = { ...tokens(2), refused: () => new Promise(() => undefined) };
    const [client] = await world(source, () => TOKEN_REFUSALS[0] ?? 'silence');
    const call = client.call(
      kvMethods.put,
      { key: Buffer.from('k') },
      { repeatable: false, requireLeader: false, timeoutMs: 3_000 },
    );
    await expect(call).rejects.toMatchObject({ outcome: 'refused' });
  });
});

describe('a call that is refused with a text that only resembles these', () => {
  it.each<Answer>([
    { code: 16, details: 'invalid auth token' },
    { code: 16, details: 'proxy: etcdserver: invalid auth token' },
    { code: 16, details: 'etcdserver: invalid auth token: expired' },
    { code: 7, details: 'etcdserver: permission denied' },
    { code: 3, details: 'etcdserver: authentication failed, invalid user ID or password' },
  ])('is not repeated, and no token is asked for: %j', async (refusal) => {
    const source = tokens(2);
    const [client, server] = await world(source, () => refusal);
    await expect(put(client)).rejects.toBeInstanceOf(EtcdError);
    expect([server.seen.length, source.refusals]).toEqual([1, []]);
  });
});
