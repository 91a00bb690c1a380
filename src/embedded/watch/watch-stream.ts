/**
 * One watch stream: its watchers by id, its answers, its periodic progress. Server thread. Every answer to a request is written
 * at once, so answers come in the order of the requests, and events of a watch after the answer that it was created.
 */
import type { Clock } from '../clock.js';
import type { WatchHub } from './watch-hub.js';
import { NO_WATCH_ID, type ControlAnswer, type WatchResponseEncoder } from './response-encoder.js';
import { Watcher, type WatchOutlet, type WatchSpec } from './watcher.js';

/** What may wait unsent before the watchers of a stream fall back to the history. */
const BACKLOG_LIMIT_BYTES = 1024 * 1024;
/** Answers to requests are never left out: beyond so much unsent the requests have to wait. */
const PAUSE_BYTES = 8 * BACKLOG_LIMIT_BYTES;
/** etcd spreads progress over a tenth of the interval. */
const PROGRESS_JITTER = 0.1;

/** The call of the stream. */
export interface WatchSink {
  /** False: the client takes less than it is sent; `drained()` is called when all has left. The message is taken all the same. */
  write(message: Uint8Array): boolean;
  /** No more requests until `resume()`. */
  pause(): void;
  resume(): void;
}

export interface WatchStreamParts {
  readonly hub: WatchHub;
  readonly encoder: WatchResponseEncoder;
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly progressIntervalMs: number;
}

const EMPTY_RANGE = 'mvcc: watcher range is empty';
const DUPLICATE_ID = 'mvcc: duplicate watch ID provided on the WatchStream';

export class WatchStream implements WatchOutlet {
  readonly parked: Set<Watcher> = new Set<Watcher>();
  readonly #parts: WatchStreamParts;
  readonly #sink: WatchSink;
  readonly #watchers = new Map<bigint, Watcher>();
  readonly #openedMs: number;
  readonly #progressIntervalMs: number;
  #nextId = 0n;
  /** Since the last time that all had left. */
  #backlogBytes = 0;
  #flowing = true;
  #cancelTick: (() => void) | undefined;

  constructor(parts: WatchStreamParts, sink: WatchSink) {
    this.#parts = parts;
    this.#sink = sink;
    this.#openedMs = parts.clock.nowMs();
    this.#progressIntervalMs = parts.progressIntervalMs * (1 + parts.random() * PROGRESS_JITTER);
  }

  get writable(): boolean {
    return this.#flowing || this.#backlogBytes < BACKLOG_LIMIT_BYTES;
  }

  write(message: Uint8Array): void {
    this.#flowing = this.#sink.write(message) && this.#flowing;
    if (this.#flowing) return;
    if (this.#backlogBytes < PAUSE_BYTES && this.#backlogBytes + message.length >= PAUSE_BYTES) this.#sink.pause();
    this.#backlogBytes += message.length;
  }

  /** What was written has left. */
  drained(): void {
    this.#flowing = true;
    if (this.#backlogBytes >= PAUSE_BYTES) this.#sink.resume();
    this.#backlogBytes = 0;
    this.#parts.hub.resume(this);
  }

  /** @param id 0n: the stream draws one. Any other number is taken as it is, negative ones too. */
  create(id: bigint, spec: WatchSpec): void {
    const { span } = spec;
    if (span.kind === 'range' && span.to !== undefined && span.from >= span.to) {
      this.refuse(EMPTY_RANGE);
      return;
    }
    if (id !== 0n && this.#watchers.has(id)) {
      this.refuse(DUPLICATE_ID);
      return;
    }
    const watcher = new Watcher(id === 0n ? this.#drawId() : id, spec, this);
    this.#watchers.set(watcher.id, watcher);
    this.#answer(watcher.id, { created: true });
    this.#parts.hub.add(watcher);
    if (spec.progressNotify) this.#scheduleTick();
  }

  /** Answers a request to create with "created, and canceled at once", as etcd does. */
  refuse(reason: string): void {
    this.#answer(NO_WATCH_ID, { created: true, canceled: true, cancelReason: reason });
  }

  /** Ignored where there is no such watch. */
  cancel(id: bigint): void {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined) return;
    this.#parts.hub.remove(watcher);
    this.#watchers.delete(id);
    this.#answer(id, { canceled: true });
  }

  /** Answered only when every watcher of the stream is synced, and there is one: otherwise etcd stays silent. */
  requestProgress(): void {
    const { hub, encoder } = this.#parts;
    hub.flush();
    if (this.#watchers.size === 0 || !this.writable) return;
    for (const { state } of this.#watchers.values()) if (state !== 'synced') return;
    this.write(encoder.progress(hub.revision));
  }

  /** The call is over. */
  closed(): void {
    this.#cancelTick?.();
    for (const watcher of this.#watchers.values()) this.#parts.hub.forget(watcher);
    this.#watchers.clear();
  }

  #answer(id: bigint, answer: ControlAnswer): void {
    const { encoder, hub } = this.#parts;
    this.write(encoder.control(hub.revision, id, answer));
  }

  #drawId(): bigint {
    while (this.#watchers.has(this.#nextId)) this.#nextId += 1n;
    const drawn = this.#nextId;
    this.#nextId += 1n;
    return drawn;
  }

  /** Ticks count from the opening of the stream; there are none while no watcher wants to know. */
  #scheduleTick(): void {
    if (this.#cancelTick !== undefined) return;
    const { clock } = this.#parts;
    const sinceMs = clock.nowMs() - this.#openedMs;
    const delayMs = this.#progressIntervalMs - (sinceMs % this.#progressIntervalMs);
    this.#cancelTick = clock.setTimer(delayMs, () => {
      this.#cancelTick = undefined;
      if (this.#tick()) this.#scheduleTick();
    });
  }

  /** Gives false when nobody wants to know any more. */
  #tick(): boolean {
    const { hub, encoder } = this.#parts;
    hub.flush();
    let wanted = false;
    for (const watcher of this.#watchers.values()) {
      if (watcher.progressDue === undefined) continue;
      wanted = true;
      if (watcher.progressDue && watcher.state === 'synced' && this.writable) {
        this.write(encoder.progress(hub.revision, watcher.idField));
      }
      watcher.progressDue = true;
    }
    return wanted;
  }
}
