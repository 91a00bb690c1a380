/**
 * Finds out that a peer has gone silent: sends a PING some time after the last one was answered and tells when an answer
 * does not come. Owns two timers, at most one of them armed. Any thread. Knows no sockets: they are passed in.
 *
 * Runs only while streams are open, since etcd takes PINGs on idle connections for abuse (`too_many_pings`).
 */

import type { GuardedTimers } from '../wire/guarded-timers.js';

/** What the watched connection offers. */
export interface PingPort {
  /** Sends a PING; calls back when it was answered (true) or will never be. */
  ping(answered: (acknowledged: boolean) => void): void;
  /** Bytes received so far. */
  bytesReceived(): number;
  /** The peer is taken for dead. */
  onSilent(): void;
}

/** How often a late answer is waited for again because other bytes did come: a burst may stand in front of it. */
const EXTENSIONS = 2;

export class PingLiveness {
  readonly #port: PingPort;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #timers: GuardedTimers;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  /** Counts starts and PINGs, so that an answer that belongs to an earlier one is told apart. */
  #round = 0;

  constructor(port: PingPort, intervalMs: number, timeoutMs: number, timers: GuardedTimers) {
    this.#timers = timers;
    this.#port = port;
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
  }

  /** The first stream was opened. */
  start(): void {
    this.stop();
    this.#timer = this.#timers.setTimeout(() => this.#ping(), this.#intervalMs);
  }

  /** The last stream has ended, or the connection has. Idempotent. */
  stop(): void {
    this.#round += 1;
    this.#timers.clear(this.#timer);
    this.#timers.clearImmediate(this.#immediate);
  }

  #ping(): void {
    const round = (this.#round += 1);
    this.#wait(this.#port.bytesReceived(), EXTENSIONS);
    this.#port.ping((acknowledged) => {
      if (acknowledged && round === this.#round) this.start();
    });
  }

  #wait(bytesBefore: number, extensions: number): void {
    this.#timer = this.#timers.setTimeout(() => {
      // After a blocked event loop timers run before sockets are read: let the answer that is already here be read first.
      this.#immediate = this.#timers.setImmediate(() => {
        const bytesNow = this.#port.bytesReceived();
        if (bytesNow !== bytesBefore && extensions > 0) this.#wait(bytesNow, extensions - 1);
        else this.#port.onSilent();
      });
    }, this.#timeoutMs);
  }
}
