/**
 * Questions how far a watch has come, on their way to its shard. Main thread. Each has a time limit of its own here, since
 * a shard that does not run cannot keep it.
 */
import type { WatchCommand } from '../../wire/contract.js';
import { EtcdError } from '../../wire/errors.js';
import { clearTimeout, performanceNow, setTimeout } from '../../wire/timers.js';
import { abortedError, linkAbort, refuseAborted } from '../abort-link.js';
import { checkOptions, integerRule, signalRule } from '../../wire/arguments.js';
import type { WatchEntry } from './watch-entry.js';

/** Options of `progress()`. */
export interface ProgressOptions {
  /** etcd may ignore the question while it is busy; it is repeated until this has passed. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** The shard's own time limit is told better (it knows the server); this one only covers a shard that hangs. */
const GRACE_MS = 1_000;

interface Pending {
  readonly entry: WatchEntry;
  readonly deadline: number;
  readonly finish: (result: { readonly revision: number } | { readonly error: EtcdError }) => void;
}

export class ProgressRequests {
  readonly #send: (entry: WatchEntry, command: WatchCommand) => void;
  readonly #pending = new Map<number, Pending>();
  /** By watch: thousands may end at once, each with a question. */
  readonly #byWatch = new Map<WatchEntry, Set<number>>();
  #lastId = 0;

  constructor(send: (entry: WatchEntry, command: WatchCommand) => void) {
    this.#send = send;
  }

  /** @throws EtcdError `timeout`, `aborted`, `closed`, or how the watch ended. */
  async ask(entry: WatchEntry, options: ProgressOptions): Promise<bigint> {
    checkOptions<ProgressOptions>(
      options,
      { timeoutMs: integerRule(1, 2 ** 31 - 1 - GRACE_MS), signal: signalRule },
      'progress',
    );
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
    refuseAborted(signal);
    if (entry.ended.settled || entry.dropped) throw endedError();
    const requestId = (this.#lastId += 1);
    const deadline = performanceNow() + timeoutMs;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#finish(requestId, { error: timeoutError(timeoutMs) });
      }, timeoutMs + GRACE_MS);
      const unlink = linkAbort(signal, () => {
        this.#finish(requestId, { error: abortedError(signal ?? AbortSignal.abort()) });
      });
      const finish: Pending['finish'] = (result) => {
        clearTimeout(timer);
        unlink();
        if ('error' in result) reject(result.error);
        else resolve(BigInt(result.revision));
      };
      this.#pending.set(requestId, { entry, deadline, finish });
      const others = this.#byWatch.get(entry);
      if (others === undefined) this.#byWatch.set(entry, new Set([requestId]));
      else others.add(requestId);
      // The shard must know the watch before it is asked about it.
      entry.ready.promise.then(
        () => {
          if (this.#pending.has(requestId)) this.#send(entry, progressCommand(requestId, entry, deadline));
        },
        () => {
          this.#finish(requestId, { error: endedError() });
        },
      );
    });
  }

  answered(requestId: number, revision: number, error: EtcdError | undefined): void {
    this.#finish(requestId, error === undefined ? { revision } : { error });
  }

  /** The questions of a shard that is replaced, with the time that is left to each. */
  commandsOf(shard: number): WatchCommand[] {
    const commands: WatchCommand[] = [];
    for (const [requestId, { entry, deadline }] of this.#pending) {
      if (entry.shard === shard && entry.created) commands.push(progressCommand(requestId, entry, deadline));
    }
    return commands;
  }

  /** The watch is over, and its questions with it. */
  ended(entry: WatchEntry, error: EtcdError): void {
    for (const requestId of this.#byWatch.get(entry) ?? []) this.#finish(requestId, { error });
  }

  close(error: EtcdError): void {
    for (const requestId of Array.from(this.#pending.keys())) this.#finish(requestId, { error });
  }

  #finish(requestId: number, result: { readonly revision: number } | { readonly error: EtcdError }): void {
    const pending = this.#pending.get(requestId);
    if (pending === undefined) return;
    this.#pending.delete(requestId);
    const asked = this.#byWatch.get(pending.entry);
    asked?.delete(requestId);
    if (asked?.size === 0) this.#byWatch.delete(pending.entry);
    pending.finish(result);
  }
}

function progressCommand(requestId: number, entry: WatchEntry, deadline: number): WatchCommand {
  const timeoutMs = Math.max(1, Math.round(deadline - performanceNow()));
  return { kind: 'progress', requestId, watch: entry.watch, timeoutMs };
}

function timeoutError(timeoutMs: number): EtcdError {
  return new EtcdError(`the server told no progress within ${String(timeoutMs)} ms (option timeoutMs)`, {
    code: 'timeout',
    retryable: true,
  });
}

function endedError(): EtcdError {
  return new EtcdError('the watch has ended', { code: 'closed', outcome: 'not-sent' });
}
