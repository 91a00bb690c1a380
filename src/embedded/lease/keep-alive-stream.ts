/**
 * One stream of renewals. Server thread. As etcd's, it takes them strictly one after the other: a lease whose time is over holds
 * up everything behind it until it is revoked, and then the answer is a TTL of 0. The header is from before the renewal.
 */
import type { Lessor } from './lessor.js';

/** Where answers go. */
export interface KeepAliveSink {
  /** The store's revision, for the header of an answer. */
  revision(): number;
  /** @param ttlSeconds 0: there is no such lease. */
  answer(revision: number, id: bigint, ttlSeconds: number): void;
  end(): void;
}

export class KeepAliveStream {
  readonly #lessor: Lessor;
  readonly #sink: KeepAliveSink;
  readonly #waiting: bigint[] = [];
  #callOff: (() => void) | undefined;
  #halfClosed = false;

  constructor(lessor: Lessor, sink: KeepAliveSink) {
    this.#lessor = lessor;
    this.#sink = sink;
  }

  request(id: bigint): void {
    this.#waiting.push(id);
    this.#run();
  }

  /** The client sends no more: the stream ends when all is answered. */
  halfClose(): void {
    this.#halfClosed = true;
    this.#run();
  }

  /** The call is over. */
  close(): void {
    this.#callOff?.();
    this.#waiting.length = 0;
  }

  #run(): void {
    while (this.#callOff === undefined) {
      const id = this.#waiting.shift();
      if (id === undefined) {
        if (this.#halfClosed) this.#sink.end();
        return;
      }
      this.#renew(id);
    }
  }

  #renew(id: bigint): void {
    const revision = this.#sink.revision();
    const renewal = this.#lessor.renew(id);
    switch (renewal.kind) {
      case 'renewed':
        this.#sink.answer(revision, id, renewal.ttlSeconds);
        return;
      case 'unknown':
        this.#sink.answer(revision, id, 0);
        return;
      case 'expiring':
        this.#callOff = this.#lessor.whenGone(id, () => {
          this.#callOff = undefined;
          this.#sink.answer(revision, id, 0);
          this.#run();
        });
        return;
      default:
        renewal satisfies never;
    }
  }
}
