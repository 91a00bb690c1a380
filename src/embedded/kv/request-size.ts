/**
 * The limit of what one write may be. Pure.
 */
import { failure } from '../rpc-failure.js';

/** etcd's default of `--max-request-bytes`. */
export const MAX_REQUEST_BYTES: number = 1.5 * 1024 * 1024;

/** etcd measures what it writes to its log: the request within a frame of about so many bytes. */
const FRAME_BYTES = 20;

/** @throws RpcFailure `request is too large`. */
export function checkRequestSize(requestBytes: number): void {
  if (requestBytes + FRAME_BYTES > MAX_REQUEST_BYTES) throw failure('requestTooLarge');
}
