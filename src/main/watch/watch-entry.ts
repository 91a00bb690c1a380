/**
 * What main knows of one watch: its number, its place, how far it has come, and who gets its events. Main thread. Plain
 * state: the router moves `next` and sends commands, its owner (an outlet) decides about lag, pause and end.
 */
import { LatePromise } from '../late-promise.js';
import type { WatchNumber } from '../../wire/contract.js';
import type { BatchSlice } from './batch-slice.js';
import type { WatchEnd } from './watch-end.js';
import type { WatchRequest } from './watch-request.js';
import type { EtcdError } from '../../wire/errors.js';

/** A part of a batch, whose segments belong to watches of main. */
export type WatchSlice = BatchSlice<WatchEntry>;

/** Takes what comes for its watches, in order. */
export interface SegmentSink {
  /** Numbers of the segments of the batch being sorted that are this sink's; empty between batches. Only the router uses it. */
  readonly sorting: number[];
  deliver(slice: WatchSlice): void;
  /** The watch has ended by itself, after everything that was delivered of it. */
  watchEnded(entry: WatchEntry, error: EtcdError): void;
}

export class WatchEntry {
  readonly watch: WatchNumber;
  readonly shard: number;
  readonly watchId: bigint;
  readonly request: WatchRequest;
  /** Who gets the next segments: its owner, or a hold while it is paused. */
  sink: SegmentSink;
  /** First revision not yet received; 0 until the watch was created without a start. What a new shard resumes from. */
  next: number;
  /** `next` when the watch was created: nothing was delivered while both are equal. */
  first: number;
  /** The server has confirmed it. */
  created = false;
  /** The shard has been told of it. */
  sent = false;
  /** Cancelled by its owner: what of it still waits is not shown. */
  dropped = false;
  /** Detached because its owner is over budget. */
  lagging = false;
  /** Detached because its owner asked. */
  paused = false;
  /** Whether the shard was told to detach it. */
  detached = false;
  readonly ready: LatePromise<{ readonly startRevision: bigint }> = new LatePromise();
  readonly ended: LatePromise<WatchEnd> = new LatePromise();

  constructor(watch: WatchNumber, shard: number, watchId: bigint, request: WatchRequest, sink: SegmentSink) {
    this.watch = watch;
    this.shard = shard;
    this.watchId = watchId;
    this.request = request;
    this.sink = sink;
    this.next = request.startRevision;
    this.first = request.startRevision;
  }

  /** Everything up to it was received; undefined when nothing was. */
  get lastReceived(): number | undefined {
    return this.next > this.first ? this.next - 1 : undefined;
  }
}
