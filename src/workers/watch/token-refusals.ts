/**
 * Watches whose creation was refused for their token. etcd judges each creation by the token that its stream was opened with, so
 * another token needs another stream: the refused wait for it, what was created before stays and is handed over. A user's
 * missing permission is believed only after that on releases that tell a bad token so.
 */
import { backoffDelayMs } from '../../wire/backoff.js';
import { type EtcdError, toEtcdError } from '../../wire/errors.js';
import { isTokenError } from '../../wire/server-errors.js';
import type { ShardContext } from '../shard-context.js';
import type { WatchEntry } from './watch-entry.js';
import type { WatchLanes } from './watch-lanes.js';
import type { WatchStream } from './watch-stream.js';

/** A watch that was refused for so many tokens in a row is told so. They may run out within seconds, and change with every role. */
const TOKEN_LIMIT = 5;
/** A missing permission is believed when it was refused for the second one, too. */
const PERMISSION_LIMIT = 1;
/** Before a login is asked for again that could not be asked. */
const RETRY = { initialMs: 100, maxMs: 5_000 } as const;

/** What of the engine is needed here. */
export interface RefusedWatches {
  readonly lanes: WatchLanes;
  /** Takes a watch off its streams, to be placed when its time has come. */
  keepOff(entry: WatchEntry): void;
  /** Puts these on streams, if they still wait. */
  placeAll(entries: Iterable<WatchEntry>): void;
  /** It goes on where it is, until it can move. */
  willMove(entry: WatchEntry): void;
  end(entry: WatchEntry, error: EtcdError): void;
}

export class TokenRefusals {
  readonly #context: ShardContext;
  readonly #watches: RefusedWatches;
  /** Those that wait for a token, by the stream that was opened with the refused one. */
  readonly #waiting = new Map<WatchStream, Set<WatchEntry>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isClosed = false;

  constructor(context: ShardContext, watches: RefusedWatches) {
    this.#context = context;
    this.#watches = watches;
  }

  /** A creation was refused. False where that is to be believed; otherwise the watch is looked after here. */
  take(stream: WatchStream, entry: WatchEntry, error: EtcdError): boolean {
    if (!this.#isCurable(stream, entry, error)) return false;
    // Until there is another stream, a watch that is to be handed over is offered this one again.
    if (entry.refusedBy !== stream) entry.tokenRefusals += 1;
    entry.refusedBy = stream;
    if (entry.state.at === 'moving') {
      // It is offered the next stream.
      entry.enter({ at: 'active', on: entry.state.from });
      this.#mend(stream, []);
      this.#watches.willMove(entry);
    } else {
      this.#watches.keepOff(entry);
      this.#mend(stream, [entry]);
    }
    return true;
  }

  /** It waits no longer. */
  forget(entry: WatchEntry): void {
    for (const waiting of this.#waiting.values()) waiting.delete(entry);
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
    for (const timer of this.#timers) this.#context.timers.clear(timer);
  }

  #isCurable(stream: WatchStream, entry: WatchEntry, error: EtcdError): boolean {
    if (!this.#context.tokens.isUsed) return false;
    const isToken = isTokenError(error);
    const mayBeToken = error.code === 'permission-denied' && stream.confusesTokenRefusals;
    if (!isToken && !mayBeToken) return false;
    return entry.refusedBy === stream || entry.tokenRefusals < (isToken ? TOKEN_LIMIT : PERMISSION_LIMIT);
  }

  /** Gets a stream with another token in place of this one; watches that are on none until then come along. */
  #mend(stream: WatchStream, entries: readonly WatchEntry[]): void {
    const waiting = this.#waiting.get(stream);
    for (const entry of entries) waiting?.add(entry);
    if (waiting !== undefined) return;
    this.#waiting.set(stream, new Set(entries));
    this.#renew(stream, 1);
  }

  #renew(stream: WatchStream, attempt: number): void {
    const { tokens, timers } = this.#context;
    tokens.refused(stream.metadata, stream.connection).then(
      () => timers.queueMicrotask(() => this.#renewed(stream)),
      (thrown: unknown) => timers.queueMicrotask(() => this.#failed(stream, toEtcdError(thrown), attempt)),
    );
  }

  #renewed(stream: WatchStream): void {
    const { lanes } = this.#watches;
    const entries = this.#waiting.get(stream);
    this.#waiting.delete(stream);
    const lane = lanes.ofStream(stream);
    if (lane?.stream === stream) lane.renewStream();
    if (entries !== undefined) this.#watches.placeAll(entries);
  }

  #failed(stream: WatchStream, error: EtcdError, attempt: number): void {
    if (this.#isClosed) return;
    if (error.code === 'unauthenticated') {
      const entries = this.#waiting.get(stream) ?? [];
      this.#waiting.delete(stream);
      for (const entry of entries) this.#watches.end(entry, error);
      return;
    }
    const { random, timers } = this.#context;
    const timer = timers.setTimeout(
      () => {
        this.#timers.delete(timer);
        this.#renew(stream, attempt + 1);
      },
      backoffDelayMs(attempt, RETRY, random),
    );
    this.#timers.add(timer);
  }
}
