/**
 * One LeaseKeepAlive stream: collects renewals, sends them with one write, matches the answers, and measures how long the
 * server needs for one. Owns the stream; knows no lease and no timer.
 */
import { EtcdError } from '../../wire/errors.js';
import type { GrpcConnection, GrpcStream, Metadata } from '../../grpc/grpc-connection.js';
import { KeepAliveReader, MAX_REQUEST_BYTES, writeKeepAlive } from './keep-alive-codec.js';
import { LEASE_KEEP_ALIVE_PATH } from './lease-messages.js';
import { SentRenewals, type SentRenewal } from './sent-renewals.js';

/** What a stream tells its owner. Nothing is told after {@link KeepAliveStream.cancel}. */
export interface KeepAliveStreamHandlers {
  /** `sent` is lent for the call. */
  onAnswer(stream: KeepAliveStream, sent: SentRenewal, ttlSeconds: number): void;
  onEnd(stream: KeepAliveStream, error: EtcdError): void;
}

/** What a stream is for: everybody's renewals, or a few leases apart so that they cannot harm others. */
export type StreamRole = 'shared' | 'apart';

const reader = new KeepAliveReader();
const answered: SentRenewal = { slot: 0, generation: 0, sentMs: 0 };

export class KeepAliveStream {
  readonly role: StreamRole;
  /** What it was opened with: the server judges renewals by it. */
  readonly metadata: Metadata;
  /** When something was last answered, or the stream was opened. */
  lastAnswerMs: number;
  readonly #clock: () => number;
  readonly #stream: GrpcStream;
  readonly #sent = new SentRenewals();
  #out: Uint8Array = new Uint8Array(0);
  #outEnd = 0;
  #burstStartMs = 0;
  #busyMs = 0;
  #wasBehind = false;

  constructor(
    connection: GrpcConnection,
    role: StreamRole,
    metadata: Metadata,
    clock: () => number,
    handlers: KeepAliveStreamHandlers,
  ) {
    this.role = role;
    this.metadata = metadata;
    this.#clock = clock;
    this.lastAnswerMs = clock();
    this.#stream = connection.openStream(
      LEASE_KEEP_ALIVE_PATH,
      {
        onMessage: (buffer, start, end) => {
          reader.read(buffer, start, end);
          if (!this.#sent.take(reader.low, reader.high, answered)) return;
          this.#measure();
          handlers.onAnswer(this, answered, reader.ttlSeconds);
        },
        onEnd: (error) => {
          handlers.onEnd(this, error ?? streamEnded(connection.endpoint.text));
        },
      },
      metadata,
    );
  }

  get unanswered(): number {
    return this.#sent.unanswered;
  }

  /** Adds a renewal to the next {@link flush}. */
  add(slot: number, generation: number, low: number, high: number, nowMs: number): void {
    if (this.#outEnd + MAX_REQUEST_BYTES > this.#out.length) {
      const larger = new Uint8Array(Math.max(16 * MAX_REQUEST_BYTES, 2 * this.#out.length));
      larger.set(this.#out.subarray(0, this.#outEnd));
      this.#out = larger;
    }
    if (this.#sent.unanswered === 0) this.#burstStartMs = 0;
    else if (this.#outEnd === 0) this.#wasBehind = true;
    this.#outEnd = writeKeepAlive(this.#out, this.#outEnd, low, high);
    this.#sent.add(slot, generation, low, high, nowMs);
  }

  /** One write for everything added. */
  flush(): void {
    if (this.#outEnd === 0) return;
    const framed = this.#out.subarray(0, this.#outEnd);
    // The bytes belong to the stream once written; the next batch gets a buffer of the same size.
    this.#out = new Uint8Array(this.#outEnd);
    this.#outEnd = 0;
    this.#stream.write(framed);
  }

  /**
   * How long the server has been at work on this stream since the last call: from the first answer of a burst to its last,
   * so that the way there and back does not count. Nothing where each batch was answered before the next one: then it is
   * fast enough, however busy.
   */
  takeBusyMs(): number {
    const busyMs = this.#wasBehind ? this.#busyMs : 0;
    this.#busyMs = 0;
    this.#wasBehind = false;
    return busyMs;
  }

  /** Takes out what is not answered, oldest first. */
  drain(): SentRenewal[] {
    return this.#sent.drain();
  }

  /** Resets the stream. Idempotent. */
  cancel(): void {
    this.#stream.cancel();
  }

  #measure(): void {
    const nowMs = this.#clock();
    if (this.#burstStartMs !== 0) this.#busyMs += nowMs - this.lastAnswerMs;
    this.#burstStartMs = nowMs;
    this.lastAnswerMs = nowMs;
  }
}

function streamEnded(endpoint: string): EtcdError {
  return new EtcdError(`${endpoint} ended a stream of renewals`, { code: 'unavailable', endpoint });
}
