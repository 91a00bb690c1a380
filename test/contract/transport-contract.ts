/**
 * What every transport keeps to, run against scripted servers: messages and the ends of streams. Connections are in
 * connection-contract.ts. Used by transport.test.ts for each implementation.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { describe, expect, it } from 'vitest';
import type { ConnectionSettings } from '../../src/wire/connection-settings.js';
import { EtcdError } from '../../src/wire/errors.js';
import type { OpenConnection } from '../../src/grpc/grpc-connection.js';
import { eventually } from '../support/poll.js';
import { accepted, data, END_STREAM, FRAME_HEADERS, headers, okTrailers, reset } from '../support/raw-http2-server.js';
import type { RecordedStream } from '../support/recorded-stream.js';
import { accept, echo, finish, frame, type CallHandler } from '../support/scripted-server.js';
import { TEST_PATH, transportBench } from '../support/transport-bench.js';

/** `kind` decides the few points on which grpc-js is known to differ. */
export function streamContract(kind: 'http2' | 'grpc-js', open: OpenConnection): void {
  describe(`streams over ${kind}`, () => {
    const bench = transportBench(open);

    /** One call to a server that answers as given, after its end. */
    async function endOf(onCall: CallHandler, changes: Partial<ConnectionSettings> = {}): Promise<RecordedStream> {
      const server = await bench.serve(onCall);
      const { stream, recorded } = bench.connectTo(server.endpoint, changes).call();
      stream.write(frame('hello'));
      await recorded.ended();
      expect(recorded.ends).toHaveLength(1);
      return recorded;
    }

    /** One call to a server that answers its HEADERS with these bytes, after its end. */
    async function endOfRaw(answer: (streamId: number) => Buffer[]): Promise<RecordedStream> {
      const server = await bench.serveRaw((peer, { type, streamId }) => {
        if (type === FRAME_HEADERS) peer.send(...answer(streamId));
      });
      const { recorded } = bench.connectTo(server.endpoint).call();
      await recorded.ended();
      return recorded;
    }

    it('hands out the messages of an echo stream in order', async () => {
      const server = await bench.serve(echo);
      const { stream, recorded } = bench.connectTo(server.endpoint).call();
      stream.write(Buffer.concat([frame('one'), frame(''), frame('three')]));
      stream.write(frame('four'));
      await recorded.received(4);
      expect(recorded.texts).toEqual(['one', '', 'three', 'four']);
      expect(recorded.ends).toEqual([]);
    });

    it('finds the messages wherever DATA frames split them', async () => {
      const bytes = Buffer.concat([frame('first'), frame(''), frame('the last one')]);
      let at = 0;
      const server = await bench.serveRaw((peer, { type, streamId }) => {
        if (type !== FRAME_HEADERS) return;
        const parts = [data(streamId, bytes.subarray(0, at)), data(streamId, bytes.subarray(at))];
        peer.send(accepted(streamId), ...parts, okTrailers(streamId));
        at += 1;
      });
      const { call } = bench.connectTo(server.endpoint);
      for (let position = 0; position <= bytes.length; position += 1) {
        const { recorded } = call();
        expect(await recorded.ended()).toBeUndefined();
        expect(recorded.texts).toEqual(['first', '', 'the last one']);
      }
      expect(at).toBe(bytes.length + 1);
    });

    it('reads an answer that comes byte by byte', async () => {
      const server = await bench.serveRaw((peer, { type, streamId }) => {
        if (type !== FRAME_HEADERS) return;
        const message = Buffer.concat([frame('one'), frame('two')]);
        const answer = Buffer.concat([accepted(streamId), data(streamId, message), okTrailers(streamId)]);
        const sendFrom = (at: number): void => {
          if (at < answer.length) peer.socket.write(answer.subarray(at, at + 1), () => setImmediate(sendFrom, at + 1));
        };
        sendFrom(0);
      });
      const { recorded } = bench.connectTo(server.endpoint).call();
      expect(await recorded.ended()).toBeUndefined();
      expect(recorded.texts).toEqual(['one', 'two']);
    });

    it('hands out many messages of one chunk', async () => {
      const texts = Array.from({ length: 500 }, (_, index) => `message ${String(index)}`);
      const recorded = await endOf((stream) => {
        accept(stream);
        stream.write(Buffer.concat(texts.map((text) => frame(text))));
        finish(stream);
      });
      expect(recorded.texts).toEqual(texts);
    });

    it('carries a message of 10 MB both ways', async () => {
      const server = await bench.serve(echo);
      const { stream, recorded } = bench.connectTo(server.endpoint).call();
      const large = Buffer.alloc(10_000_000, 'abcdefghij');
      stream.write(frame(large));
      await recorded.received(1);
      expect(recorded.messages[0]?.equals(large)).toBe(true);
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

    it('tells a refusal in trailers after messages', async () => {
      const recorded = await endOf((stream) => {
        accept(stream);
        stream.write(frame('one'), () => setImmediate(() => finish(stream, 12, 'not here')));
      });
      expect(recorded.ends[0]).toMatchObject({ code: 'unimplemented', grpcStatus: 12 });
      expect(recorded.ends[0]?.message).toContain('not here');
    });

    it('tells a trailers-only refusal with its percent-decoded text', async () => {
      const recorded = await endOf((stream) => {
        const refusal = { 'grpc-status': '5', 'grpc-message': 'no %E2%82%AC 100%25' };
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...refusal }, { endStream: true });
      });
      expect(recorded.ends[0]?.grpcStatus).toBe(5);
      expect(recorded.ends[0]?.message).toContain('no € 100%');
    });

    it.each([
      [502, 'unavailable'],
      [503, 'unavailable'],
      [404, 'unimplemented'],
      [403, 'permission-denied'],
      [401, 'unauthenticated'],
      [500, 'protocol-error'],
    ])('tells an HTML answer with HTTP %i as %s, with the HTTP status', async (httpStatus, code) => {
      const recorded = await endOf((stream) => {
        stream.respond({ ':status': httpStatus, 'content-type': 'text/html' });
        stream.end('<html><body>proxy</body></html>');
      });
      expect(recorded.ends[0]?.code).toBe(code);
      expect(recorded.ends[0]?.message).toContain(String(httpStatus));
      expect(recorded.messages).toEqual([]);
    });

    it('refuses a compressed message', async () => {
      const recorded = await endOf((stream) => {
        accept(stream);
        stream.write(frame('zip', 1));
      });
      expect(recorded.ends[0]?.code).toBe('protocol-error');
      expect(recorded.ends[0]?.message).toContain('compress');
      expect(recorded.messages).toEqual([]);
    });

    it('refuses a message above maxMessageBytes by its announced length', async () => {
      const recorded = await endOf(
        (stream) => {
          accept(stream);
          stream.write(Buffer.from([0, 0, 0, 4, 1]));
        },
        { maxMessageBytes: 1024 },
      );
      expect(recorded.ends[0]?.code).toBe('message-too-large');
    });

    it('takes a message of exactly maxMessageBytes', async () => {
      const recorded = await endOf(
        (stream) => {
          accept(stream);
          stream.write(frame(Buffer.alloc(1024)));
          finish(stream);
        },
        { maxMessageBytes: 1024 },
      );
      expect(recorded.ends).toEqual([undefined]);
      expect(recorded.messages[0]).toHaveLength(1024);
    });

    it.each([
      [0, 'unavailable'],
      [1, 'protocol-error'],
      [2, 'unavailable'],
      [3, 'protocol-error'],
      [7, 'unavailable'],
      [8, 'unavailable'],
      [11, 'unavailable'],
      [12, 'protocol-error'],
      [13, 'protocol-error'],
    ])('tells RST_STREAM with code %i as %s and leaves other streams alone', async (rstCode, code) => {
      let first: number | undefined;
      const server = await bench.serveRaw((peer, { type, streamId }) => {
        if (type !== FRAME_HEADERS) return;
        if (first === undefined) peer.send(accepted((first = streamId)));
        else peer.send(accepted(streamId), reset(streamId, rstCode), data(first, frame('alive')));
      });
      const { call, told } = bench.connectTo(server.endpoint);
      const survivor = call();
      const { recorded } = call();
      expect((await recorded.ended())?.code).toBe(code);
      expect(recorded.ends[0]?.outcome).toBe(rstCode === 7 ? 'not-sent' : 'unknown');
      await survivor.recorded.received(1);
      expect(survivor.recorded.ends).toEqual([]);
      expect(told.closes).toEqual([]);
    });

    it('ends only the stream whose handler throws', async () => {
      const calls: ServerHttp2Stream[] = [];
      const server = await bench.serve((stream) => {
        calls.push(stream);
        echo(stream);
      });
      const { call } = bench.connectTo(server.endpoint);
      const thrown = new EtcdError('cannot be decoded', { code: 'malformed-response' });
      const failing = call(() => {
        throw thrown;
      });
      const healthy = call();
      failing.stream.write(Buffer.concat([frame('one'), frame('two')]));
      expect(await failing.recorded.ended()).toBe(thrown);
      await eventually(() => calls[0]?.closed);
      healthy.stream.write(frame('still here'));
      await healthy.recorded.received(1);
      expect(failing.recorded.texts).toEqual(['one']);
      expect(healthy.recorded.ends).toEqual([]);
    });

    it('resets a cancelled stream and calls no handler afterwards', async () => {
      const calls: ServerHttp2Stream[] = [];
      const server = await bench.serve((stream) => {
        calls.push(stream);
        echo(stream);
      });
      const { stream, recorded } = bench.connectTo(server.endpoint).call();
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

    it('hands out nothing after cancel() in the middle of a chunk', async () => {
      const server = await bench.serve((stream) => {
        accept(stream);
        stream.write(Buffer.concat([frame('one'), frame('two')]));
      });
      const { call } = bench.connectTo(server.endpoint);
      const { stream, recorded } = call(() => stream.cancel());
      await recorded.received(1);
      const other = call();
      await other.recorded.received(2);
      expect(recorded.texts).toEqual(['one']);
      expect(recorded.ends).toEqual([]);
    });

    it('hands out nothing between pause() and resume(), and loses nothing', async () => {
      const server = await bench.serve((stream) => {
        accept(stream);
        stream.write(Buffer.concat(['one', 'two', 'three', 'four'].map((text) => frame(text))));
        finish(stream);
      });
      const { call } = bench.connectTo(server.endpoint);
      const { stream, recorded } = call((message) => {
        if (message.toString() === 'two') stream.pause();
      });
      await recorded.received(2);
      const other = call();
      await other.recorded.ended();
      expect(recorded.texts).toEqual(['one', 'two']);
      expect(recorded.ends).toEqual([]);
      stream.resume();
      expect(await recorded.ended()).toBeUndefined();
      expect(recorded.texts).toEqual(['one', 'two', 'three', 'four']);
    });

    it('bounds what a paused stream holds unread by its window, and does not hold up other streams', async () => {
      const windowBytes = 256 * 1024;
      const message = frame(Buffer.alloc(16_000));
      let sentBytes = 0;
      let firstStream = true;
      const server = await bench.serve((stream) => {
        accept(stream);
        const flood = firstStream;
        firstStream = false;
        const next = (): void => {
          stream.write(message, () => {
            if (flood) sentBytes += message.length;
            if (!flood || sentBytes < 64 * windowBytes) setImmediate(next);
          });
        };
        next();
      });
      const { call } = bench.connectTo(server.endpoint, {
        streamWindowBytes: windowBytes,
        connectionWindowBytes: 16 * windowBytes,
      });
      const paused = call();
      paused.stream.pause();
      await eventually(() => sentBytes > windowBytes / 2);
      // Another stream gets far more than both windows: the paused one does not eat the connection's.
      const other = call();
      await other.recorded.received(300);
      other.stream.cancel();
      // grpc-js reads 16 messages ahead; node hands over one buffer more.
      expect(sentBytes).toBeLessThan(windowBytes * 3);
      const before = paused.recorded.messages.length;
      expect(before).toBe(0);
      paused.stream.resume();
      await paused.recorded.received(100);
    });

    // grpc-js checks neither the flag byte nor the content type, takes a message broken off for an ended call, and waits for
    // ever on a half-open call that the server ended without trailers.
    if (kind === 'http2') {
      it('tells an answer that ends without trailers', async () => {
        const recorded = await endOfRaw((id) => [accepted(id), data(id, frame('one'), true)]);
        expect(recorded.ends[0]?.message).toContain('without a grpc-status');
      });

      it('refuses a frame with an unknown flag', async () => {
        const recorded = await endOfRaw((id) => [accepted(id), data(id, frame('x', 7))]);
        expect(recorded.ends[0]?.code).toBe('protocol-error');
      });

      it('tells a stream that ends OK inside a message', async () => {
        const recorded = await endOfRaw((id) => [
          accepted(id),
          data(id, frame('broken off').subarray(0, 9)),
          okTrailers(id),
        ]);
        expect(recorded.ends[0]?.code).toBe('malformed-response');
      });

      it('refuses an answer of another content type, and one without a grpc-status', async () => {
        const html = await endOfRaw((id) => [headers(id, { ':status': '200', 'content-type': 'text/html' }, false)]);
        expect(html.ends[0]?.code).toBe('protocol-error');
        const bare = await endOfRaw((id) => [accepted(id), headers(id, { other: 'x' }, true)]);
        expect(bare.ends[0]?.message).toContain('without a grpc-status');
      });

      it('sends END_STREAM with a unary request and not with a stream', async () => {
        const server = await bench.serveRaw(() => undefined);
        const { connection, call } = bench.connectTo(server.endpoint);
        call().stream.write(frame('stream'));
        connection.unary(TEST_PATH, Buffer.from('unary'), { timeoutMs: 5000 }).catch(() => undefined);
        const sent = await eventually(() => {
          const frames = server.peers[0]?.frames.filter(({ type }) => type === 0) ?? [];
          return frames.length >= 2 && frames;
        });
        const ended = sent.filter(({ flags }) => (flags & END_STREAM) !== 0);
        expect(ended.map(({ payload }) => payload.subarray(5).toString())).toEqual(['unary']);
      });
    }
  });
}
