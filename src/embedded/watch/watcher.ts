/**
 * One watch as the hub keeps it. Server thread; pure data.
 */
import { ProtoWriter } from '../../wire/proto-writer.js';
import type { KeySpan } from '../store/key-span.js';

/** What a client asks for. */
export interface WatchSpec {
  readonly span: KeySpan;
  /** The first revision; 0 is "from now on". */
  readonly startRevision: number;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  /** Large answers may be split. */
  readonly fragment: boolean;
  readonly progressNotify: boolean;
}

/** The stream of a watcher, as the hub sees it. */
export interface WatchOutlet {
  /** False while the client takes less than it is sent: nothing more may be made for it then. */
  readonly writable: boolean;
  /** Watchers that wait until it is writable again. */
  readonly parked: Set<Watcher>;
  write(message: Uint8Array): void;
}

/**
 * Where a watcher stands. `synced`: gets events as they happen. `unsynced`: behind, fed from the history. `compacted`: its
 * revision is gone and the client was told; it stays, as in etcd, until it is cancelled.
 */
export type WatcherState = 'synced' | 'unsynced' | 'compacted';

/** Watchers of the same variant on the same span get the same events. */
export const VARIANTS = 8;
export const NO_PUT = 1;
export const NO_DELETE = 2;
export const PREV_KV = 4;

/** Field 2 of a WatchResponse. */
const WATCH_ID_FIELD = 2;

export class Watcher {
  readonly id: bigint;
  /** The id as a field of an answer. */
  readonly idField: Uint8Array;
  readonly span: KeySpan;
  /** NO_PUT, NO_DELETE and PREV_KV. */
  readonly variant: number;
  readonly fragment: boolean;
  readonly outlet: WatchOutlet;
  /** The first revision that it has not been given. */
  minRevision: number;
  state: WatcherState = 'synced';
  /** Whether the next tick tells its progress; undefined where nobody asked for that. */
  progressDue: boolean | undefined;

  constructor(id: bigint, spec: WatchSpec, outlet: WatchOutlet) {
    this.id = id;
    this.idField = watchIdField(id);
    this.span = spec.span;
    this.variant = (spec.noPut ? NO_PUT : 0) | (spec.noDelete ? NO_DELETE : 0) | (spec.prevKv ? PREV_KV : 0);
    this.fragment = spec.fragment;
    this.outlet = outlet;
    this.minRevision = spec.startRevision;
    this.progressDue = spec.progressNotify ? true : undefined;
  }
}

/** A watch id as a field of an answer; nothing for 0, as in proto3. */
export function watchIdField(id: bigint): Uint8Array {
  const writer = new ProtoWriter(12);
  writer.int64Field(WATCH_ID_FIELD, id);
  return writer.take();
}
