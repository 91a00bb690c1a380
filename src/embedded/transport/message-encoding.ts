/**
 * The compression of messages, `grpc-encoding`: none, or gzip, as etcd 3.5 has it. Pure. Refusals have the texts of etcd's gRPC library.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { GrpcStatus } from '../../wire/server-errors.js';
import { RpcFailure } from '../rpc-failure.js';

/** How one call's messages are encoded, in both directions: etcd answers as it was asked. */
export type MessageEncoding = 'identity' | 'gzip';

/** The bytes of a gzip header, and of the length at its end. */
const HEADER_BYTES = 10;
const LENGTH_BYTES = 4;

/** @throws RpcFailure Unimplemented for an encoding that etcd does not have. */
export function messageEncoding(header: string | string[] | undefined): MessageEncoding | undefined {
  if (header === undefined || header === '') return undefined;
  if (header === 'identity' || header === 'gzip') return header;
  throw new RpcFailure(
    GrpcStatus.UNIMPLEMENTED,
    `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(header)}`,
  );
}

/** @throws RpcFailure for what is no gzip, and for what would be larger than allowed. */
export function decompressed(bytes: Uint8Array, maxBytes: number): Buffer {
  if (bytes.length === 0) throw notDecompressed('EOF');
  if (bytes.length < HEADER_BYTES) throw notDecompressed('unexpected EOF');
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) throw notDecompressed('gzip: invalid header');
  // The length that the message says it has comes first: nothing is unpacked for it.
  const end = bytes.subarray(bytes.length - LENGTH_BYTES);
  const announced = new DataView(end.buffer, end.byteOffset).getUint32(0, true);
  if (announced > maxBytes) throw tooLargeUnpacked(announced, maxBytes);
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLargeUnpacked(maxBytes + 1, maxBytes);
    throw notDecompressed(code === 'Z_BUF_ERROR' ? 'unexpected EOF' : whyCorrupt(error));
  }
}

export function compressed(message: Uint8Array): Buffer {
  return gzipSync(message);
}

function whyCorrupt(error: unknown): string {
  return error instanceof Error && /check/u.test(error.message) ? 'gzip: invalid checksum' : 'flate: corrupt input';
}

function notDecompressed(why: string): RpcFailure {
  return new RpcFailure(GrpcStatus.INTERNAL, `grpc: failed to decompress the received message: ${why}`);
}

function tooLargeUnpacked(length: number, maxBytes: number): RpcFailure {
  return new RpcFailure(
    GrpcStatus.RESOURCE_EXHAUSTED,
    `grpc: received message after decompression larger than max (${length} vs. ${maxBytes})`,
  );
}
