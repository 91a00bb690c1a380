/**
 * `watcher.progress()` on the shard's side: asks on the watch's stream until the server answers or the time is up, because
 * etcd ignores a request silently while any watch of that stream is behind.
 */
import type { ShardReport } from '../../wire/contract.js';
import { EtcdError, errorToPlain } from '../../wire/errors.js';
import type { GuardedTimers } from '../../wire/guarded-timers.js';
import type { WatchEntry } from './watch-entry.js';
import type { WatchLanes } from './watch-lanes.js';

const RETRY_MS = 1000;

interface Pending {
  readonly requestId: number;
  readonly entry: WatchEntry;
  readonly retry: NodeJS.Timeout;
  readonly deadline: NodeJS.Timeout;
}

export interface ProgressRequestsOptions {
  readonly timers: GuardedTimers;
  /** Sends behind everything that was delivered before. */
  readonly postInOrder: (report: ShardReport) => void;
  /** Asks once, if the watch is on a stream that can be asked; the error says that asking is no use. */
  readonly ask: (entry: WatchEntry) => EtcdError | undefined;
}

export class ProgressRequests {
  readonly #options: ProgressRequestsOptions;
  /** By watch: thousands may end at once, each with a question. */
  readonly #pending = new Map<WatchEntry, Set<Pending>>();

  constructor(options: ProgressRequestsOptions) {
    this.#options = options;
  }

  start(requestId: number, entry: WatchEntry, timeoutMs: number): void {
    const { timers } = this.#options;
    const pending: Pending = {
      requestId,
      entry,
      retry: timers.setInterval(() => {
        this.#ask(pending);
      }, RETRY_MS),
      deadline: timers.setTimeout(() => {
        this.#finish(pending, 0, timedOut(timeoutMs));
      }, timeoutMs),
    };
    const others = this.#pending.get(entry);
    if (others === undefined) this.#pending.set(entry, new Set([pending]));
    else others.add(pending);
    this.#ask(pending);
  }

  /** Refuses a request for a watch that is not there. */
  refuse(requestId: number, error: EtcdError): void {
    this.#options.postInOrder({ kind: 'progress', requestId, revision: 0, error: errorToPlain(error) });
  }

  /** Every watch that `includes` tells has come to `revision`. */
  reached(revision: number, includes: (entry: WatchEntry) => boolean): void {
    for (const entry of this.#pending.keys()) if (includes(entry)) this.watchReached(entry, revision);
  }

  watchReached(entry: WatchEntry, revision: number): void {
    for (const pending of this.#pending.get(entry) ?? []) this.#finish(pending, revision, undefined);
  }

  watchEnded(entry: WatchEntry): void {
    const asked = this.#pending.get(entry);
    if (asked === undefined) return;
    const error = new EtcdError('the watch ended before it could tell its progress', { code: 'closed' });
    for (const pending of asked) this.#finish(pending, 0, error);
  }

  close(): void {
    for (const asked of this.#pending.values()) {
      for (const { retry, deadline } of asked) {
        this.#options.timers.clear(retry);
        this.#options.timers.clear(deadline);
      }
    }
    this.#pending.clear();
  }

  #ask(pending: Pending): void {
    const error = this.#options.ask(pending.entry);
    if (error !== undefined) this.#finish(pending, 0, error);
  }

  #finish(pending: Pending, revision: number, error: EtcdError | undefined): void {
    const asked = this.#pending.get(pending.entry);
    if (asked?.delete(pending) !== true) return;
    if (asked.size === 0) this.#pending.delete(pending.entry);
    this.#options.timers.clear(pending.retry);
    this.#options.timers.clear(pending.deadline);
    this.#options.postInOrder({
      kind: 'progress',
      requestId: pending.requestId,
      revision,
      error: error && errorToPlain(error),
    });
  }
}

function timedOut(timeoutMs: number): EtcdError {
  return new EtcdError(
    `the server did not tell the progress of this watch within timeoutMs (${String(timeoutMs)}); ` +
      'etcd ignores the question while a watch of the same stream is behind',
    { code: 'timeout', retryable: true },
  );
}

/** Asks once on the live stream, if the watch is on it; the error says that asking is no use. */
export function askStream(entry: WatchEntry, lanes: WatchLanes): EtcdError | undefined {
  const { state } = entry;
  if (state.at !== 'active') return undefined;
  const lane = lanes.ofStream(state.on.stream);
  const stream = lane?.stream;
  if (lane === undefined || stream === undefined || stream !== state.on.stream) return undefined;
  const refused = (why: string): EtcdError =>
    new EtcdError(why, { code: 'unimplemented', endpoint: stream.connection.endpoint.text });
  if (stream.serial) {
    return refused(
      'this server gives watch ids of its own, as a grpc-proxy does, and answers no progress requests: use progressNotify',
    );
  }
  if (lane !== lanes.live) return undefined;
  if (!lane.trustsProgress) {
    return refused(
      'this server answers progress requests out of order with events: use progressNotify, or etcd 3.4.25, 3.5.8 or later',
    );
  }
  stream.requestProgress();
  return undefined;
}
