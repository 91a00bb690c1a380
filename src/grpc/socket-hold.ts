/**
 * Stops and starts the reading of a socket below an HTTP/2 session. Any thread.
 *
 * The session takes bytes from the socket's handle, past the socket, so `socket.pause()` does nothing to it. (With `onread` it
 * does; but the session itself stops and starts its handle around writes, and the socket takes being started already for a
 * fatal error.) Where a version of node has another handle, nothing is held, which costs speed only.
 */
import type { Socket } from 'node:net';

/** Of node's stream handles: numbers are error codes, harmless here: reading already, not yet connected, or closed. */
interface ReadHandle {
  readStop(): number;
  readStart(): number;
}

function readHandle(socket: Socket): ReadHandle | undefined {
  const { _handle: handle } = socket as Socket & { readonly _handle?: Partial<ReadHandle> | null };
  const canHold = typeof handle?.readStop === 'function' && typeof handle.readStart === 'function';
  return canHold ? (handle as ReadHandle) : undefined;
}

/** What arrives stays in the kernel until {@link releaseSocket} is called. */
export function holdSocket(socket: Socket): void {
  readHandle(socket)?.readStop();
}

export function releaseSocket(socket: Socket): void {
  readHandle(socket)?.readStart();
}
