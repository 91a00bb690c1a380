/** A store, a watch server over it, and streams whose answers are decoded by the tests' own codec. */
import { expect } from 'vitest';
import { ManualClock } from '../../../../src/embedded/clock.js';
import { KvStore } from '../../../../src/embedded/store/kv-store.js';
import { keySpan } from '../../../../src/embedded/store/key-span.js';
import { WatchServer } from '../../../../src/embedded/watch/watch-server.js';
import type { WatchStream } from '../../../../src/embedded/watch/watch-stream.js';
import { decodeWatchResponse, type RawWatchResponse } from '../../../support/raw-watch.js';

export interface WatchAsk {
  readonly id?: bigint;
  readonly key?: string;
  readonly end?: string;
  readonly start?: number;
  readonly noPut?: boolean;
  readonly noDelete?: boolean;
  readonly prevKv?: boolean;
  readonly fragment?: boolean;
  readonly progress?: boolean;
}

export interface RigOptions {
  readonly fragmentBytes?: number;
  readonly progressIntervalMs?: number;
}

export class WatchRig {
  readonly store: KvStore = new KvStore();
  readonly clock: ManualClock = new ManualClock();
  readonly server: WatchServer;
  readonly #deferred: (() => void)[] = [];

  constructor(options: RigOptions = {}) {
    this.server = new WatchServer({
      store: this.store,
      identity: { clusterId: 2n ** 63n + 5n, memberId: 7n, raftTerm: 2 },
      clock: this.clock,
      random: () => 0,
      defer: (run) => this.#deferred.push(run),
      ...options,
    });
  }

  /** Ends the turn, and all turns that it brings about. */
  settle(): void {
    for (let turns = 0; this.#deferred.length > 0; turns += 1) {
      expect(turns, 'turns until nothing is left to do').toBeLessThan(10_000);
      this.turn();
    }
  }

  turn(): void {
    for (const run of this.#deferred.splice(0)) run();
  }

  put(key: string, value = 'v', lease = 0n): number {
    return this.store.write((writer) => {
      writer.put(Buffer.from(key), Buffer.from(value), lease);
      return writer.revision;
    });
  }

  delete(key: string): void {
    this.store.write((writer) => writer.delete({ kind: 'key', key }));
  }

  stream(): RigStream {
    return new RigStream(this);
  }
}

export class RigStream {
  readonly #rig: WatchRig;
  readonly stream: WatchStream;
  #answers: RawWatchResponse[] = [];
  readonly raw: Uint8Array[] = [];
  /** What the client has not read, while it does not read. */
  unreadBytes = 0;
  reading = true;
  /** Its requests are not read. */
  paused = false;

  constructor(rig: WatchRig) {
    this.#rig = rig;
    this.stream = rig.server.open({
      write: (message) => {
        this.raw.push(message);
        this.#answers.push(decodeWatchResponse(message));
        if (!this.reading) this.unreadBytes += message.length;
        return this.reading;
      },
      pause: () => {
        this.paused = true;
      },
      resume: () => {
        this.paused = false;
      },
    });
  }

  create(ask: WatchAsk): void {
    const { id = 0n, key = 'k', end = '', start = 0 } = ask;
    this.stream.create(id, {
      span: keySpan(Buffer.from(key), Buffer.from(end)),
      startRevision: start,
      noPut: ask.noPut ?? false,
      noDelete: ask.noDelete ?? false,
      prevKv: ask.prevKv ?? false,
      fragment: ask.fragment ?? false,
      progressNotify: ask.progress ?? false,
    });
  }

  /** The client reads what waits, and goes on reading. */
  read(): void {
    this.reading = true;
    this.unreadBytes = 0;
    this.stream.drained();
  }

  close(): void {
    this.#rig.server.forget(this.stream);
  }

  /** All answers since the last call, after the end of the turn. */
  answers(): RawWatchResponse[] {
    this.#rig.settle();
    return this.taken();
  }

  /** Without ending the turn. */
  taken(): RawWatchResponse[] {
    return this.#answers.splice(0);
  }

  lines(): string[] {
    return this.answers().map(line);
  }
}

/** An answer in one line, such as `0 @5: put a@4 del b@5` or `-1 @3 created canceled "reason"`. */
export function line(answer: RawWatchResponse): string {
  const marks = [
    ...(answer.created ? ['created'] : []),
    ...(answer.canceled ? ['canceled'] : []),
    ...(answer.fragment ? ['fragment'] : []),
    ...(answer.compactRevision === 0n ? [] : [`compacted ${String(answer.compactRevision)}`]),
    ...(answer.cancelReason === '' ? [] : [`"${answer.cancelReason}"`]),
    ...answer.events.map(
      ({ type, key, modRevision }) => `${type} ${Buffer.from(key).toString()}@${String(modRevision)}`,
    ),
  ];
  return [`${String(answer.watchId)} @${String(answer.headerRevision)}`, ...marks].join(' ');
}
