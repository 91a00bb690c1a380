/** The multi-version store behind the scripted watch server: every revision ever written, and what has been compacted. Pure. */
import { writeFields } from './raw-protobuf.js';

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly value: string;
  readonly modRevision: number;
  readonly createRevision: number;
  readonly version: number;
  readonly lease: bigint;
  readonly prev: StoreEvent | undefined;
}

export type StoreWrite =
  { readonly put: string; readonly value?: string; readonly lease?: bigint } | { readonly delete: string };

/** A half-open range of one-byte-per-character keys; no `rangeEnd` is the single key. */
export interface StoreRange {
  readonly key: string;
  readonly rangeEnd: string | undefined;
}

export class FakeWatchStore {
  readonly clusterId: bigint;
  /** As etcd, a fresh store stands at 1. */
  revision = 1;
  /** The oldest revision that can still be watched from; 0 before any compaction. */
  compactRevision = 0;
  readonly #byRevision = new Map<number, readonly StoreEvent[]>();
  readonly #current = new Map<string, StoreEvent>();

  constructor(clusterId = 0xcafe_babe_1234_5678n) {
    this.clusterId = clusterId;
  }

  /** One transaction; deletes of keys that are not there do nothing. Returns the store's revision afterwards. */
  write(...writes: readonly StoreWrite[]): number {
    const modRevision = this.revision + 1;
    const events = writes.flatMap((write) => this.#event(write, modRevision) ?? []);
    if (events.length === 0) return this.revision;
    for (const event of events) {
      if (event.type === 'put') this.#current.set(event.key, event);
      else this.#current.delete(event.key);
    }
    this.#byRevision.set(modRevision, events);
    this.revision = modRevision;
    return modRevision;
  }

  compact(revision: number): void {
    this.compactRevision = Math.max(this.compactRevision, Math.min(revision, this.revision));
  }

  /** What one revision changed in a range. */
  at(revision: number, range: StoreRange): StoreEvent[] {
    return (this.#byRevision.get(revision) ?? []).filter(({ key }) => isInRange(key, range));
  }

  /** The history of a range, both ends inclusive, compacted or not. */
  history(range: StoreRange, first: number, last: number = this.revision): StoreEvent[] {
    const events: StoreEvent[] = [];
    for (let revision = first; revision <= last; revision += 1) events.push(...this.at(revision, range));
    return events;
  }

  keys(): string[] {
    return [...this.#current.keys()];
  }

  #event(write: StoreWrite, modRevision: number): StoreEvent | undefined {
    if ('put' in write) {
      const prev = this.#current.get(write.put);
      return {
        type: 'put',
        key: write.put,
        value: write.value ?? `v${String(modRevision)}`,
        modRevision,
        createRevision: prev?.createRevision ?? modRevision,
        version: (prev?.version ?? 0) + 1,
        lease: write.lease ?? 0n,
        prev,
      };
    }
    const prev = this.#current.get(write.delete);
    if (prev === undefined) return undefined;
    const { delete: key } = write;
    return { type: 'delete', key, value: '', modRevision, createRevision: 0, version: 0, lease: 0n, prev };
  }
}

export function isInRange(key: string, { key: first, rangeEnd }: StoreRange): boolean {
  if (rangeEnd === undefined) return key === first;
  return key >= first && (rangeEnd === '\0' || key < rangeEnd);
}

/** mvccpb.Event. */
export function encodeEvent(event: StoreEvent, withPrev: boolean): Uint8Array {
  const prev = withPrev && event.prev !== undefined ? keyValue(event.prev) : undefined;
  return writeFields([
    [1, event.type === 'delete'],
    [2, keyValue(event)],
    [3, prev],
  ]);
}

function keyValue({ key, createRevision, modRevision, version, value, lease }: StoreEvent): Uint8Array {
  return writeFields([
    [1, Buffer.from(key, 'latin1')],
    [2, createRevision],
    [3, modRevision],
    [4, version],
    [5, value === '' ? undefined : value],
    [6, lease],
  ]);
}

/** All of etcdserverpb.WatchResponse. */
export interface WatchAnswer {
  readonly id: number;
  readonly revision: number | bigint;
  readonly clusterId?: bigint;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number | bigint;
  readonly cancelReason?: string;
  readonly fragment?: boolean;
  readonly events?: readonly Uint8Array[];
}

export function encodeWatchAnswer(answer: WatchAnswer): Uint8Array {
  const header = writeFields([
    [1, answer.clusterId ?? 1n],
    [2, 1n],
    [3, answer.revision],
    [4, 2n],
  ]);
  return writeFields([
    [1, header],
    [2, answer.id],
    [3, answer.created],
    [4, answer.canceled],
    [5, answer.compactRevision],
    [6, answer.cancelReason === '' ? undefined : answer.cancelReason],
    [7, answer.fragment],
    ...(answer.events ?? []).map((event) => [11, event] as const),
  ]);
}
