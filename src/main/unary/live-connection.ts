/**
 * One connection to a member, with what is known of it: the calls that run on it and whether it still answers. Main thread.
 * Ends the connection itself only once it has been retired and its last call is over.
 */
import type { EtcdError } from '../../wire/errors.js';
import type { GrpcConnection } from '../../grpc/grpc-connection.js';
import type { Timers } from '../../member/timers.js';
import { MemberLife } from './member-life.js';

/** Asked to see whether a member answers: one key that nobody has, from what the member itself holds; needs no quorum. */
const QUESTION_PATH = '/etcdserverpb.KV/Range';
/** A RangeRequest: key `\0`, serializable, count_only. */
const QUESTION: Uint8Array = Uint8Array.of(0x0a, 0x01, 0x00, 0x38, 0x01, 0x48, 0x01);

export class LiveConnection {
  readonly connection: GrpcConnection;
  readonly life: MemberLife;
  readonly #onServed: () => void;
  #calls = 0;
  #hasServed = false;
  #isRetired = false;

  /** @param onServed the first answer has come. */
  constructor(connection: GrpcConnection, timers: Timers, now: () => number, onServed: () => void) {
    this.connection = connection;
    this.life = new MemberLife((timeoutMs) => this.#question(timeoutMs), timers, now);
    this.#onServed = onServed;
  }

  /** Whether it has brought an answer. */
  get hasServed(): boolean {
    return this.#hasServed;
  }

  /** A call leaves on it. */
  began(): void {
    this.#calls += 1;
    this.life.sent();
  }

  /** A call is over, or given up. To be called once for each that began. */
  ended(): void {
    this.#calls -= 1;
    if (this.#isRetired && this.#calls === 0) this.connection.close();
  }

  /** Something came back. */
  answered(): void {
    this.life.answered();
    if (this.#hasServed) return;
    this.#hasServed = true;
    this.#onServed();
  }

  /** No new call is made on it. */
  retire(): void {
    this.#isRetired = true;
    if (this.#calls === 0) this.connection.close();
  }

  /** Every answer is a sign of life, a refusal as well. */
  #question(timeoutMs: number): Promise<boolean> {
    return this.connection.unary(QUESTION_PATH, QUESTION, { timeoutMs }).then(
      () => true,
      (error: unknown) => (error as Partial<EtcdError>).code !== 'timeout',
    );
  }
}
