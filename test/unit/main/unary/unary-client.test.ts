import { afterEach, describe, expect, it } from 'vitest';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';
import { probe } from '../../../../src/main/unary/probe.js';
import { kvMethods } from '../../../../src/main/unary/etcd-methods.js';
import { NO_TOKENS } from '../../../../src/member/token-source.js';
import { UnaryClient } from '../../../../src/main/unary/unary-client.js';
import type { UnaryCallOptions } from '../../../../src/main/unary/unary-method.js';
import { EtcdError } from '../../../../src/wire/errors.js';
import { eventually } from '../../../support/poll.js';
import { deadEndpoint, ScriptedServer, settingsFor, SilentPort, type Answer } from './scripted-server.js';

const UNAVAILABLE = 14;
const WRITE: UnaryCallOptions = { repeatable: false, requireLeader: true };
const READ: UnaryCallOptions = { repeatable: true, requireLeader: true };
const rangeAnswer = rpc.RangeResponse.encode({ more: true }).finish();
const putAnswer = rpc.PutResponse.encode({}).finish();

describe.each(['http2', 'grpc-js'] as const)('calls over %s', (transport) => {
  const cleanups: (() => void)[] = [];
  afterEach(() => {
    for (const cleanup of cleanups.splice(0).reverse()) cleanup();
  });

  /** For calls that end by something else, however slow the machine. */
  const HANG_GUARD_MS = 120_000;

  /** Longer than a test may take. */
  const HOUR_MS = 3_600_000;

  async function serve(script: (attempt: number, path: string) => Answer): Promise<ScriptedServer> {
    let attempt = 0;
    const server = await ScriptedServer.start((call) => script((attempt += 1), call.path));
    cleanups.push(() => server.close());
    return server;
  }

  function client(
    endpoints: string | readonly string[],
    requestTimeoutMs = HANG_GUARD_MS,
    connectTimeoutMs = 10_000,
  ): UnaryClient {
    const made = new UnaryClient({
      settings: settingsFor(endpoints, { connectTimeoutMs, transport }),
      requestTimeoutMs,
      random: () => 0.5,
    });
    cleanups.push(() => made.close());
    return made;
  }

  const put = (to: UnaryClient, options: Partial<UnaryCallOptions> = {}): Promise<unknown> =>
    to.call(kvMethods.put, { key: Buffer.from('k') }, { ...WRITE, ...options });
  const range = (to: UnaryClient, options: Partial<UnaryCallOptions> = {}): Promise<rpc.RangeResponse> =>
    to.call(kvMethods.range, { key: Buffer.from('k') }, { ...READ, ...options });

  async function failureOf(promise: Promise<unknown>): Promise<EtcdError> {
    const thrown: unknown = await promise.then(
      () => new Error('was served'),
      (error: unknown) => error,
    );
    if (thrown instanceof EtcdError) return thrown;
    throw thrown;
  }

  describe('a write', () => {
    it.each([
      [UNAVAILABLE, 'connection reset', 'unavailable'],
      [UNAVAILABLE, 'etcdserver: request timed out', 'unavailable'],
      [UNAVAILABLE, 'etcdserver: leader changed', 'unavailable'],
      [UNAVAILABLE, 'etcdserver: server stopped', 'unavailable'],
      [4, 'context deadline exceeded', 'timeout'],
      [2, 'raft proposal dropped', 'server-error'],
      [13, 'broken', 'server-error'],
      [1, 'etcdserver: request canceled', 'unavailable'],
    ])('that may have been applied is sent exactly once (status %i, "%s")', async (code, details, expected) => {
      const [one, two] = [await serve(() => ({ code, details })), await serve(() => ({ code, details }))];
      const error = await failureOf(put(client([one.endpoint, two.endpoint])));
      expect(error).toMatchObject({ code: expected, outcome: 'unknown', retryable: false });
      expect(one.seen.length + two.seen.length).toBe(1);
    });

    it('that a member without leader refused before looking at it is tried again', async () => {
      const server = await serve((attempt) =>
        attempt < 3 ? { code: UNAVAILABLE, details: 'etcdserver: no leader' } : putAnswer,
      );
      await put(client(server.endpoint));
      expect(server.seen).toHaveLength(3);
      expect(server.seen[0]?.headers.get('hasleader')).toEqual(['true']);
    });

    it('that is repeatable is sent again only while its caller still wants that', async () => {
      const server = await serve((attempt) => (attempt < 5 ? { code: UNAVAILABLE, details: 'gone' } : putAnswer));
      const options = { repeatable: true, mayRepeat: () => server.seen.length < 2 };
      const error = await failureOf(put(client(server.endpoint), options));
      expect(error).toMatchObject({ code: 'unavailable', outcome: 'unknown' });
      expect(server.seen).toHaveLength(2);
      await put(client(server.endpoint), { repeatable: true, mayRepeat: () => true });
      expect(server.seen).toHaveLength(5);
    });

    it('that is repeatable tells of each attempt whose outcome is unknown, also where a later one succeeds', async () => {
      const answers = [
        { code: UNAVAILABLE, details: 'etcdserver: request timed out' },
        { code: UNAVAILABLE, details: 'etcdserver: no leader' },
        { code: UNAVAILABLE, details: 'connection reset' },
        putAnswer,
      ];
      const server = await serve(() => answers.shift() ?? putAnswer);
      const unknown: EtcdError[] = [];
      await put(client(server.endpoint), { repeatable: true, onUnknown: (error: EtcdError) => unknown.push(error) });
      expect(server.seen).toHaveLength(4);
      expect(unknown.map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown']);
      const last: EtcdError[] = [];
      answers.push({ code: 4, details: 'context deadline exceeded' });
      await failureOf(put(client(server.endpoint), { repeatable: false, onUnknown: (error) => last.push(error) }));
      expect(last).toHaveLength(1);
    });

    it('that a learner refused goes to another member', async () => {
      const learner = await serve(() => ({ code: 9, details: 'etcdserver: rpc not supported for learner' }));
      const voter = await serve(() => putAnswer);
      await put(client([learner.endpoint, voter.endpoint]));
      expect([learner.seen.length, voter.seen.length]).toEqual([1, 1]);
    });

    it('that the server refused is not tried again, and says so', async () => {
      const server = await serve(() => ({ code: 8, details: 'etcdserver: mvcc: database space exceeded' }));
      const error = await failureOf(put(client(server.endpoint)));
      expect(error).toMatchObject({ code: 'no-space', outcome: 'refused', endpoint: server.endpoint });
      expect(server.seen).toHaveLength(1);
    });

    it('that no member could be connected to was not sent, and names the cause', async () => {
      const dead = await deadEndpoint();
      const error = await failureOf(put(client(dead, 1_500)));
      expect(error).toMatchObject({ code: 'unavailable', outcome: 'not-sent', retryable: true });
      expect(error.message).toContain(dead);
      expect(error.message).toContain('ECONNREFUSED');
    });

    it('without an answer times out with outcome unknown', async () => {
      const server = await serve((attempt) => (attempt === 1 ? putAnswer : 'silence'));
      const some = client(server.endpoint);
      await put(some); // connected: what follows is sent at once, before its time can be up
      const error = await failureOf(put(some, { timeoutMs: 200 }));
      expect(error).toMatchObject({ code: 'timeout', outcome: 'unknown', endpoint: server.endpoint });
      await eventually(() => server.seen.length === 2);
    });

    it('whose answer is no answer has outcome unknown', async () => {
      const server = await serve(() => Buffer.from([0xff, 0xff, 0xff]));
      expect(await failureOf(put(client(server.endpoint)))).toMatchObject({
        code: 'malformed-response',
        outcome: 'unknown',
      });
    });
  });

  describe('a read', () => {
    it('is tried again until it is served', async () => {
      const server = await serve((attempt) => (attempt < 4 ? { code: UNAVAILABLE, details: 'gone' } : rangeAnswer));
      expect((await range(client(server.endpoint))).more).toBe(true);
      expect(server.seen).toHaveLength(4);
    });

    it('goes to another member at once', async () => {
      const [bad, good] = [await serve(() => ({ code: UNAVAILABLE, details: 'gone' })), await serve(() => rangeAnswer)];
      await range(client([bad.endpoint, good.endpoint]));
      expect([bad.seen.length, good.seen.length]).toEqual([1, 1]);
    });

    it('that is never served ends at its time limit with the last failure', async () => {
      const server = await serve((attempt) =>
        attempt === 1 ? rangeAnswer : { code: UNAVAILABLE, details: 'etcdserver: no leader' },
      );
      const some = client(server.endpoint);
      await range(some); // connected: the time is for attempts alone
      const error = await failureOf(range(some, { timeoutMs: 1_430 }));
      // In the pause before an attempt; on a busy machine perhaps while one waits for its answer.
      expect(error.code).toBe(error.message.includes('gave no answer') ? 'timeout' : 'no-leader');
      expect(error.message).toMatch(/1430 ms \(option timeoutMs\).*no leader/u);
    });
  });

  describe('failover', () => {
    it('spreads calls over the members that are up', async () => {
      const servers = [await serve(() => rangeAnswer), await serve(() => rangeAnswer)];
      const both = client(servers.map((server) => server.endpoint));
      for (let call = 0; call < 20; call += 1) await range(both);
      expect(Math.min(...servers.map((server) => server.seen.length))).toBeGreaterThan(5);
    });

    it('a refused connection costs no call while another member is up', async () => {
      const good = await serve(() => rangeAnswer);
      const some = client([await deadEndpoint(), good.endpoint]);
      for (let call = 0; call < 10; call += 1) await range(some);
      expect(good.seen).toHaveLength(10);
    });

    it('a member that accepts and never speaks is waited for by no call', async () => {
      const silent = await SilentPort.start();
      cleanups.push(() => silent.close());
      const good = await serve(() => putAnswer);
      // Whoever waited for the silent one would wait longer than this test may take.
      const some = client([silent.endpoint, good.endpoint], HOUR_MS, HOUR_MS);
      for (let call = 0; call < 11; call += 1) await put(some);
      expect(good.seen).toHaveLength(11);
    });

    it('a member that stopped answering is passed over after one time-out', async () => {
      const mute = await serve(() => 'silence');
      const good = await serve(() => rangeAnswer);
      const some = client([mute.endpoint, good.endpoint]);
      // Less than after which a read leaves a silent member.
      expect(await failureOf(range(some, { timeoutMs: 1_200 }))).toMatchObject({ code: 'timeout' });
      for (let call = 0; call < 5; call += 1) await range(some);
      expect(mute.seen).toHaveLength(1);
    });

    it('a call waits for a member that comes back within its time limit', async () => {
      const first = await serve(() => putAnswer);
      const { port } = first;
      const some = client(first.endpoint, 10_000);
      await put(some);
      first.close();
      const waiting = put(some);
      const again = await ScriptedServer.start(() => putAnswer, port);
      cleanups.push(() => again.close());
      await waiting;
      expect(again.seen).toHaveLength(1);
    });
  });

  describe('ending a call', () => {
    it('an aborted signal rejects before anything is sent', async () => {
      const server = await serve(() => rangeAnswer);
      const reason = new Error('enough');
      const error = await failureOf(put(client(server.endpoint), { signal: AbortSignal.abort(reason) }));
      expect(error).toMatchObject({ code: 'aborted', outcome: 'not-sent', cause: reason });
      expect(server.seen).toHaveLength(0);
    });

    it('aborting in mid-call rejects at once with the reason as cause', async () => {
      const abort = new AbortController();
      const server = await serve(() => {
        setImmediate(() => abort.abort('enough'));
        return 'silence';
      });
      const error = await failureOf(put(client(server.endpoint), { signal: abort.signal }));
      expect(error).toMatchObject({ code: 'aborted', outcome: 'unknown', cause: 'enough' });
    });

    it('aborting while nothing can be connected to rejects with outcome not-sent', async () => {
      const silent = await SilentPort.start();
      cleanups.push(() => silent.close());
      const waiting = put(client(silent.endpoint, 60_000, 60_000), { signal: AbortSignal.timeout(100) });
      expect(await failureOf(waiting)).toMatchObject({ code: 'aborted', outcome: 'not-sent' });
    });

    it('close ends calls in flight and refuses later ones', async () => {
      const some = client(
        (
          await serve(() => {
            setImmediate(() => some.close());
            return 'silence';
          })
        ).endpoint,
      );
      expect(await failureOf(put(some))).toMatchObject({ code: 'closed', outcome: 'unknown' });
      expect(await failureOf(put(some))).toMatchObject({ code: 'closed', outcome: 'not-sent' });
      some.close();
    });

    it.each([0, -1, Number.NaN, 2 ** 31, '5' as never])('refuses a timeoutMs of %s', async (timeoutMs) => {
      const error = await failureOf(put(client('127.0.0.1:1'), { timeoutMs }));
      expect(error).toMatchObject({ code: 'invalid-argument', outcome: 'not-sent' });
      expect(error.message).toContain('timeoutMs must be');
    });
  });

  describe('the token', () => {
    it('is asked for with each attempt, and its values never reach a message', async () => {
      const server = await serve((attempt) => (attempt === 1 ? { code: UNAVAILABLE, details: 'gone' } : rangeAnswer));
      let token = 0;
      const some = new UnaryClient({
        settings: settingsFor(server.endpoint, { transport }),
        tokens: { ...NO_TOKENS, headers: () => ({ token: `t${String((token += 1))}` }) },
      });
      cleanups.push(() => some.close());
      await range(some, { requireLeader: false });
      expect(server.seen.map((call) => call.headers.get('token')[0])).toEqual(['t1', 't2']);
      expect(server.seen[0]?.headers.get('hasleader')).toEqual([]);

      const bad = new UnaryClient({
        settings: settingsFor(server.endpoint, { transport }),
        tokens: { ...NO_TOKENS, headers: () => ({ token: 'se\ncret' }) },
      });
      cleanups.push(() => bad.close());
      const error = await failureOf(range(bad));
      expect(error.code).toBe('invalid-argument');
      expect(`${error.message}${String(error.cause)}`).not.toContain('cret');
    });
  });

  describe('probe', () => {
    const status = rpc.StatusResponse.encode({ version: '3.5.9' }).finish();

    it('reports each member once one has answered', async () => {
      const dead = await deadEndpoint();
      const server = await serve(() => status);
      const reports = await probe(client([dead, server.endpoint]), { timeoutMs: HANG_GUARD_MS });
      expect(reports).toMatchObject([
        { kind: 'failed', endpoint: dead },
        { kind: 'answered', endpoint: server.endpoint, version: '3.5.9', clusterId: 0n },
      ]);
    });

    it('falls back to a cheap read where Status is refused', async () => {
      const server = await serve((_, path) =>
        path.endsWith('Status') ? { code: 12, details: 'unknown method' } : rangeAnswer,
      );
      expect(await probe(client(server.endpoint), { timeoutMs: HANG_GUARD_MS })).toMatchObject([
        { kind: 'answered', version: undefined },
      ]);
    });

    it('fails naming every endpoint with its cause', async () => {
      const dead = await deadEndpoint();
      const web = await SilentPort.start('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
      cleanups.push(() => web.close());
      const error = await failureOf(probe(client([dead, web.endpoint]), { timeoutMs: 2_000 }));
      expect(error.code).toBe('connect-failed');
      expect(error.message).toContain(`${dead}: cannot connect`);
      expect(error.message).toContain('ECONNREFUSED');
      expect(error.message).toContain(web.endpoint);
    });

    it('is ended by its signal', async () => {
      const silent = await SilentPort.start();
      cleanups.push(() => silent.close());
      const error = await failureOf(
        probe(client(silent.endpoint), { timeoutMs: 5_000, signal: AbortSignal.timeout(50) }),
      );
      expect(error.code).toBe('aborted');
    });
  });
});
