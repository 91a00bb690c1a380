/**
 * gRPC's framing: a flag byte, four bytes of length, the message. Pure.
 */
import { GrpcStatus } from '../../wire/server-errors.js';
import { RpcFailure } from '../rpc-failure.js';

const HEAD_BYTES = 5;

/** The frame of one message. */
export function frameOf(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEAD_BYTES);
  return frame;
}

/** Cuts what arrives, however it was split, into messages. */
export class FrameReader {
  readonly #encoding: string | undefined;
  readonly #maxBytes: number;
  #held: Buffer | undefined;

  /**
   * @param encoding the call's `grpc-encoding`.
   * @param maxBytes the largest message.
   */
  constructor(encoding: string | undefined, maxBytes: number) {
    this.#encoding = encoding;
    this.#maxBytes = maxBytes;
  }

  /** Whether a message has begun and not ended. */
  get isInside(): boolean {
    return this.#held !== undefined;
  }

  /**
   * The messages that are complete now: views of the chunk where that holds them whole.
   *
   * @throws RpcFailure with the texts of etcd's gRPC library: too large, compressed, or no frame at all.
   */
  read(chunk: Buffer): Buffer[] {
    let bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = undefined;
    const messages: Buffer[] = [];
    while (bytes.length >= HEAD_BYTES) {
      this.#checkFlag(bytes[0] ?? 0);
      const length = bytes.readUInt32BE(1);
      if (length > this.#maxBytes) throw tooLarge(length, this.#maxBytes);
      if (bytes.length < HEAD_BYTES + length) break;
      messages.push(bytes.subarray(HEAD_BYTES, HEAD_BYTES + length));
      bytes = bytes.subarray(HEAD_BYTES + length);
    }
    if (bytes.length > 0) this.#held = bytes;
    return messages;
  }

  #checkFlag(flag: number): void {
    if (flag === 0) return;
    if (flag !== 1) throw new RpcFailure(GrpcStatus.INTERNAL, `grpc: received unexpected payload format ${flag}`);
    if (this.#encoding === undefined || this.#encoding === 'identity')
      throw new RpcFailure(GrpcStatus.INTERNAL, 'grpc: compressed flag set with identity or empty encoding');
    throw decompressorMissing(this.#encoding);
  }
}

function tooLarge(length: number, maxBytes: number): RpcFailure {
  return new RpcFailure(
    GrpcStatus.RESOURCE_EXHAUSTED,
    `grpc: received message larger than max (${length} vs. ${maxBytes})`,
  );
}

/** etcd's answer to a compressed request. */
export function decompressorMissing(encoding: string): RpcFailure {
  return new RpcFailure(
    GrpcStatus.UNIMPLEMENTED,
    `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(encoding)}`,
  );
}
