/**
 * Cuts a byte stream into gRPC messages (1 byte flag, 4 bytes length, big-endian, then the message), wherever the peer
 * and the network split it. Any thread. Does no I/O and knows no HTTP/2: the chunks come from a stream, the
 * messages go to a sink.
 *
 * A message that lies inside one chunk is handed out in place. One that spans chunks is kept as the list of those
 * chunks and joined once, when its last byte is there: memory follows the bytes received, never the length announced.
 */
import { EtcdError } from '../wire/errors.js';

const PREFIX_BYTES = 5;

/** Where messages go. `buffer` is lent for the duration of the call. */
export interface MessageSink {
  onMessage(buffer: Uint8Array, start: number, end: number): void;
}

/** One direction of one gRPC stream. After it threw, or after `halt()` was not taken back, it is of no more use. */
export class FrameSplitter {
  readonly #sink: MessageSink;
  readonly #maxMessageBytes: number;
  readonly #endpoint: string;
  /** A prefix of which some bytes are still to come; `#prefixBytes` of them are there. */
  readonly #prefix: Uint8Array = new Uint8Array(PREFIX_BYTES);
  #prefixBytes = 0;
  /** Parts of a message that spans chunks, and how many of its bytes are still to come (0: no message is open). */
  #parts: Uint8Array[] = [];
  #missingBytes = 0;
  #halted = false;

  /** `endpoint` is only for error messages. */
  constructor(sink: MessageSink, maxMessageBytes: number, endpoint: string) {
    this.#sink = sink;
    this.#maxMessageBytes = maxMessageBytes;
    this.#endpoint = endpoint;
  }

  /**
   * Takes the next bytes of the stream and hands out every message completed by them. Returns how many bytes it took:
   * fewer than given only when the sink called {@link halt}; the rest is to be pushed again after {@link unhalt}.
   * Throws what the sink throws, and an {@link EtcdError} for a frame that is not allowed.
   */
  push(chunk: Uint8Array): number {
    // The common case first: nothing left over from before, and the chunk is exactly one message.
    if (this.#prefixBytes === 0 && this.#missingBytes === 0 && chunk.length >= PREFIX_BYTES) {
      const length = this.#lengthAt(chunk, 0);
      if (PREFIX_BYTES + length === chunk.length) {
        this.#sink.onMessage(chunk, PREFIX_BYTES, chunk.length);
        return chunk.length;
      }
    }
    return this.#split(chunk);
  }

  /** Called from inside the sink: no further message is handed out until {@link unhalt}. */
  halt(): void {
    this.#halted = true;
  }

  unhalt(): void {
    this.#halted = false;
  }

  /** The stream has ended: the error of ending inside a message, if it did. */
  end(): EtcdError | undefined {
    if (this.#prefixBytes === 0 && this.#missingBytes === 0) return undefined;
    const missing = this.#missingBytes === 0 ? 'its length prefix' : `its last ${String(this.#missingBytes)} bytes`;
    return new EtcdError(`${this.#endpoint} ended a stream inside a message: ${missing} never came`, {
      code: 'malformed-response',
      endpoint: this.#endpoint,
    });
  }

  #split(chunk: Uint8Array): number {
    let at = this.#finishOpenMessage(chunk);
    while (at < chunk.length && !this.#halted) {
      const left = chunk.length - at;
      if (this.#prefixBytes > 0 || left < PREFIX_BYTES) {
        at = this.#collectPrefix(chunk, at);
        continue;
      }
      const length = this.#lengthAt(chunk, at);
      at = this.#message(chunk, at + PREFIX_BYTES, length);
    }
    return at;
  }

  /** Adds to the message that spans chunks; returns where in `chunk` it ends. */
  #finishOpenMessage(chunk: Uint8Array): number {
    if (this.#missingBytes === 0) return 0;
    if (chunk.length < this.#missingBytes) {
      this.#parts.push(chunk);
      this.#missingBytes -= chunk.length;
      return chunk.length;
    }
    const taken = this.#missingBytes;
    const parts = this.#parts;
    parts.push(taken === chunk.length ? chunk : chunk.subarray(0, taken));
    this.#parts = [];
    this.#missingBytes = 0;
    const message = Buffer.concat(parts);
    this.#sink.onMessage(message, 0, message.length);
    return taken;
  }

  #collectPrefix(chunk: Uint8Array, at: number): number {
    let next = at;
    while (next < chunk.length && this.#prefixBytes < PREFIX_BYTES) {
      this.#prefix[this.#prefixBytes++] = chunk[next++] ?? 0;
    }
    if (this.#prefixBytes < PREFIX_BYTES) return next;
    this.#prefixBytes = 0;
    return this.#message(chunk, next, this.#lengthAt(this.#prefix, 0));
  }

  /** Hands out the message of `length` bytes that begins at `start`, or begins to collect it; returns where it ends. */
  #message(chunk: Uint8Array, start: number, length: number): number {
    const end = start + length;
    if (end <= chunk.length) {
      this.#sink.onMessage(chunk, start, end);
      return end;
    }
    if (start < chunk.length) this.#parts.push(chunk.subarray(start));
    this.#missingBytes = end - chunk.length;
    return chunk.length;
  }

  /** Reads and checks the prefix at `at`. */
  #lengthAt(bytes: Uint8Array, at: number): number {
    if (bytes[at] !== 0) throw this.#badFlag(bytes[at] ?? 0);
    const length =
      (bytes[at + 1] ?? 0) * 0x1000000 +
      (((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0));
    if (length > this.#maxMessageBytes) throw this.#tooLarge(length);
    return length;
  }

  #badFlag(flag: number): EtcdError {
    const what =
      flag === 1
        ? 'sent a compressed message although none was asked for: switch compression off there'
        : `sent a frame that is not gRPC (flag ${String(flag)}): is this etcd's client port?`;
    return new EtcdError(`${this.#endpoint} ${what}`, { code: 'protocol-error', endpoint: this.#endpoint });
  }

  #tooLarge(length: number): EtcdError {
    return new EtcdError(
      `${this.#endpoint} sent a message of ${String(length)} bytes; maxMessageBytes is ${String(this.#maxMessageBytes)}`,
      { code: 'message-too-large', grpcStatus: 8, endpoint: this.#endpoint },
    );
  }
}
