/** What every transport keeps to, run against scripted servers: unary calls and metadata. Used by transport.test.ts. */
import type { ServerHttp2Stream } from 'node:http2';
import { describe, expect, it } from 'vitest';
import type { OpenConnection } from '../../src/grpc/grpc-connection.js';
import { eventually } from '../support/poll.js';
import { accept, echo, finish, frame } from '../support/scripted-server.js';
import { TEST_PATH, transportBench } from '../support/transport-bench.js';

export function unaryContract(kind: 'http2' | 'grpc-js', open: OpenConnection): void {
  describe(`unary calls over ${kind}`, () => {
    const bench = transportBench(open);

    it('makes a unary call, with its metadata and a grpc-timeout', async () => {
      let seen: Record<string, unknown> = {};
      const server = await bench.serve((stream, requestHeaders) => {
        seen = requestHeaders;
        echo(stream);
      });
      const { connection } = bench.connectTo(server.endpoint);
      const options = { timeoutMs: 5000, metadata: { token: 'abc', hasleader: 'true' } };
      const answer = await connection.unary(TEST_PATH, Buffer.from('ask'), options);
      expect(Buffer.from(answer).toString()).toBe('ask');
      expect(seen).toMatchObject({ ':method': 'POST', ':scheme': 'http', ':path': TEST_PATH, te: 'trailers' });
      expect(seen).toMatchObject({ token: 'abc', hasleader: 'true' });
      expect(seen['content-type']).toMatch(/^application\/grpc/);
      expect(seen['user-agent']).toMatch(/^etcd-vigil/);
      expect(seen['grpc-timeout']).toMatch(/^\d{1,8}[mSun]$/);
    });

    it('rejects a unary call that the server refuses', async () => {
      const server = await bench.serve((stream) => {
        accept(stream);
        finish(stream, 9, 'etcdserver: lease already exists');
      });
      const { connection } = bench.connectTo(server.endpoint);
      const call = connection.unary(TEST_PATH, Buffer.from('ask'), { timeoutMs: 5000 });
      await expect(call).rejects.toMatchObject({ code: 'lease-exists', grpcStatus: 9, outcome: 'refused' });
    });

    it.each([0, 2])('rejects a unary call with %i answers', async (answers) => {
      const server = await bench.serve((stream) => {
        accept(stream);
        for (let sent = 0; sent < answers; sent += 1) stream.write(frame('answer'));
        finish(stream);
      });
      const { connection } = bench.connectTo(server.endpoint);
      const call = connection.unary(TEST_PATH, Buffer.from('ask'), { timeoutMs: 5000 });
      await expect(call).rejects.toMatchObject({ code: 'malformed-response', outcome: 'unknown' });
    });

    it('resets a unary call whose time is over', async () => {
      const calls: ServerHttp2Stream[] = [];
      const server = await bench.serve((stream) => {
        calls.push(stream);
        accept(stream);
      });
      const { connection } = bench.connectTo(server.endpoint);
      await connection.ready();
      const call = connection.unary(TEST_PATH, Buffer.from('ask'), { timeoutMs: 100 });
      await expect(call).rejects.toMatchObject({ code: 'timeout', outcome: 'unknown' });
      await eventually(() => calls[0]?.closed);
      expect(calls[0]?.rstCode).toBe(8);
    });

    it.each([
      ['a value with a line break', { token: 'a\nb' }],
      ['a reserved name', { 'grpc-timeout': '1S' }],
      ['a name that is no token', { 'to ken': 'a' }],
      ['a pseudo header', { ':path': '/' }],
    ])('refuses metadata with %s without harm to the connection', async (_what, metadata) => {
      const server = await bench.serve(echo);
      const { connection } = bench.connectTo(server.endpoint);
      const refused = connection.unary(TEST_PATH, Buffer.from('ask'), { timeoutMs: 5000, metadata });
      await expect(refused).rejects.toMatchObject({ code: 'invalid-argument', outcome: 'not-sent' });
      await connection.unary(TEST_PATH, Buffer.from('ask'), { timeoutMs: 5000 });
    });
  });
}
