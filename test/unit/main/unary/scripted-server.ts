/** A gRPC server whose every answer is a function of the test, and addresses where no etcd is. */
import { createServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { Server, ServerCredentials, type handleUnaryCall, type Metadata, type status } from '@grpc/grpc-js';
import type { ConnectionSettings } from '../../../../src/wire/connection-settings.js';
import { parseEndpoints } from '../../../../src/wire/endpoint.js';

/** What the server says: an answer's bytes, a status, or nothing at all. */
export type Answer = Uint8Array | { readonly code: number; readonly details: string } | 'silence';

export interface Seen {
  readonly path: string;
  readonly request: Uint8Array;
  readonly headers: Metadata;
}

export class ScriptedServer {
  readonly seen: Seen[] = [];
  readonly endpoint: string;
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, port: number, seen: Seen[]) {
    this.#server = server;
    this.port = port;
    this.endpoint = `http://127.0.0.1:${String(port)}`;
    this.seen = seen;
  }

  /** @param script called for each call, after it was noted in `seen`. */
  static async start(script: (call: Seen) => Answer, port = 0): Promise<ScriptedServer> {
    const server = new Server({ 'grpc.max_receive_message_length': -1 });
    const seen: Seen[] = [];
    const paths = ['KV/Range', 'KV/Put', 'KV/DeleteRange', 'KV/Txn', 'KV/Compact', 'Maintenance/Status'];
    const bytes = (value: Buffer): Buffer => value;
    for (const short of paths) {
      const path = `/etcdserverpb.${short}`;
      const [service = '', name = ''] = path.slice(1).split('/');
      const handler: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
        const entry = { path, request: call.request, headers: call.metadata };
        seen.push(entry);
        const answer = script(entry);
        if (answer === 'silence') return;
        if (answer instanceof Uint8Array) callback(null, Buffer.from(answer));
        // Tests script statuses that grpc-js has no name for, too.
        else callback({ code: answer.code as status, details: answer.details });
      };
      server.addService(
        {
          [name]: {
            path: `/${service}/${name}`,
            requestStream: false,
            responseStream: false,
            requestSerialize: bytes,
            requestDeserialize: bytes,
            responseSerialize: bytes,
            responseDeserialize: bytes,
          },
        },
        { [name]: handler },
      );
    }
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${String(port)}`, ServerCredentials.createInsecure(), (error, result) => {
        if (error === null) resolve(result);
        else reject(error);
      });
    });
    return new ScriptedServer(server, bound, seen);
  }

  close(): void {
    this.#server.forceShutdown();
  }
}

/** A port that accepts connections and never says a word. */
export class SilentPort {
  readonly endpoint: string;
  readonly #server: NetServer;
  readonly #sockets: Set<Socket>;

  private constructor(server: NetServer, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.endpoint = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`; // listening on TCP
  }

  static async start(answer = ''): Promise<SilentPort> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.resume();
      if (answer !== '') socket.end(answer);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return new SilentPort(server, sockets);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** An endpoint where nothing listens. */
export async function deadEndpoint(): Promise<string> {
  const port = await SilentPort.start();
  port.close();
  return port.endpoint;
}

export function settingsFor(
  endpoints: string | readonly string[],
  more: Partial<ConnectionSettings> = {},
): ConnectionSettings {
  return {
    endpoints: parseEndpoints(endpoints),
    tls: undefined,
    transport: 'http2',
    connectTimeoutMs: 5_000,
    pingIntervalMs: 30_000,
    pingTimeoutMs: 10_000,
    streamWindowBytes: 4 << 20,
    connectionWindowBytes: 4 << 20,
    maxMessageBytes: 64 << 20,
    ...more,
  };
}
