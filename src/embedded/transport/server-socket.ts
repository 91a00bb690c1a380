/**
 * Opens what clients connect to: a TCP port or a unix socket, with TLS or without. Server thread.
 */
import { existsSync, lstatSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { EtcdError } from '../../wire/errors.js';

/** What fits into the address of a unix socket, without the zero at its end. */
const MAX_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/** Where to listen. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; /** 0: any free one. */ readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** TLS of a server, PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Whose client certificates are taken; with it, clients must have one. */
  readonly clientCa?: string | undefined;
}

/** A socket that is open. */
export interface ServerSocket {
  /** As clients write it: `http://127.0.0.1:2379`, `unix:///path`. */
  readonly endpoint: string;
  readonly server: Server;
  /** Gives every connection, TLS ones when they are secure. To be called in the turn in which the socket was given. */
  onConnection(run: (socket: Socket) => void): void;
}

/**
 * Listens.
 *
 * @throws EtcdError `connect-failed` when the address cannot be had, `invalid-argument` for TLS material that is no use.
 */
export async function openServerSocket(address: ListenAddress, tls: ServerTls | undefined): Promise<ServerSocket> {
  // Some releases of Node cut such a path off without a word and listen elsewhere.
  if (address.kind === 'unix' && Buffer.byteLength(address.path) > MAX_SOCKET_PATH_BYTES)
    throw cannotListen(address, Object.assign(new Error('the path is too long'), { code: 'EINVAL' }));
  const server = tls === undefined ? createServer({ noDelay: true }) : secureServer(tls);
  try {
    await listen(server, address);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // of a server's event 'error'
    if (code !== 'EADDRINUSE' || address.kind !== 'unix' || !(await isLeftOver(address.path)))
      throw cannotListen(address, error as NodeJS.ErrnoException);
    rmSync(address.path, { force: true });
    await listen(server, address).catch((again: unknown) => {
      throw cannotListen(address, again as NodeJS.ErrnoException);
    });
  }
  // A client that goes away in the middle of a handshake is no affair of the server's.
  server.removeAllListeners('error').on('error', () => undefined);
  return {
    endpoint: endpointOf(address, server, tls !== undefined),
    server,
    onConnection: (run) => {
      server.on(tls === undefined ? 'connection' : 'secureConnection', run);
    },
  };
}

function listen(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Whether this is a socket on which nobody listens any more, as a server leaves it that was killed. */
function isLeftOver(path: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      resolve(false);
      socket.destroy();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

function secureServer(tls: ServerTls): Server {
  const client = tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true };
  try {
    const server = createTlsServer({ cert: tls.cert, key: tls.key, ALPNProtocols: ['h2', 'http/1.1'], ...client });
    server.on('tlsClientError', () => undefined);
    return server;
  } catch (error) {
    // OpenSSL's texts name what is wrong (such as "key values mismatch"), never the material.
    const why = error instanceof Error ? error.message : 'unknown reason';
    throw new EtcdError(`EmbeddedEtcd: tls cannot be used: ${why}; check that cert and key belong together`, {
      code: 'invalid-argument',
      cause: error,
    });
  }
}

function endpointOf(address: ListenAddress, server: Server, secure: boolean): string {
  if (address.kind === 'unix') return `${secure ? 'unixs' : 'unix'}://${address.path}`;
  const { port } = server.address() as AddressInfo; // a listening TCP server has one
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${secure ? 'https' : 'http'}://${host}:${port}`;
}

function cannotListen(address: ListenAddress, error: NodeJS.ErrnoException): EtcdError {
  const where = address.kind === 'unix' ? `unix socket ${address.path}` : `${address.host}:${address.port}`;
  const hints: Readonly<Partial<Record<string, string>>> = {
    EADDRINUSE:
      address.kind === 'unix'
        ? 'something is at that path already'
        : 'the port is in use; give another, or 0 for any free one',
    EACCES: 'this user may not listen there',
    EADDRNOTAVAIL: 'the host is no address of this machine',
    ENOTFOUND: 'the host is no address of this machine',
    ENOENT: 'the directory of the socket does not exist',
    ENOTDIR: 'the directory of the socket is no directory',
    EINVAL: address.kind === 'unix' ? 'the path is too long for a socket' : 'it is no address to listen on',
  };
  // libuv says EACCES where the directory of a unix socket is missing.
  const isMissing = address.kind === 'unix' && error.code === 'EACCES' && !existsSync(dirname(address.path));
  const code = isMissing ? 'ENOENT' : (error.code ?? 'unknown error');
  const hint = hints[code] ?? 'see the cause';
  return new EtcdError(`EmbeddedEtcd cannot listen on ${where} (${code}): ${hint}`, {
    code: 'connect-failed',
    cause: error,
  });
}
