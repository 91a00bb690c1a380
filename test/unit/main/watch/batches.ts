/** Batches as a shard would send them, from plain descriptions; and links that only record. For tests of the main side. */
import { EVENT_DELETE, EVENT_PUT, HEAP_START, NO_PREV } from '../../../../src/wire/event-batch.js';
import { openBatch } from '../../../../src/wire/open-batch.js';
import { sealBatch } from '../../../../src/wire/seal-batch.js';
import type { EventBatchData, PrevColumns } from '../../../../src/wire/event-batch.js';
import type { ShardCommand, WatchCommand } from '../../../../src/wire/contract.js';
import type { WatchLink } from '../../../../src/main/watch/watch-router.js';

export interface EventPlan {
  readonly revision: number;
  readonly key?: string;
  readonly value?: string;
  readonly type?: 'put' | 'delete';
  readonly createRevision?: number;
  readonly version?: number;
  readonly lease?: bigint;
  readonly prev?: string;
}

export type SegmentPlan =
  | { readonly watch: number; readonly events: readonly EventPlan[]; readonly revision?: number }
  | { readonly watch: number; readonly progress: number };

/** The bytes of a batch, as they come over the port. */
export function batchBytes(segments: readonly SegmentPlan[]): Uint8Array {
  const rows = segments.flatMap((segment) => ('events' in segment ? segment.events : []));
  const pieces: Buffer[] = [];
  let heapLength = 0;
  const append = (text: string): [start: number, length: number] => {
    const bytes = Buffer.from(text);
    pieces.push(bytes);
    heapLength += bytes.length;
    return [heapLength - bytes.length, bytes.length];
  };
  const keys = rows.map((row) => append(row.key ?? 'key'));
  const values = rows.map((row) => append(row.value ?? ''));
  const previous = rows.map((row) => (row.prev === undefined ? [NO_PREV, 0] : append(row.prev)));
  const buffer = new Uint8Array(HEAP_START + heapLength);
  buffer.set(Buffer.concat(pieces), HEAP_START);
  const starts = (column: readonly (readonly number[])[]): Uint32Array =>
    Uint32Array.from(column, ([start = 0]) => start);
  const lengths = (column: readonly (readonly number[])[]): Uint32Array =>
    Uint32Array.from(column, ([, length = 0]) => length);
  const zeros = new Float64Array(rows.length);
  const prev: PrevColumns = {
    valueStart: starts(previous),
    valueLength: lengths(previous),
    modRevision: Float64Array.from(rows, (row) => row.revision - 1),
    createRevision: zeros.fill(1),
    version: zeros,
    lease: new BigInt64Array(rows.length),
  };
  return sealBatch(buffer, buffer.length, {
    segmentCount: segments.length,
    eventCount: rows.length,
    segmentWatch: Uint32Array.from(segments, (segment) => segment.watch),
    segmentEvents: Uint32Array.from(segments, (segment) => ('events' in segment ? segment.events.length : 0)),
    segmentRevision: Float64Array.from(segments, (segment) =>
      'progress' in segment ? segment.progress : (segment.revision ?? segment.events.at(-1)?.revision ?? 0),
    ),
    segmentFlags: Uint8Array.from(segments, (segment) => ('progress' in segment ? 1 : 0)),
    type: Uint8Array.from(rows, (row) => (row.type === 'delete' ? EVENT_DELETE : EVENT_PUT)),
    keyStart: starts(keys),
    keyLength: lengths(keys),
    valueStart: starts(values),
    valueLength: lengths(values),
    modRevision: Float64Array.from(rows, (row) => row.revision),
    createRevision: Float64Array.from(rows, (row) => row.createRevision ?? row.revision),
    version: Float64Array.from(rows, (row) => row.version ?? 1),
    lease: rows.some((row) => row.lease !== undefined) ? BigInt64Array.from(rows, (row) => row.lease ?? 0n) : undefined,
    prev: rows.some((row) => row.prev !== undefined) ? prev : undefined,
  });
}

export function batchOf(...segments: SegmentPlan[]): EventBatchData {
  return openBatch(batchBytes(segments));
}

/** One put for each of the revisions. */
export function puts(watch: number, ...revisions: number[]): SegmentPlan {
  return { watch, events: revisions.map((revision) => ({ revision, value: `v${String(revision)}` })) };
}

/** A link to nowhere. */
export class RecordingLink implements WatchLink {
  readonly sent: ShardCommand[] = [];

  send(command: WatchCommand): void {
    this.sent.push(command);
  }

  /** The commands of one kind, taken out. */
  take<Kind extends ShardCommand['kind']>(kind: Kind): Extract<ShardCommand, { readonly kind: Kind }>[] {
    const taken = this.sent.filter((command) => command.kind === kind);
    this.sent.splice(0, this.sent.length, ...this.sent.filter((command) => command.kind !== kind));
    return taken as Extract<ShardCommand, { readonly kind: Kind }>[]; // just filtered
  }

  /** Watch numbers of all commands of a kind. */
  watchesOf(kind: 'unwatch' | 'detach' | 'attach'): number[] {
    return this.take(kind).flatMap((command) => [...command.watches]);
  }
}

/** Lets microtasks run, those that they start included. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
