/**
 * What every transport keeps to, run against scripted servers: how connections begin, break and end. Used by
 * transport.test.ts for each implementation.
 */
import { pingIntervalMs } from '../../src/grpc/ping-pace.js';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { OpenConnection } from '../../src/grpc/grpc-connection.js';
import { eventually } from '../support/poll.js';
import { freePorts } from '../support/ports.js';
import {
  accepted,
  data,
  FRAME_HEADERS,
  FRAME_PING,
  goaway,
  http2Frame,
  okTrailers,
  settings,
} from '../support/raw-http2-server.js';
import { RecordedStream } from '../support/recorded-stream.js';
import { accept, countUp, echo, finish, frame, tcpEndpoint } from '../support/scripted-server.js';
import { TEST_PATH, transportBench } from '../support/transport-bench.js';
import { countsAcrossHolds } from './hold-contract.js';

export function connectionContract(kind: 'http2' | 'grpc-js', open: OpenConnection): void {
  describe(`connections over ${kind}`, () => {
    const bench = transportBench(open);

    async function tcpServer(server: Server): Promise<number> {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      bench.closing(() => void server.close());
      // A server that listens on a port has an AddressInfo.
      return (server.address() as AddressInfo).port;
    }

    it('is ready once the peer has sent SETTINGS', async () => {
      const server = await bench.serve(echo);
      const { connection, told } = bench.connectTo(server.endpoint);
      await connection.ready();
      expect(connection.acceptsStreams).toBe(true);
      expect(connection.freeStreams).toBeGreaterThan(0);
      expect(told.closes).toEqual([]);
    });

    it('carries what was written before it was ready', async () => {
      const server = await bench.serve(echo);
      const { call } = bench.connectTo(server.endpoint);
      const { stream, recorded } = call();
      stream.write(frame('early'));
      await recorded.received(1);
      expect(recorded.texts).toEqual(['early']);
    });

    it('reads nothing while it is held, and all of it afterwards, in order', async () => {
      const server = await bench.serve(countUp(1));
      const { connection, call } = bench.connectTo(server.endpoint);
      await countsAcrossHolds(connection, call().recorded, kind === 'http2');
    });

    it('answers what is written across holds', async () => {
      const server = await bench.serve(echo);
      const { connection, call } = bench.connectTo(server.endpoint);
      const { stream, recorded } = call();
      const sent = Array.from({ length: 20 }, (_, index) => String(index));
      for (const text of sent) {
        connection.hold();
        stream.write(frame(text));
        await sleep(2);
        connection.release();
      }
      await recorded.received(sent.length);
      expect(recorded.texts).toEqual(sent);
    });

    it('may be held and released at any time', async () => {
      const server = await bench.serve(echo);
      const { connection, told, call } = bench.connectTo(server.endpoint);
      connection.release();
      connection.hold();
      connection.hold();
      const { stream, recorded } = call();
      stream.write(frame('early'));
      await sleep(20);
      connection.release();
      connection.release();
      await recorded.received(1);
      connection.hold();
      for (const session of server.sessions) session.destroy();
      await sleep(20);
      connection.release();
      expect((await told.closed()).code).toBe('unavailable');
      expect(recorded.ends).toHaveLength(1);
      connection.hold();
      connection.close();
      connection.release();
    });

    it('tells a refused connection, naming endpoint and cause, streams before the connection', async () => {
      const [port = 0] = await freePorts(1);
      const { connection, told, call } = bench.connectTo(tcpEndpoint(port, false));
      const { recorded } = call();
      await expect(connection.ready()).rejects.toMatchObject({ code: 'connect-failed', outcome: 'not-sent' });
      const error = await told.closed();
      expect(error.message).toContain(`127.0.0.1:${String(port)}`);
      expect(error.message).toContain('ECONNREFUSED');
      expect(recorded.ends[0]).toMatchObject({ code: 'connect-failed', outcome: 'not-sent' });
      expect(recorded.ends).toHaveLength(1);
      expect(connection.acceptsStreams).toBe(false);
    });

    it('tells a host name that does not exist', async () => {
      const { connection } = bench.connectTo(tcpEndpoint(2379, false, 'nowhere.invalid'));
      await expect(connection.ready()).rejects.toMatchObject({ code: 'connect-failed' });
    });

    it('gives up a peer that accepts and says nothing after connectTimeoutMs', async () => {
      const server = await bench.serveRaw(() => undefined, { maxConcurrentStreams: false });
      const { connection, told, call } = bench.connectTo(server.endpoint, { connectTimeoutMs: 150 });
      const { recorded } = call();
      await expect(connection.ready()).rejects.toMatchObject({ code: 'connect-failed' });
      expect((await told.closed()).message).toContain('connectTimeoutMs');
      expect(recorded.ends).toHaveLength(1);
    });

    it.each([
      ['hangs up', ''],
      ['speaks HTTP/1.1', 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'],
    ])('tells a peer that %s', async (_what, answer) => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => socket.end(answer));
      });
      const endpoint = tcpEndpoint(await tcpServer(server), false);
      const { connection, told, call } = bench.connectTo(endpoint);
      const { recorded } = call();
      await expect(connection.ready()).rejects.toMatchObject({ code: 'connect-failed' });
      await told.closed();
      expect(told.closes).toHaveLength(1);
      expect(recorded.ends).toHaveLength(1);
    });

    it('tells every stream once, then the owner once, when the peer is gone', async () => {
      const server = await bench.serveRaw((peer, { type, streamId }) => {
        if (type === FRAME_HEADERS) peer.send(accepted(streamId), data(streamId, frame('hello')));
      });
      const { connection, told, call } = bench.connectTo(server.endpoint);
      const calls = [call(), call(), call()];
      for (const { recorded } of calls) await recorded.received(1);
      calls[2]?.stream.pause();
      const answer = connection.unary(TEST_PATH, Buffer.from('ask'), { timeoutMs: 5000 });
      server.peers[0]?.socket.destroy();
      await expect(answer).rejects.toMatchObject({ code: 'unavailable', outcome: 'unknown' });
      expect((await told.closed()).code).toBe('unavailable');
      for (const { recorded } of calls) expect(recorded.ends.map((error) => error?.code)).toEqual(['unavailable']);
      expect(told.closes).toHaveLength(1);
      expect(told.goaways).toEqual([]);
    });

    it('never opens a stream again once it has ended, and tells so later than openStream', async () => {
      const server = await bench.serve(echo);
      const { connection, told } = bench.connectTo(server.endpoint);
      await connection.ready();
      for (const session of server.sessions) session.destroy();
      await told.closed();
      const late = new RecordedStream();
      connection.openStream(TEST_PATH, late).write(frame('late'));
      expect(late.ends).toEqual([]);
      expect(await late.ended()).toMatchObject({ code: 'unavailable', outcome: 'not-sent' });
      const cancelled = new RecordedStream();
      connection.openStream(TEST_PATH, cancelled).cancel();
      await expect(connection.unary(TEST_PATH, Buffer.from('a'), { timeoutMs: 1000 })).rejects.toMatchObject({
        code: 'unavailable',
      });
      expect(cancelled.ends).toEqual([]);
      expect(connection.freeStreams).toBe(0);
      expect(server.accepted).toBe(1);
    });

    it.each([
      ['a frame of impossible size', Buffer.alloc(200, 0xff)],
      ['headers that are not HPACK', http2Frame(FRAME_HEADERS, 0x4, 1, Buffer.alloc(20, 0xff))],
      ['data on a stream that was never opened', data(99, frame('x'))],
    ])('ends with a coded error on bytes that are not HTTP/2: %s', async (_what, bytes) => {
      const server = await bench.serveRaw((peer, { type }) => {
        if (type === FRAME_HEADERS) peer.send(bytes);
      });
      // Where node only sends GOAWAY and reads no further, liveness ends the connection.
      const { told, call } = bench.connectTo(server.endpoint, { pingIntervalMs: 100, pingTimeoutMs: 100 });
      const { recorded } = call();
      const error = await told.closed();
      expect(['protocol-error', 'unavailable']).toContain(error.code);
      expect(recorded.ends).toHaveLength(1);
      expect(told.closes).toHaveLength(1);
    });

    it('lets streams live on after GOAWAY, opens no more, and ends with the last of them', async () => {
      let first = 0;
      const server = await bench.serveRaw((peer, { type, streamId }) => {
        if (type !== FRAME_HEADERS) return;
        first = streamId;
        peer.send(accepted(streamId), data(streamId, frame('before')));
      });
      const { connection, told, call } = bench.connectTo(server.endpoint);
      const { recorded } = call();
      await recorded.received(1);
      const peer = server.peers[0];
      peer?.send(goaway(2 ** 31 - 1, 0), goaway(first, 0));
      await eventually(() => told.goaways.length > 0);
      expect(connection.acceptsStreams).toBe(false);
      expect(connection.freeStreams).toBe(0);
      const refused = call();
      expect(await refused.recorded.ended()).toMatchObject({ code: 'unavailable', outcome: 'not-sent' });
      peer?.send(data(first, frame('after')));
      await recorded.received(2);
      expect(told.closes).toEqual([]);
      peer?.send(okTrailers(first));
      expect(await recorded.ended()).toBeUndefined();
      await told.closed();
      expect(told.goaways).toHaveLength(1);
      expect(told.closes).toHaveLength(1);
    });

    it('ends on GOAWAY where no stream is open, though the peer keeps its side open', async () => {
      const server = await bench.serveRaw(() => undefined);
      const { connection, told } = bench.connectTo(server.endpoint);
      await connection.ready();
      server.peers[0]?.send(goaway(0, 0));
      expect((await told.closed()).code).toBe('unavailable');
      expect(connection.acceptsStreams).toBe(false);
      expect(told.closes).toHaveLength(1);
    });

    it('ends at once on GOAWAY with an error, such as too_many_pings', async () => {
      const server = await bench.serveRaw((peer, { type, streamId }) => {
        if (type === FRAME_HEADERS) peer.send(accepted(streamId), goaway(streamId, 11, 'too_many_pings'));
      });
      const { told, call } = bench.connectTo(server.endpoint);
      const { recorded } = call();
      const error = await told.closed();
      expect(error.code).toBe('unavailable');
      expect(recorded.ends.map((end) => end?.code)).toEqual(['unavailable']);
      if (kind !== 'http2') return; // grpc-js paces its PINGs itself
      expect(error.message).toContain('raise pingIntervalMs');
      // The next connection to that member is half as eager.
      expect(pingIntervalMs(server.endpoint.text, 7_000)).toBeGreaterThan(7_000);
    });

    it('finds a silent peer by PING within interval and timeout', async () => {
      const server = await bench.serveRaw(
        (peer, { type, streamId }) => {
          if (type === FRAME_HEADERS) peer.send(accepted(streamId), data(streamId, frame('hello')));
        },
        { answerPings: false },
      );
      const { told, call } = bench.connectTo(server.endpoint, { pingIntervalMs: 100, pingTimeoutMs: 100 });
      const calls = [call(), call()];
      expect((await told.closed()).code).toBe('unavailable');
      for (const { recorded } of calls) expect(recorded.ends.map((end) => end?.code)).toEqual(['unavailable']);
      expect(server.peers[0]?.frames.filter(({ type }) => type === FRAME_PING)).toHaveLength(1);
      await eventually(() => server.peers[0]?.socket.destroyed === true || server.peers[0]?.socket.readableEnded);
    });

    it('goes on while PINGs are answered', async () => {
      const server = await bench.serve(echo);
      let pings = 0;
      const { told, call } = bench.connectTo(server.endpoint, { pingIntervalMs: 20, pingTimeoutMs: 5000 });
      const { stream, recorded } = call();
      const session = await eventually(() => [...server.sessions][0]);
      session.on('ping', () => (pings += 1));
      await eventually(() => pings >= 3);
      stream.write(frame('alive'));
      await recorded.received(1);
      expect(told.closes).toEqual([]);
    });

    it('ends streams with code closed on close(), and calls nobody afterwards', async () => {
      const server = await bench.serve(echo);
      const { connection, told, call } = bench.connectTo(server.endpoint);
      const { stream, recorded } = call();
      stream.write(frame('one'));
      await recorded.received(1);
      const answer = connection.unary(TEST_PATH, Buffer.from('ask'), { timeoutMs: 5000 });
      connection.close();
      connection.close();
      expect(recorded.ends.map((error) => error?.code)).toEqual(['closed']);
      await expect(answer).rejects.toMatchObject({ code: 'closed' });
      const late = call();
      expect(await late.recorded.ended()).toMatchObject({ code: 'closed', outcome: 'not-sent' });
      await eventually(() => server.sessions.size === 0);
      expect(recorded.ends).toHaveLength(1);
      expect(told.closes).toEqual([]);
      expect(told.goaways).toEqual([]);
    });

    it('can be closed while it connects', async () => {
      const server = await bench.serveRaw(() => undefined, { maxConcurrentStreams: false });
      const { connection, told, call } = bench.connectTo(server.endpoint);
      const { recorded } = call();
      connection.close();
      await expect(connection.ready()).rejects.toMatchObject({ code: 'closed' });
      expect(recorded.ends.map((error) => error?.code)).toEqual(['closed']);
      expect(told.closes).toEqual([]);
    });

    it('leaves no socket and no timer behind after close()', async () => {
      const count = (name: RegExp): number => process.getActiveResourcesInfo().filter((held) => name.test(held)).length;
      const sockets = /^(?:TCPSocketWrap|TCPServerWrap|TLSWrap|TCPConnectWrap)$/;
      // Nothing of earlier tests is left either.
      await eventually(() => count(sockets) === 0);
      const timersBefore = count(/^Timeout$/);
      const server = await bench.serve(echo);
      const { connection, call } = bench.connectTo(server.endpoint);
      const { stream, recorded } = call();
      stream.write(frame('one'));
      await recorded.received(1);
      expect(count(sockets)).toBeGreaterThan(0);
      connection.close();
      await server.close();
      await eventually(() => count(sockets) === 0);
      expect(count(/^Timeout$/)).toBeLessThanOrEqual(timersBefore);
    });

    it('survives a server that ends while calls begin, again and again', async () => {
      for (let round = 0; round < 20; round += 1) {
        let seen = 0;
        const server = await bench.serveRaw((peer, { type, streamId }) => {
          if (type !== FRAME_HEADERS) return;
          seen += 1;
          if (round % 2 === 0) peer.send(accepted(streamId));
          if (seen > round % 5) peer.socket.destroy();
        });
        const { told, call } = bench.connectTo(server.endpoint);
        const calls = Array.from({ length: 6 }, () => call());
        for (const { stream } of calls) stream.write(frame('hello'));
        await told.closed();
        for (const { recorded } of calls) expect(recorded.ends).toHaveLength(1);
        expect(told.closes).toHaveLength(1);
      }
    });

    if (kind === 'http2') {
      it('honours the number of streams that the peer allows, as it changes', async () => {
        const ids: number[] = [];
        const server = await bench.serveRaw(
          (peer, { type, streamId }) => {
            if (type !== FRAME_HEADERS) return;
            ids.push(streamId);
            peer.send(accepted(streamId), data(streamId, frame('hello')));
          },
          { maxConcurrentStreams: 1 },
        );
        const { connection, call } = bench.connectTo(server.endpoint);
        await connection.ready();
        expect(connection.freeStreams).toBe(1);
        const only = call();
        expect(connection.freeStreams).toBe(0);
        const refused = call();
        expect(refused.recorded.ends).toEqual([]);
        expect(await refused.recorded.ended()).toMatchObject({ code: 'unavailable', outcome: 'not-sent' });
        await only.recorded.received(1);
        server.peers[0]?.send(settings(3));
        await eventually(() => connection.freeStreams === 2);
        only.stream.cancel();
        await eventually(() => connection.freeStreams === 3);
        expect(ids).toHaveLength(1);
      });

      it('keeps unary calls above the limit waiting until a stream is free', async () => {
        const server = await bench.serve(
          (stream) => {
            accept(stream);
            stream.write(frame('answer'));
            finish(stream);
          },
          { settings: { maxConcurrentStreams: 2 } },
        );
        const { connection } = bench.connectTo(server.endpoint);
        await connection.ready();
        const calls = Array.from({ length: 20 }, () =>
          connection.unary(TEST_PATH, Buffer.from('ask'), { timeoutMs: 5000 }),
        );
        expect(await Promise.all(calls)).toHaveLength(20);
      });
    }
  });
}
