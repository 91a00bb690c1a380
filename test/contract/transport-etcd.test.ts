/** Both transports against a real etcd: plain, over its unix socket, and over TLS with client certificates. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectionSettings, Endpoint } from '../../src/wire/connection-settings.js';
import { parseEndpoints } from '../../src/wire/endpoint.js';
import type { GrpcConnection } from '../../src/grpc/grpc-connection.js';
import { opened } from '../support/global-timers.js';
import { transportFor } from '../../src/grpc/transport.js';
import { TestCertificates } from '../support/certificates.js';
import { EtcdProcess } from '../support/etcd.js';
import { RawEtcd } from '../support/raw-etcd.js';
import { allBytesOf, bytesOf, readFields, writeFields } from '../support/raw-protobuf.js';
import { decodeWatchResponse, encodeWatchCreate } from '../support/raw-watch.js';
import { RecordedConnection, RecordedStream, testSettings } from '../support/recorded-stream.js';
import { frame } from '../support/scripted-server.js';

const RANGE = '/etcdserverpb.KV/Range';
const WATCH = '/etcdserverpb.Watch/Watch';

function endpointOf(text: string): Endpoint {
  const [endpoint] = parseEndpoints(text);
  if (endpoint === undefined) throw new Error(`no endpoint in ${text}`);
  return endpoint;
}

describe.each(['http2' as const, 'grpc-js' as const])('real etcd over %s', (kind) => {
  let etcd: EtcdProcess;
  let connections: GrpcConnection[] = [];
  beforeAll(async () => {
    etcd = await EtcdProcess.start({ unixSocket: true });
  });
  afterEach(() => {
    for (const connection of connections.splice(0)) connection.close();
  });
  afterAll(async () => {
    await etcd.close();
  });

  async function connectTo(text: string, changes: Partial<ConnectionSettings> = {}): Promise<GrpcConnection> {
    const open = opened(await transportFor(kind));
    const connection = open(endpointOf(text), testSettings(changes), new RecordedConnection());
    connections = [...connections, connection];
    await connection.ready();
    return connection;
  }

  async function valueOf(connection: GrpcConnection, key: string): Promise<string> {
    const answer = await connection.unary(RANGE, writeFields([[1, key]]), { timeoutMs: 5000 });
    const [kv] = allBytesOf(readFields(answer), 2);
    return Buffer.from(bytesOf(readFields(kv ?? new Uint8Array(0)), 5)).toString();
  }

  it('reads a key', async () => {
    const writer = new RawEtcd(etcd.address);
    await writer.put('unary', 'value');
    expect(await valueOf(await connectTo(etcd.endpoint), 'unary')).toBe('value');
    writer.close();
  });

  it('reads a key over the unix socket', async () => {
    const writer = new RawEtcd(etcd.address);
    await writer.put('over', 'unix');
    expect(await valueOf(await connectTo(`unix://${etcd.socketPath}`), 'over')).toBe('unix');
    writer.close();
  });

  it('tells what etcd refuses', async () => {
    const connection = await connectTo(etcd.endpoint);
    const call = connection.unary(RANGE, new Uint8Array(0), { timeoutMs: 5000 });
    await expect(call).rejects.toMatchObject({ grpcStatus: 3, outcome: 'refused' });
    const unknown = connection.unary('/etcdserverpb.KV/Nothing', new Uint8Array(0), { timeoutMs: 5000 });
    await expect(unknown).rejects.toMatchObject({ code: 'unimplemented' });
  });

  it('carries 2,000 events of a watch in order', async () => {
    const connection = await connectTo(etcd.endpoint);
    const writer = new RawEtcd(etcd.address);
    const recorded = new RecordedStream();
    const stream = connection.openStream(WATCH, recorded, { hasleader: 'true' });
    stream.write(frame(encodeWatchCreate({ key: 'watched', rangeEnd: 'watchee' })));
    await recorded.received(1);
    expect(decodeWatchResponse(recorded.messages[0] ?? Buffer.alloc(0)).created).toBe(true);
    for (let batch = 0; batch < 20; batch += 1) {
      await Promise.all(
        Array.from({ length: 100 }, (_, index) => writer.put(`watched/${String(index)}`, String(batch))),
      );
    }
    const seen = (): bigint[] =>
      recorded.messages.flatMap((message) => decodeWatchResponse(message).events.map((event) => event.modRevision));
    await expect.poll(() => seen().length, { timeout: 100_000 }).toBe(2000);
    const revisions = seen();
    expect(revisions).toEqual(revisions.map((_, index) => (revisions[0] ?? 0n) + BigInt(index)));
    stream.cancel();
    writer.close();
  });

  it('tells a watch that etcd stopped', async () => {
    const short = await EtcdProcess.start();
    try {
      const connection = await connectTo(short.endpoint);
      const recorded = new RecordedStream();
      connection.openStream(WATCH, recorded).write(frame(encodeWatchCreate({ key: 'a' })));
      await recorded.received(1);
      await short.stop();
      expect((await recorded.ended())?.code).toBe('unavailable');
    } finally {
      await short.close();
    }
  });

  it('reads a key over TLS with a client certificate', async () => {
    const certificates = TestCertificates.create();
    const pair = certificates.issue('server');
    const secure = await EtcdProcess.start({ tls: { ...pair, clientCaFile: certificates.caFile } });
    try {
      const client = TestCertificates.text(certificates.issue('client'));
      const tls = { ca: readFileSync(certificates.caFile, 'utf8'), ...client };
      const connection = await connectTo(secure.endpoint, { tls });
      expect(await valueOf(connection, 'nothing')).toBe('');
      await expect(connectTo(secure.endpoint, { tls: { ca: tls.ca } })).rejects.toMatchObject({
        code: 'connect-failed',
      });
    } finally {
      await secure.close();
      certificates.close();
    }
  });
});
