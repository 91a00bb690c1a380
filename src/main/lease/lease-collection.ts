/** Many leases granted by one call. Main thread; holds columns, not objects. */
import { functionRule, integerRule } from '../../wire/arguments.js';
import { defineInspect, inspectFields, jsonForm } from '../../wire/text-form.js';
import type { Lease } from './lease.js';
import { revokeLimit, type RevokeOptions } from './lease-options.js';
import type { LeaseEndListener, LeaseRows } from './lease-rows.js';

/**
 * The leases of one `grantMany`: as light as an array of ids until a single lease is asked for. Iterating makes the objects
 * of all of them.
 */
export class LeaseCollection implements Iterable<Lease> {
  /** Leases granted; those that have ended since count too. */
  readonly size: number;
  readonly #rows: LeaseRows;

  /** Made by the lease service. @internal */
  constructor(rows: LeaseRows) {
    this.#rows = rows;
    this.size = rows.count;
  }

  /** The lease at a position from 0; the same object each time. @throws EtcdError `invalid-argument` for any other position. */
  at(index: number): Lease {
    return this.#rows.handle(this.#checked(index, 'at'));
  }

  /** The id at a position, without making a lease object. @throws as {@link at}. */
  leaseIdAt(index: number): bigint {
    return this.#rows.leaseId(this.#checked(index, 'leaseIdAt'));
  }

  /** Whether the lease at a position is held, without making a lease object. @throws as {@link at}. */
  isAliveAt(index: number): boolean {
    return this.#rows.isAlive(this.#checked(index, 'isAliveAt'));
  }

  /** How many are held at this moment. */
  get aliveCount(): number {
    let count = 0;
    for (let row = 0; row < this.size; row += 1) if (this.#rows.isAlive(row)) count += 1;
    return count;
  }

  /** Milliseconds that the most urgent of the leases held has left; `undefined` where none is held. */
  get shortestRemainingMs(): number | undefined {
    let shortestMs: number | undefined;
    for (let row = 0; row < this.size; row += 1) {
      if (!this.#rows.isAlive(row)) continue;
      const remainingMs = this.#rows.remainingMs(row);
      if (shortestMs === undefined || remainingMs < shortestMs) shortestMs = remainingMs;
    }
    return shortestMs;
  }

  /**
   * Calls back with the one end of each lease from now on, until the function it gives is called. What a listener throws is an
   * uncaught exception of the process, in a later turn.
   */
  onEnded(listener: LeaseEndListener): () => void {
    functionRule(listener, 'onEnded: listener');
    return this.#rows.onEnd(listener);
  }

  /**
   * Revokes all that live, pipelined, and those that have ended here and may be left on the server. What becomes of those that
   * could not be revoked: see `lease.revoke()`.
   *
   * @throws as `lease.revoke()`, with the first failure, after all were tried.
   */
  async revoke(options: RevokeOptions = {}): Promise<void> {
    await this.#rows.revoke(this.#all(), revokeLimit(options, this.size));
  }

  /** Stops renewing all that live; they run out on the server. */
  release(): void {
    this.#rows.release(this.#all());
  }

  toJSON(): Record<string, unknown> {
    const { size, aliveCount } = this;
    return jsonForm({ size, aliveCount, leases: Array.from({ length: size }, (_, index) => this.leaseIdAt(index)) });
  }

  toString(): string {
    return JSON.stringify(this);
  }

  static {
    defineInspect<LeaseCollection>(LeaseCollection.prototype, function (options) {
      const { size, aliveCount, shortestRemainingMs } = this;
      return inspectFields('LeaseCollection', { size, aliveCount, shortestRemainingMs }, options);
    });
  }

  *[Symbol.iterator](): Iterator<Lease> {
    for (let index = 0; index < this.size; index += 1) yield this.at(index);
  }

  /** Revokes those that have not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    const rows = this.#all().filter((row) => !this.#rows.isOver(row));
    await this.#rows.revoke(rows, revokeLimit({}, rows.length));
  }

  #checked(index: number, what: string): number {
    integerRule(0, this.size - 1)(index, `${what}: index`);
    return index;
  }

  #all(): number[] {
    return Array.from({ length: this.size }, (_, row) => row);
  }
}
