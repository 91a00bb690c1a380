/** What no client should do, to the embedded server and to a real etcd: both answer or close alike, and go on serving. */
import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { suiteEtcd } from '../../support/suite-etcd.js';
import { bytes, RpcSession, type Outcome } from '../rpc-session.js';
import { startEmbedded } from './embedded-server.js';

const RANGE = '/etcdserverpb.KV/Range';
const END_MS = 15_000;

function frame(length: number, message: Uint8Array, compressed = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** One call with any headers and body: its status, text and HTTP status. */
async function rawCall(address: string, headers: Readonly<Record<string, string>>, body: Uint8Array): Promise<string> {
  const session: ClientHttp2Session = connectHttp2(`http://${address}`);
  session.on('error', () => undefined);
  try {
    return await new Promise((resolve) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': RANGE,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      let seen: IncomingHttpHeaders = {};
      const take = (more: IncomingHttpHeaders): void => {
        seen = { ...seen, ...more };
      };
      stream.setTimeout(END_MS, () => {
        resolve('no end');
      });
      stream.on('response', take);
      stream.on('trailers', take);
      stream.on('error', () => undefined);
      stream.on('close', () => {
        const status = String((seen as Readonly<Record<string, unknown>>)[':status']);
        resolve(`${status} ${String(seen['grpc-status'])} ${decodeURIComponent(String(seen['grpc-message'] ?? ''))}`);
      });
      stream.resume();
      stream.end(body);
    });
  } finally {
    session.destroy();
  }
}

/** What comes of bytes that are no HTTP/2: `closed`, or `open` where the server waits for more. */
function rawBytes(address: string, sent: string): Promise<string> {
  const [host = '', port] = address.split(':');
  return new Promise((resolve) => {
    const socket: Socket = connectSocket({ host, port: Number(port) }, () => {
      socket.write(Buffer.from(sent, 'latin1'));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve('closed');
    });
    socket.setTimeout(END_MS, () => {
      resolve('open');
      socket.destroy();
    });
    socket.resume();
  });
}

describe('abused as etcd', () => {
  const etcd = suiteEtcd();
  let embedded: Awaited<ReturnType<typeof startEmbedded>> | undefined;
  beforeAll(async () => {
    embedded = await startEmbedded();
  });
  afterAll(async () => {
    await embedded?.close();
  });
  const both = async <T>(run: (address: string) => Promise<T>): Promise<void> => {
    const mine = await run(embedded?.address ?? '');
    expect(mine).toEqual(await run(etcd().address));
    const rpc = await RpcSession.connect(embedded?.address ?? '');
    expect(await rpc.silently('KV/Range', { key: bytes('a') })).toHaveProperty('fields');
    rpc.close();
  };

  it.each<[string, Readonly<Record<string, string>>, Uint8Array]>([
    ['a message that is no protobuf', {}, frame(3, Buffer.from([0xff, 0xff, 0xff]))],
    ['a compressed message without its encoding', {}, frame(2, Buffer.from([1, 2]), 1)],
    ['an encoding that nobody has', { 'grpc-encoding': 'snappy' }, frame(0, Buffer.alloc(0))],
    ['a method that there is not', { ':path': '/etcdserverpb.KV/Nothing' }, frame(0, Buffer.alloc(0))],
    ['a service that there is not', { ':path': '/none.None/Nothing' }, frame(0, Buffer.alloc(0))],
    ['another content type', { 'content-type': 'text/plain' }, frame(0, Buffer.alloc(0))],
    ['a message announced larger than any', {}, frame(0x7fffffff, Buffer.from([1]))],
  ])('%s', async (_, headers, body) => {
    await both((address) => rawCall(address, headers, body));
  });

  it('a preface and then noise on the port', async () => {
    await both((address) => rawBytes(address, `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\xff'.repeat(60)}`));
  });

  // etcd waits long for more of what it does not know; this server closes at once.
  it.each([
    ['noise', '\x16\x03\x01\x02\x00'.repeat(40)],
    ['HTTP/1 that is none', 'PUT / HTTP/9.9\r\n\r\n'],
    ['HTTP/1 whose end is no request', 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01\x02\r\n\r\n'],
  ])('%s on the port closes its connection only', async (_, sent) => {
    const address = embedded?.address ?? '';
    expect(await rawBytes(address, sent)).toBe('closed');
    const rpc = await RpcSession.connect(address);
    expect(await rpc.silently('KV/Range', { key: bytes('a') })).toHaveProperty('fields');
    rpc.close();
  });

  it('requests that are too large', async () => {
    await both(async (address) => {
      const rpc = await RpcSession.connect(address);
      const outcomes: Outcome[] = [];
      for (const size of [1_572_864 - 20, 1_572_865, 2_200_000])
        outcomes.push(await rpc.silently('KV/Put', { key: bytes('big'), value: Buffer.alloc(size) }));
      rpc.close();
      return outcomes.map((outcome) => ('code' in outcome ? outcome : 'put'));
    });
  });

  it('1,000 connections, all with calls, all gone at once', async () => {
    const address = embedded?.address ?? '';
    const sessions = Array.from({ length: 1_000 }, () => connectHttp2(`http://${address}`));
    await Promise.all(
      sessions.map(
        (session) =>
          new Promise<void>((resolve, reject) => {
            session.on('error', reject);
            const stream = session.request({ ':method': 'POST', ':path': RANGE, 'content-type': 'application/grpc' });
            stream.on('error', reject);
            stream.on('end', resolve);
            stream.resume();
            stream.end(frame(3, Buffer.from([0x0a, 1, 97])));
          }),
      ),
    );
    for (const session of sessions) session.destroy();
    const rpc = await RpcSession.connect(address);
    expect(await rpc.silently('KV/Put', { key: bytes('after') })).toHaveProperty('fields');
    rpc.close();
  });
});
