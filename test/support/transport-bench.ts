/** What a test of a transport opens, closed again after each test: scripted servers, raw servers, connections. */
import { afterEach } from 'vitest';
import type { ConnectionSettings, Endpoint } from '../../src/wire/connection-settings.js';
import type { GrpcConnection, GrpcStream, OpenConnection } from '../../src/grpc/grpc-connection.js';
import type { Http2Frame } from './h2-frames.js';
import { RawHttp2Server, type RawPeer, type RawServerOptions } from './raw-http2-server.js';
import { RecordedConnection, RecordedStream, testSettings } from './recorded-stream.js';
import { ScriptedServer, type CallHandler, type ScriptedOptions } from './scripted-server.js';

export const TEST_PATH = '/test.Service/Call';

export interface Connected {
  readonly connection: GrpcConnection;
  /** What the connection told its owner. */
  readonly told: RecordedConnection;
  /** Opens a call on it. */
  call(onEach?: (message: Buffer) => void): { stream: GrpcStream; recorded: RecordedStream };
}

export interface TransportBench {
  serve(onCall: CallHandler, options?: ScriptedOptions): Promise<ScriptedServer>;
  serveRaw(onFrame: (peer: RawPeer, frame: Http2Frame) => void, options?: RawServerOptions): Promise<RawHttp2Server>;
  connectTo(endpoint: Endpoint, changes?: Partial<ConnectionSettings>): Connected;
  /** Runs after the test, in reverse order. */
  closing(close: () => void | Promise<void>): void;
}

/** Call inside `describe`. */
export function transportBench(open: OpenConnection): TransportBench {
  const closers: (() => void | Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  const closing = (close: () => void | Promise<void>): void => void closers.push(close);
  return {
    closing,
    serve: async (onCall, options) => {
      const server = await ScriptedServer.start(onCall, options);
      closing(() => server.close());
      return server;
    },
    serveRaw: async (onFrame, options) => {
      const server = await RawHttp2Server.start(onFrame, options);
      closing(() => server.close());
      return server;
    },
    connectTo: (endpoint, changes) => {
      const told = new RecordedConnection();
      const connection = open(endpoint, testSettings(changes), told);
      closing(() => connection.close());
      return {
        connection,
        told,
        call: (onEach) => {
          const recorded = new RecordedStream(onEach);
          return { stream: connection.openStream(TEST_PATH, recorded), recorded };
        },
      };
    },
  };
}
