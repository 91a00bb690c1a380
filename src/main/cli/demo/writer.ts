/**
 * The demo's writer: keeps transactions in flight, as many as the machine takes without queueing. In a process of its own,
 * so that the figures of the demo's main thread are those of the watching.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Etcd, Operation } from '../../index.js';
import { EtcdError } from '../../../wire/errors.js';
import { del, put } from '../../index.js';
import { NO_NUMBER } from './ledger.js';
import { demoKey, stampedValue, type FromWriter, type WriterStart } from './messages.js';

const REPORT_INTERVAL_MS = 50;
const ADAPT_INTERVAL_MS = 200;
const MOST_IN_FLIGHT = 64;
/** More of them means that a queue grows somewhere. */
const SLOW_TXN_MS = 25;
const BRISK_TXN_MS = 10;
/** Events that may be on their way to the reader. */
const MOST_UNSEEN = 10_000;
const RETRY_PAUSE_MS = 50;
/** One write in so many is a delete. */
const DELETE_EVERY = 16;

export class Writer {
  readonly #etcd: Etcd;
  readonly #start: WriterStart;
  readonly #send: (message: FromWriter) => void;
  /** Keys that no transaction is writing: each key has at most one write under way, so its answers come in order. */
  readonly #free: number[];
  readonly #exists: Uint8Array;
  #limit = 2;
  #inFlight = 0;
  #number = 0;
  #written = 0;
  #seen = 0;
  #refused = 0;
  #lastError: string | undefined;
  #isStopped = false;
  #txns = 0;
  #txnMs = 0;
  #rows: number[] = [];
  #wake: () => void = () => undefined;

  constructor(etcd: Etcd, start: WriterStart, send: (message: FromWriter) => void) {
    this.#etcd = etcd;
    this.#start = start;
    this.#send = send;
    const keys = start.ranges * start.keysPerRange;
    this.#free = Array.from({ length: keys }, (_, index) => spread(index, keys));
    this.#exists = new Uint8Array(keys);
  }

  seen(count: number): void {
    this.#seen = count;
    this.#wake();
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake();
  }

  /** Writes until it is stopped and everything under way is answered. */
  async run(): Promise<void> {
    const reporting = setInterval(() => this.#report(), REPORT_INTERVAL_MS);
    const adapting = setInterval(() => this.#adapt(), ADAPT_INTERVAL_MS);
    while (!this.#isStopped || this.#inFlight > 0) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      while (this.#mayWrite()) void this.#write();
      await woken;
    }
    clearInterval(reporting);
    clearInterval(adapting);
    this.#report();
    this.#send({ kind: 'done', refused: this.#refused, lastError: this.#lastError });
  }

  #mayWrite(): boolean {
    if (this.#isStopped || this.#inFlight >= this.#limit) return false;
    return this.#written - this.#seen < MOST_UNSEEN && this.#free.length >= this.#start.writesPerTxn;
  }

  async #write(): Promise<void> {
    const keys = this.#free.splice(0, this.#start.writesPerTxn);
    const writes = keys.map((key) => this.#prepare(key));
    this.#inFlight += 1;
    const startMs = performance.now();
    try {
      const result = await this.#etcd.kv
        .txn()
        .then(...writes.map(({ operation }) => operation))
        .commit();
      const revision = Number(result.header.revision);
      for (const [place, { key, number }] of writes.entries()) {
        const answer = result.responses[place];
        this.#exists[key] = number === NO_NUMBER ? 0 : 1;
        // A write of unknown outcome may have deleted it before: then this delete is no event.
        if (answer?.kind === 'delete' && answer.deleted === 0n) continue;
        this.#rows.push(key, revision, number, 0);
      }
      this.#written += writes.length;
      this.#txns += 1;
      this.#txnMs += performance.now() - startMs;
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      this.#lastError = error.message;
      this.#refused += writes.length;
      if (error.outcome !== 'refused' && error.outcome !== 'not-sent') {
        for (const { key, number } of writes) {
          // A delete of what is not there would be no event: whether it is there is not known any more.
          this.#exists[key] = 0;
          this.#rows.push(key, 0, number, 1);
        }
      }
      await sleep(RETRY_PAUSE_MS);
    }
    this.#free.push(...keys);
    this.#inFlight -= 1;
    this.#wake();
  }

  #prepare(key: number): { readonly key: number; readonly number: number; readonly operation: Operation } {
    this.#number += 1;
    const name = demoKey(this.#start, key);
    // Only of keys that are there, so that each delete is one event.
    if (this.#number % DELETE_EVERY === 0 && this.#exists[key] === 1)
      return { key, number: NO_NUMBER, operation: del(name) };
    return { key, number: this.#number, operation: put(name, stampedValue(this.#number)) };
  }

  #report(): void {
    if (this.#rows.length === 0) return;
    this.#send({ kind: 'writes', rows: Float64Array.from(this.#rows) });
    this.#rows = [];
  }

  #adapt(): void {
    const meanMs = this.#txns === 0 ? Infinity : this.#txnMs / this.#txns;
    const unseen = this.#written - this.#seen;
    if (meanMs > SLOW_TXN_MS || unseen > MOST_UNSEEN / 2) this.#limit = Math.max(1, Math.floor(this.#limit * 0.7));
    else if (meanMs < BRISK_TXN_MS) this.#limit = Math.min(MOST_IN_FLIGHT, this.#limit + 1);
    this.#txns = 0;
    this.#txnMs = 0;
    this.#wake();
  }
}

/** A fixed order in which neighbours lie far apart, so that a transaction touches many ranges. */
function spread(index: number, count: number): number {
  let step = Math.max(1, Math.floor(count * 0.618));
  while (gcd(step, count) !== 1) step += 1;
  return (index * step) % count;
}

function gcd(left: number, right: number): number {
  return right === 0 ? left : gcd(right, left % right);
}
