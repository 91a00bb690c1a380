/** Compressed messages and time limits of calls: the embedded server answers as etcd does, header for header. */
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { suiteEtcd } from '../../support/suite-etcd.js';
import { startEmbedded } from './embedded-server.js';

const RANGE = '/etcdserverpb.KV/Range';
const WATCH = '/etcdserverpb.Watch/Watch';
const KEEP_ALIVE = '/etcdserverpb.Lease/LeaseKeepAlive';
/** `{ key: 'a' }`, and a watch of it. */
const range = Buffer.from([0x0a, 1, 97]);
const watch = Buffer.from([0x0a, 3, 0x0a, 1, 97]);
const nothing = Buffer.alloc(0);
const GUARD_MS = 100_000;

interface Call {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The client sends no more. */
  readonly ends?: boolean;
  /** Where the server keeps the call open: the test has seen enough at the first message. */
  readonly untilMessage?: boolean;
}

function frame(message: Buffer, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** What a call comes to: each block of headers, and each message's flag and whether it can be unpacked. */
function answerTo(address: string, { path = RANGE, headers = {}, body, ends = true, untilMessage = false }: Call) {
  return new Promise<unknown>((resolve, reject) => {
    const session = connectHttp2(`http://${address}`);
    session.on('error', reject);
    const stream = session.request({
      ...{ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
      ...headers,
    });
    const seen: unknown[] = [];
    const done = (): void => {
      session.destroy();
      resolve(seen);
    };
    const take = (more: IncomingHttpHeaders): void => {
      const { ':status': status, 'grpc-status': code, 'grpc-message': text, 'grpc-encoding': encoding } = more;
      seen.push({ status, code, text: text === '' ? undefined : text, encoding, type: more['content-type'] });
    };
    stream.setTimeout(GUARD_MS, () => {
      seen.push('no end');
      done();
    });
    stream.on('response', take);
    stream.on('trailers', take);
    stream.on('data', (chunk: Buffer) => {
      const message = chunk.subarray(5);
      // Ids of either server differ in length: what counts is that there is something.
      seen.push({ flag: chunk[0], isFilled: (chunk[0] === 1 ? gunzipSync(message) : message).length > 0 });
      if (untilMessage) done();
    });
    stream.on('error', reject);
    stream.on('close', done);
    if (ends) stream.end(body);
    else stream.write(body);
  });
}

function withoutTexts(seen: unknown): unknown {
  return JSON.parse(JSON.stringify(seen, (name, value: unknown) => (name === 'text' ? undefined : value)));
}

describe('as etcd', () => {
  const etcd = suiteEtcd();
  let embedded: Awaited<ReturnType<typeof startEmbedded>> | undefined;
  beforeAll(async () => {
    embedded = await startEmbedded();
  });
  afterAll(async () => {
    await embedded?.close();
  });
  /** Later releases have another gRPC library: other words, and a call past its limit may be reset before its status has left. */
  const isLater = (): boolean => Number(etcd().version.split('.')[2]) > 16;
  const both = async (call: Call): Promise<unknown> => {
    const mine = await answerTo(embedded?.address ?? '', call);
    const theirs = await answerTo(etcd().address, call);
    if (!isLater()) expect(mine).toEqual(theirs);
    else if (call.headers?.['grpc-timeout'] === undefined) expect(withoutTexts(mine)).toEqual(withoutTexts(theirs));
    return mine;
  };
  const gzip = { 'grpc-encoding': 'gzip' };

  it.each<[string, Call]>([
    ['a compressed request is answered compressed', { headers: gzip, body: frame(gzipSync(range), 1) }],
    ['so is one that could have been compressed', { headers: gzip, body: frame(range) }],
    ['a client that only would take it is not', { headers: { 'grpc-accept-encoding': 'gzip' }, body: frame(range) }],
    [
      'one after another in one message',
      { headers: gzip, body: frame(Buffer.concat([gzipSync(range), gzipSync(nothing)]), 1) },
    ],
    ['a watch', { path: WATCH, headers: gzip, body: frame(gzipSync(watch), 1), ends: false, untilMessage: true }],
    ['a message that is none', { headers: gzip, body: frame(range, 1) }],
    ['a message that is empty', { headers: gzip, body: frame(nothing, 1) }],
    ['a message that says it is huge', { headers: gzip, body: frame(gzipSync(Buffer.alloc(3_000_000)), 1) }],
    ['no gzip on a stream that stays open', { path: WATCH, headers: gzip, body: frame(watch, 1), ends: false }],
    ['another encoding', { headers: { 'grpc-encoding': 'snappy' }, body: frame(range, 1) }],
    ['encodings have one spelling', { headers: { 'grpc-encoding': 'GZIP' }, body: frame(range) }],
    ['another encoding on a stream', { path: WATCH, headers: { 'grpc-encoding': 'snappy' }, body: frame(watch, 1) }],
    ['compressed, and said not to be', { headers: { 'grpc-encoding': 'identity' }, body: frame(range, 1) }],
    ['not compressed, and said so', { headers: { 'grpc-encoding': 'identity' }, body: frame(range) }],
    ['a flag that there is not', { headers: gzip, body: frame(range, 2) }],
  ])('%s', async (_, call) => {
    expect(await both(call)).not.toContain('no end');
  });

  it.each(['1X', 'S', '123456789S', '1 S', '0m', '-1S', '0S'])('a time limit of %s', async (limit) => {
    const headers = { 'grpc-timeout': limit };
    expect(await both({ headers, body: frame(range) })).toHaveLength(1);
    expect(await both({ path: WATCH, headers, body: frame(watch), ends: false })).toHaveLength(1);
  });

  it.each<[string, Call]>([
    ['a watch', { path: WATCH, body: frame(watch), ends: false }],
    ['renewals', { path: KEEP_ALIVE, body: frame(Buffer.from([8, 1])), ends: false }],
    ['a stream on which nothing was sent', { path: KEEP_ALIVE, body: nothing, ends: false }],
    [
      'an election that nobody has won',
      { path: '/v3electionpb.Election/Observe', body: frame(Buffer.from([0x0a, 1, 99])) },
    ],
    ['a call whose request never comes', { body: nothing, ends: false }],
  ])('the limit ends %s', async (_, call) => {
    const seen = await both({ ...call, headers: { 'grpc-timeout': '300m' } });
    expect(seen).toContainEqual(expect.objectContaining({ code: '4', text: 'context deadline exceeded' }));
  });

  it('a call within its limit is answered, however long that is', async () => {
    for (const limit of ['99999999H', '00000090S', '90S'])
      expect(await both({ headers: { 'grpc-timeout': limit }, body: frame(range) })).toHaveLength(3);
  });

  it('the limit ends a call that waits for a lock, and its place in the queue with it', async () => {
    const lock = { path: '/v3lockpb.Lock/Lock', body: frame(Buffer.from([0x0a, 1, 120])) };
    expect(await both(lock)).toHaveLength(3);
    expect(await both({ ...lock, headers: { 'grpc-timeout': '300m' } })).toMatchObject([{ code: '4' }]);
    const keys = Buffer.from([0x0a, 2, 120, 47, 0x12, 2, 120, 48, 0x48, 1]);
    const counts = await Promise.all(
      [embedded?.address ?? '', etcd().address].map(
        (address) =>
          new Promise((resolve) => {
            const session = connectHttp2(`http://${address}`);
            const stream = session.request({ ':method': 'POST', ':path': RANGE, 'content-type': 'application/grpc' });
            stream.on('data', (chunk: Buffer) => {
              // The last field of the answer is the count.
              resolve(chunk.at(-1));
              session.destroy();
            });
            stream.end(frame(keys));
          }),
      ),
    );
    expect(counts).toEqual([1, 1]);
  });
});
