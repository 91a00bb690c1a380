/**
 * How a call's outcome is written into HTTP/2 headers. Pure.
 */
import { GrpcStatus } from '../../wire/server-errors.js';
import { RpcFailure } from '../rpc-failure.js';
import type { MessageEncoding } from './message-encoding.js';

/** The trailers of a call that was answered. */
export const OK_TRAILERS: Readonly<Record<string, string>> = { 'grpc-status': '0' };

/** The headers that an answer begins with. */
export const ANSWER_HEADERS: Readonly<Record<string, string | number>> = {
  ':status': 200,
  'content-type': 'application/grpc',
};

/** {@link ANSWER_HEADERS} of a call whose answers are encoded. */
export function answerHeaders(encoding: MessageEncoding | undefined): Readonly<Record<string, string | number>> {
  return encoding === 'gzip' ? { ...ANSWER_HEADERS, 'grpc-encoding': encoding } : ANSWER_HEADERS;
}

/** The trailers of a refused call. */
export function failureTrailers({ status, message }: RpcFailure): Record<string, string> {
  return { 'grpc-status': String(status), 'grpc-message': percentEncoded(message) };
}

/** What the client is told of anything that a handler threw: a defect is Internal, and never ends the server. */
export function failureOf(thrown: unknown): RpcFailure {
  if (thrown instanceof RpcFailure) return thrown;
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new RpcFailure(GrpcStatus.INTERNAL, `embedded etcd: ${why}`);
}

/** gRPC's form of a message: UTF-8, with everything but printable ASCII (and the percent sign) as %XX. */
function percentEncoded(text: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/u.test(text)) return text;
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
