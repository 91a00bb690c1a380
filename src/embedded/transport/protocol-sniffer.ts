/** Which of the two protocols a connection speaks: one port serves both, as etcd's does. Server thread. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

export type WireProtocol = 'http1' | 'http2';

/** What an HTTP/2 client begins with, as far as no method of HTTP/1 does. */
const PREFACE = Buffer.from('PRI');

/**
 * Calls back once, when the connection's first bytes (or, over TLS, its handshake) have told. The bytes are still to be read then. A
 * connection that ends first is nobody's.
 */
export function sniffProtocol(socket: Socket, decided: (protocol: WireProtocol) => void): void {
  const negotiated = socket instanceof TLSSocket ? socket.alpnProtocol : null;
  if (negotiated === 'h2') decided('http2');
  else if (negotiated === 'http/1.1') decided('http1');
  else readPreface(socket, decided);
}

function readPreface(socket: Socket, decided: (protocol: WireProtocol) => void): void {
  let seen = Buffer.alloc(0);
  const take = (): void => {
    for (let chunk: Buffer | null; (chunk = socket.read() as Buffer | null) !== null;)
      seen = Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, PREFACE.length);
    const isLike = seen.subarray(0, length).equals(PREFACE.subarray(0, length));
    if (isLike && length < PREFACE.length) return;
    socket.off('readable', take);
    socket.unshift(seen);
    decided(isLike ? 'http2' : 'http1');
  };
  socket.on('readable', take);
}
