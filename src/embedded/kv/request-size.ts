/**
 * The limit of what one write may be. Pure.
 */
import { failure } from '../rpc-failure.js';

/** etcd measures what it writes to its log: the request within a frame of about so many bytes. */
const FRAME_BYTES = 20;

/** @throws RpcFailure `request is too large`. */
export function checkRequestSize(requestBytes: number, maxRequestBytes: number): void {
  if (requestBytes + FRAME_BYTES > maxRequestBytes) throw failure('requestTooLarge');
}
