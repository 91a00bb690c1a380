/**
 * What every transport keeps to, run against a scripted server: messages and the ends of streams. Used by
 * transport.test.ts for each implementation.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import type { ConnectionSettings, Endpoint } from '../../src/wire/connection-settings.js';
import type { GrpcConnection, OpenConnection } from '../../src/workers/transport/grpc-connection.js';
import { RecordedConnection, RecordedStream, testSettings } from '../support/recorded-stream.js';
import {
  accept,
  echo,
  finish,
  frame,
  ScriptedServer,
  type CallHandler,
  type ScriptedOptions,
} from '../support/scripted-server.js';
import { eventually } from '../support/poll.js';

const PATH = '/test.Service/Call';

export function streamContract(name: string, open: OpenConnection): void {
  describe(`streams over ${name}`, () => {
    const closing: (() => void | Promise<void>)[] = [];
    afterEach(async () => {
      for (const close of closing.splice(0).reverse()) await close();
    });

    async function serve(onCall: CallHandler, options: ScriptedOptions = {}): Promise<ScriptedServer> {
      const server = await ScriptedServer.start(onCall, options);
      closing.push(() => server.close());
      return server;
    }

    function connectTo(
      endpoint: Endpoint,
      changes: Partial<ConnectionSettings> = {},
    ): { connection: GrpcConnection; told: RecordedConnection } {
      const told = new RecordedConnection();
      const connection = open(endpoint, testSettings(changes), told);
      closing.push(() => connection.close());
      return { connection, told };
    }

    /** The end of one call to a server that answers as given. */
    async function endOf(onCall: CallHandler, changes: Partial<ConnectionSettings> = {}): Promise<RecordedStream> {
      const server = await serve(onCall);
      const { connection } = connectTo(server.endpoint, changes);
      const recorded = new RecordedStream();
      connection.openStream(PATH, recorded).write(frame('hello'));
      await recorded.ended();
      expect(recorded.ends).toHaveLength(1);
      return recorded;
    }

    it('hands out the messages of an echo stream in order', async () => {
      const server = await serve(echo);
      const { connection } = connectTo(server.endpoint);
      const recorded = new RecordedStream();
      const stream = connection.openStream(PATH, recorded);
      stream.write(Buffer.concat([frame('one'), frame(''), frame('three')]));
      stream.write(frame('four'));
      await recorded.received(4);
      expect(recorded.texts).toEqual(['one', '', 'three', 'four']);
      expect(recorded.ends).toEqual([]);
    });

    it('answers a unary call, with its metadata and a grpc-timeout', async () => {
      let seen: Record<string, unknown> = {};
      const server = await serve((stream, headers) => {
        seen = headers;
        echo(stream);
      });
      const { connection } = connectTo(server.endpoint);
      const answer = await connection.unary(PATH, Buffer.from('ask'), { timeoutMs: 5000, metadata: { token: 'abc' } });
      expect(Buffer.from(answer).toString()).toBe('ask');
      expect(seen).toMatchObject({ ':method': 'POST', ':path': PATH, te: 'trailers', token: 'abc' });
      expect(seen['content-type']).toMatch(/^application\/grpc/);
      expect(seen['grpc-timeout']).toMatch(/^\d{1,8}[mSun]$/);
    });

    it('tells a trailers-only refusal with its decoded text', async () => {
      const recorded = await endOf((stream) => {
        stream.respond(
          {
            ':status': 200,
            'content-type': 'application/grpc',
            'grpc-status': '5',
            'grpc-message': 'no %E2%82%AC 100%25',
          },
          { endStream: true },
        );
      });
      const error = recorded.ends[0];
      expect(error?.grpcStatus).toBe(5);
      expect(error?.message).toContain('no € 100%');
    });

    it('ends with undefined where the server ended OK', async () => {
      const recorded = await endOf((stream) => {
        accept(stream);
        stream.write(frame('last'));
        finish(stream);
      });
      expect(recorded.texts).toEqual(['last']);
      expect(recorded.ends).toEqual([undefined]);
    });

    it('resets a cancelled stream and calls no handler afterwards', async () => {
      const calls: ServerHttp2Stream[] = [];
      const server = await serve((stream) => {
        calls.push(stream);
        echo(stream);
      });
      const { connection } = connectTo(server.endpoint);
      const recorded = new RecordedStream();
      const stream = connection.openStream(PATH, recorded);
      stream.write(frame('one'));
      await recorded.received(1);
      stream.cancel();
      stream.cancel();
      stream.write(frame('two'));
      await eventually(() => calls[0]?.closed);
      expect(calls[0]?.rstCode).toBe(8);
      expect(recorded.texts).toEqual(['one']);
      expect(recorded.ends).toEqual([]);
    });
  });
}
