/** Everything that the bench, its clients and its writer tell each other over the IPC channels of their processes. Types only. */
import type { Figures } from './figures.js';

/** The clients under comparison; each is a file in clients/ or a way to use one. */
export const CLIENTS = [
  'etcd3',
  'raw-grpc',
  'vigil',
  'vigil-iterator',
  'vigil-grpc-js',
  'vigil-inline',
  'vigil-inline-iterator',
] as const;
export type ClientName = (typeof CLIENTS)[number];

/** Which ranges are watched: `watchers` times the whole prefix, or one key each, `prefix` and its number. */
export interface WatchPlan {
  readonly kind: 'prefix' | 'keys';
  readonly prefix: string;
  readonly watchers: number;
  /** Inclusive, in decimal; undefined is «from now on». */
  readonly startRevision: string | undefined;
}

/** What a client process is to do; sent once. */
export type ClientTask =
  | {
      readonly kind: 'watch';
      readonly client: ClientName;
      readonly endpoint: string;
      readonly plan: WatchPlan;
      /** Take each event's put-to-event time from the stamp in its value. */
      readonly latency: boolean;
      /** Set: measured from the first create to this many events, instead of from `start` on. */
      readonly replayEvents: number | undefined;
    }
  | {
      readonly kind: 'lease';
      readonly client: ClientName;
      readonly endpoint: string;
      readonly leases: number;
      readonly ttlSeconds: number;
      readonly windowSeconds: number;
    };

export type ToClient =
  | { readonly kind: 'task'; readonly task: ClientTask }
  /** The figures begin now; `events` ends them. */
  | { readonly kind: 'start'; readonly events: number }
  /** The client may close and leave. */
  | { readonly kind: 'leave' };

export interface Latency {
  readonly samples: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export type FromClient =
  /** All watches have been confirmed by the server; what that took. */
  | { readonly kind: 'created'; readonly figures: Figures }
  | { readonly kind: 'started' }
  | {
      readonly kind: 'received';
      readonly figures: Figures;
      /** Counted some time after the last event, so that doubled events show. */
      readonly events: number;
      readonly lastRevision: number;
      readonly peakRssMiB: number;
      readonly latency: Latency | undefined;
    }
  | { readonly kind: 'granted'; readonly figures: Figures; readonly granted: number }
  | {
      readonly kind: 'kept';
      readonly figures: Figures;
      readonly keepAlives: number;
      /** Leases that the client reported as lost. */
      readonly lost: number;
      readonly rssMiB: number;
      readonly peakRssMiB: number;
    }
  | { readonly kind: 'failed'; readonly message: string };

/** A load: puts to `keys` keys in turn, each a revision of its own. */
export interface WriterTask {
  readonly address: string;
  readonly prefix: string;
  readonly keys: number;
  readonly writes: number;
  readonly concurrency: number;
  readonly valueBytes: number;
  /** 0: as fast as it goes. */
  readonly writesPerSecond: number;
}

export type ToWriter = { readonly kind: 'task'; readonly task: WriterTask } | { readonly kind: 'go' };

export interface WriterReport {
  readonly writes: number;
  readonly firstRevision: number;
  readonly lastRevision: number;
  /** CLOCK_MONOTONIC of the first write. */
  readonly startNs: string;
  readonly wallMs: number;
}

export type FromWriter =
  | { readonly kind: 'connected' }
  | { readonly kind: 'written'; readonly report: WriterReport }
  | { readonly kind: 'failed'; readonly message: string };
