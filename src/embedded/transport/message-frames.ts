/**
 * gRPC's framing: a flag byte, four bytes of length, the message. Pure.
 */
import { GrpcStatus } from '../../wire/server-errors.js';
import { RpcFailure } from '../rpc-failure.js';
import { compressed, decompressed, type MessageEncoding } from './message-encoding.js';

const HEAD_BYTES = 5;

/** The frame of one message. */
export function frameOf(message: Uint8Array, encoding?: MessageEncoding): Buffer {
  const isPacked = encoding === 'gzip';
  const body = isPacked ? compressed(message) : message;
  const frame = Buffer.allocUnsafe(HEAD_BYTES + body.length);
  frame[0] = isPacked ? 1 : 0;
  frame.writeUInt32BE(body.length, 1);
  frame.set(body, HEAD_BYTES);
  return frame;
}

/** Cuts what arrives, however it was split, into messages. */
export class FrameReader {
  readonly #encoding: MessageEncoding | undefined;
  readonly #maxBytes: number;
  #held: Buffer | undefined;

  /**
   * @param encoding the call's `grpc-encoding`.
   * @param maxBytes the largest message.
   */
  constructor(encoding: MessageEncoding | undefined, maxBytes: number) {
    this.#encoding = encoding;
    this.#maxBytes = maxBytes;
  }

  /** The encoding of the call's messages, which its answers have too. */
  get encoding(): MessageEncoding | undefined {
    return this.#encoding;
  }

  /**
   * The messages that are complete now: views of the chunk where that holds them whole.
   *
   * @throws RpcFailure with the texts of etcd's gRPC library: too large, not to be decompressed, or no frame at all.
   */
  read(chunk: Buffer): Buffer[] {
    let bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = undefined;
    const messages: Buffer[] = [];
    while (bytes.length >= HEAD_BYTES) {
      const isPacked = this.#isPacked(bytes[0] ?? 0);
      const length = bytes.readUInt32BE(1);
      if (length > this.#maxBytes) throw tooLarge(length, this.#maxBytes);
      if (bytes.length < HEAD_BYTES + length) break;
      const body = bytes.subarray(HEAD_BYTES, HEAD_BYTES + length);
      messages.push(isPacked ? decompressed(body, this.#maxBytes) : body);
      bytes = bytes.subarray(HEAD_BYTES + length);
    }
    if (bytes.length > 0) this.#held = bytes;
    return messages;
  }

  #isPacked(flag: number): boolean {
    if (flag === 0) return false;
    if (flag !== 1) throw new RpcFailure(GrpcStatus.INTERNAL, `grpc: received unexpected payload format ${flag}`);
    if (this.#encoding === undefined || this.#encoding === 'identity')
      throw new RpcFailure(GrpcStatus.INTERNAL, 'grpc: compressed flag set with identity or empty encoding');
    return true;
  }
}

function tooLarge(length: number, maxBytes: number): RpcFailure {
  return new RpcFailure(
    GrpcStatus.RESOURCE_EXHAUSTED,
    `grpc: received message larger than max (${length} vs. ${maxBytes})`,
  );
}
