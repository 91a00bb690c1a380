/** What becomes of calls when a member refuses a stream, leaves a connection or allows few streams: over both transports. */
import type { ServerHttp2Stream } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';
import { kvMethods } from '../../../../src/main/unary/etcd-methods.js';
import { UnaryClient } from '../../../../src/main/unary/unary-client.js';
import { eventually } from '../../../support/poll.js';
import {
  accept,
  finish,
  frame,
  ScriptedServer,
  type CallHandler,
  type ScriptedOptions,
} from '../../../support/scripted-server.js';
import { deadEndpoint, settingsFor, SilentPort } from './scripted-server.js';

const REFUSED_STREAM = 7;
const putAnswer = rpc.PutResponse.encode({}).finish();

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(onCall: CallHandler, options?: ScriptedOptions): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(onCall, options);
  cleanups.push(() => server.close());
  return server;
}

function answer(stream: ServerHttp2Stream): void {
  accept(stream);
  stream.write(frame(putAnswer));
  finish(stream);
}

describe.each(['http2', 'grpc-js'] as const)('a write over %s', (transport) => {
  const client = (...servers: ScriptedServer[]): UnaryClient => {
    const endpoints = servers.map(({ endpoint }) => endpoint.text);
    const made = new UnaryClient({ settings: settingsFor(endpoints, { transport }), random: () => 0.5 });
    cleanups.push(() => made.close());
    return made;
  };
  const put = (to: UnaryClient): Promise<unknown> =>
    to.call(kvMethods.put, { key: Buffer.from('k') }, { repeatable: false, requireLeader: true });

  it('that a member did not begin goes to another one', async () => {
    let refused = 0;
    const bad = await serve((stream) => {
      refused += 1;
      stream.close(REFUSED_STREAM);
    });
    let served = 0;
    const good = await serve((stream) => {
      served += 1;
      answer(stream);
    });
    await put(client(bad, good));
    expect([refused, served]).toEqual([1, 1]);
  });

  it('that the only member did not begin is made again there', async () => {
    let calls = 0;
    const server = await serve((stream) => {
      calls += 1;
      if (calls < 4) stream.close(REFUSED_STREAM);
      else answer(stream);
    });
    await put(client(server));
    expect(calls).toBe(4);
  });

  it('above the last stream of a GOAWAY is made again on another connection', async () => {
    let calls = 0;
    const server = await serve((stream) => {
      calls += 1;
      // The first call was stream 1: this one was not processed.
      if (calls === 2) stream.session?.goaway(0, 1);
      else answer(stream);
    });
    const some = client(server);
    await put(some);
    await put(some);
    expect([calls, server.accepted]).toEqual([3, 2]);
  });

  it('that runs when the member leaves the connection finishes there, and later ones go over another', async () => {
    const waiting: ServerHttp2Stream[] = [];
    const server = await serve((stream) => {
      if (server.accepted > 1) answer(stream);
      else waiting.push(stream);
    });
    const some = client(server);
    const old = put(some);
    await eventually(() => waiting.length === 1);
    waiting[0]?.session?.goaway(0);
    // Until the client has read that, its calls still come over the old connection.
    const later: Promise<unknown>[] = [];
    await eventually(() => {
      later.push(put(some));
      return server.accepted > 1;
    });
    for (const stream of waiting) answer(stream);
    await Promise.all([old, ...later]);
    expect(server.accepted).toBe(2);
  });

  it('waits for its place where the member allows one call at a time', async () => {
    let open = 0;
    let most = 0;
    const server = await serve(
      (stream) => {
        open += 1;
        most = Math.max(most, open);
        stream.on('close', () => (open -= 1));
        setImmediate(() => answer(stream));
      },
      { settings: { maxConcurrentStreams: 1 } },
    );
    const some = client(server);
    await Promise.all(Array.from({ length: 30 }, () => put(some)));
    expect([most, server.accepted]).toEqual([1, 1]);
  });
});

it('a call goes to the member that has a place, where the one whose turn it is has none', async () => {
  const held: ServerHttp2Stream[] = [];
  const full = await serve((stream) => void held.push(stream), { settings: { maxConcurrentStreams: 1 } });
  let served = 0;
  const free = await serve((stream) => {
    served += 1;
    answer(stream);
  });
  const endpoints = [full.endpoint.text, free.endpoint.text];
  const some = new UnaryClient({ settings: settingsFor(endpoints), random: () => 0.5 });
  cleanups.push(() => some.close());
  const put = (member?: number): Promise<unknown> =>
    some.call(kvMethods.put, { key: Buffer.from('k') }, { repeatable: false, requireLeader: true, member });
  const waiting = put(0);
  await put(1);
  await eventually(() => held.length === 1);
  for (let call = 0; call < 10; call += 1) await put();
  expect([held.length, served]).toEqual([1, 11]);
  for (const stream of held) answer(stream);
  await waiting;
});

describe('an address where something else listens', () => {
  it.each([
    [404, 'unimplemented'],
    [403, 'permission-denied'],
    [401, 'unauthenticated'],
  ])('and answers HTTP %i is not taken for a member that refuses', async (status, code) => {
    const web = await serve((stream) => {
      stream.respond({ ':status': status, 'content-type': 'text/html' });
      stream.end('<html>');
    });
    const some = new UnaryClient({ settings: settingsFor(web.endpoint.text) });
    cleanups.push(() => some.close());
    const { probe } = await import('../../../../src/main/unary/probe.js');
    await expect(probe(some, { timeoutMs: 2_000 })).rejects.toMatchObject({ code: 'connect-failed' });
    const write = some.call(kvMethods.put, { key: Buffer.from('k') }, { repeatable: false, requireLeader: true });
    await expect(write).rejects.toMatchObject({ code, outcome: 'unknown' });
  });
});

describe('a call that waits for members that are away', () => {
  it.each(['refuses', 'says nothing'])('goes to others when they are given, where the old one %s', async (what) => {
    const silent = await SilentPort.start();
    cleanups.push(() => silent.close());
    const good = await serve(answer);
    const some = new UnaryClient({
      settings: settingsFor(what === 'refuses' ? await deadEndpoint() : silent.endpoint),
    });
    cleanups.push(() => some.close());
    const waiting = some.call(
      kvMethods.put,
      { key: Buffer.from('k') },
      // Longer than this test may take.
      { repeatable: false, requireLeader: true, timeoutMs: 3_600_000 },
    );
    await new Promise((resolve) => setImmediate(resolve));
    some.reconfigure(settingsFor(good.endpoint.text));
    await waiting;
    expect(good.accepted).toBe(1);
  });
});
