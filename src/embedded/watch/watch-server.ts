/**
 * All watch streams of the server: opens them over one hub. Server thread.
 */
import type { Clock } from '../clock.js';
import type { ServerIdentity } from '../response-header.js';
import type { KvStore } from '../store/kv-store.js';
import { WatchResponseEncoder } from './response-encoder.js';
import { WatchHub } from './watch-hub.js';
import { WatchStream, type WatchSink, type WatchStreamParts } from './watch-stream.js';

/** etcd's default. */
export const DEFAULT_PROGRESS_INTERVAL_MS = 600_000;
/** etcd raises a shorter interval to this. */
export const MIN_PROGRESS_INTERVAL_MS = 100;

export interface WatchServerOptions {
  readonly store: KvStore;
  readonly identity: ServerIdentity;
  readonly clock: Clock;
  /** Default {@link DEFAULT_PROGRESS_INTERVAL_MS}, at least {@link MIN_PROGRESS_INTERVAL_MS}. */
  readonly progressIntervalMs?: number | undefined;
  /** Where a response with fragments is split; for tests. Default: etcd's. */
  readonly fragmentBytes?: number | undefined;
  /** Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Default `setImmediate`. */
  readonly defer?: ((run: () => void) => void) | undefined;
}

export class WatchServer {
  readonly #parts: WatchStreamParts;
  readonly #streams = new Set<WatchStream>();

  constructor(options: WatchServerOptions) {
    const encoder = new WatchResponseEncoder(options.identity, options.fragmentBytes);
    const { progressIntervalMs = DEFAULT_PROGRESS_INTERVAL_MS, random = Math.random, defer } = options;
    const hub = new WatchHub({ store: options.store, encoder, ...(defer === undefined ? {} : { defer }) });
    this.#parts = {
      hub,
      encoder,
      clock: options.clock,
      random,
      progressIntervalMs: Math.max(progressIntervalMs, MIN_PROGRESS_INTERVAL_MS),
    };
  }

  /** `closed()` of the stream must be called when its call is over. */
  open(sink: WatchSink): WatchStream {
    const stream = new WatchStream(this.#parts, sink);
    this.#streams.add(stream);
    return stream;
  }

  forget(stream: WatchStream): void {
    stream.closed();
    this.#streams.delete(stream);
  }

  /** Nothing is delivered any more. The streams end with their connections, as in etcd when it stops. */
  close(): void {
    for (const stream of this.#streams) stream.closed();
    this.#streams.clear();
    this.#parts.hub.close();
  }
}
