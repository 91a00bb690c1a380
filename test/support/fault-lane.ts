/**
 * One direction of one proxied connection: a queue between two sockets that can lose, hold, delay and slow what passes.
 * Reading stops while the queue is long, so that the proxy keeps the flow control of TCP.
 */
import type { Socket } from 'node:net';

/** Settings that all lanes of a proxy share, read at each chunk. */
export interface LaneFaults {
  readonly delayMs: number;
  /** 0: no limit. */
  readonly bytesPerSecond: number;
  /** Keep what comes, forward nothing, until released. */
  readonly held: boolean;
}

const HIGH_WATER_BYTES = 4 << 20;

export class FaultLane {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #faults: () => LaneFaults;
  readonly #queue: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
  #queuedBytes = 0;
  /** When the rate limit lets the next chunk out. */
  #freeAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #blocked = false;
  #lost = false;
  #sourceEnded = false;
  #finish: (() => void) | undefined;

  constructor(source: Socket, sink: Socket, faults: () => LaneFaults) {
    this.#source = source;
    this.#sink = sink;
    this.#faults = faults;
    sink.on('drain', () => {
      this.#blocked = false;
      this.flush();
    });
  }

  /** From now on everything is read and thrown away, for good: bytes are missing, so the connection is of no use any more. */
  lose(): void {
    this.#lost = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#source.resume();
  }

  push(bytes: Buffer): void {
    if (this.#lost || this.#finish !== undefined || bytes.length === 0) return;
    this.#queue.push({ bytes, dueMs: performance.now() + this.#faults().delayMs });
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes > HIGH_WATER_BYTES) this.#source.pause();
    this.flush();
  }

  /** The source has half-closed: so does the sink, once everything is forwarded. */
  end(): void {
    this.#sourceEnded = true;
    this.flush();
  }

  /** Nothing more is taken; `done` runs when what is queued has been handed to the kernel. */
  finish(done: () => void): void {
    this.#finish ??= done;
    this.flush();
  }

  /** Forwards what is due. Called again by itself whenever something becomes due. */
  flush(): void {
    clearTimeout(this.#timer);
    const { held, bytesPerSecond } = this.#faults();
    if (this.#lost || held) return;
    while (!this.#blocked) {
      const head = this.#queue[0];
      if (head === undefined) break;
      const now = performance.now();
      const dueMs = Math.max(head.dueMs, this.#freeAtMs);
      if (dueMs > now) {
        this.#timer = setTimeout(() => {
          this.flush();
        }, dueMs - now);
        return;
      }
      this.#queue.shift();
      this.#queuedBytes -= head.bytes.length;
      if (bytesPerSecond > 0)
        this.#freeAtMs = Math.max(now, this.#freeAtMs) + (head.bytes.length / bytesPerSecond) * 1_000;
      if (this.#sink.writable) this.#blocked = !this.#sink.write(head.bytes);
    }
    if (this.#queuedBytes <= HIGH_WATER_BYTES) this.#source.resume();
    if (this.#queue.length > 0) return;
    if (this.#finish !== undefined) {
      const done = this.#finish;
      this.#finish = () => undefined;
      // The callback of an empty write comes after all writes before it.
      if (this.#sink.writable) this.#sink.write('', done);
      else done();
    } else if (this.#sourceEnded) this.#sink.end();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }
}
