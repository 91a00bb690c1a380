/**
 * Commands as they cross the port. All but one are sent as they are; `watch` is packed into two typed arrays that are
 * transferred, because cloning thousands of small objects and byte arrays takes longer than creating their watches. Pure.
 */
import type { KnownRevision, ShardCommand, WatchSpec } from './contract.js';

type WatchSpecs = Extract<ShardCommand, { readonly kind: 'watch' }>;

/** {@link WatchSpec}s, five numbers each, and their keys and range ends behind each other. */
interface PackedWatches {
  readonly kind: 'packed-watch';
  readonly numbers: Float64Array;
  readonly bytes: Uint8Array;
  readonly known: KnownRevision | undefined;
}

export type PostedCommand = Exclude<ShardCommand, WatchSpecs> | PackedWatches;

const NUMBERS = 5;

const RESUMED = 1;
const PREV_KV = 2;
const NO_PUT = 4;
const NO_DELETE = 8;
const PROGRESS_NOTIFY = 16;
const FRAGMENT = 32;
const HAS_RANGE_END = 64;
const WHOLE = 128;

/**
 * What to post, and what of it to transfer.
 *
 * @param storeRestarts how many replacements of the store main has read from that shard; goes with what it knows of the store.
 */
export function packCommand(
  command: ShardCommand,
  storeRestarts?: number,
): {
  readonly posted: PostedCommand;
  readonly transfer: ArrayBuffer[];
} {
  if (command.kind !== 'watch') return { posted: command, transfer: [] };
  const { watches } = command;
  const known =
    command.known && storeRestarts !== undefined ? { ...command.known, restarts: storeRestarts } : command.known;
  const numbers = new Float64Array(watches.length * NUMBERS);
  let size = 0;
  for (const { key, rangeEnd } of watches) size += key.length + (rangeEnd?.length ?? 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  let row = 0;
  for (const spec of watches) {
    const { key, rangeEnd } = spec;
    numbers[row] = spec.watch;
    numbers[row + 1] = spec.startRevision;
    numbers[row + 2] = flagsOf(spec);
    numbers[row + 3] = key.length;
    numbers[row + 4] = rangeEnd?.length ?? 0;
    row += NUMBERS;
    bytes.set(key, at);
    at += key.length;
    if (rangeEnd === undefined) continue;
    bytes.set(rangeEnd, at);
    at += rangeEnd.length;
  }
  return { posted: { kind: 'packed-watch', numbers, bytes, known }, transfer: [numbers.buffer, bytes.buffer] };
}

/** The command again, on the shard's side. */
export function unpackCommand(posted: PostedCommand): ShardCommand {
  if (posted.kind !== 'packed-watch') return posted;
  const { numbers, bytes, known } = posted;
  const watches: WatchSpec[] = [];
  let at = 0;
  const take = (length: number): Uint8Array => bytes.slice(at, (at += length)); // copies: a watch must not keep all keys alive
  for (let row = 0; row < numbers.length; row += NUMBERS) {
    const flags = numbers[row + 2] ?? 0;
    watches.push({
      watch: numbers[row] ?? 0,
      startRevision: numbers[row + 1] ?? 0,
      key: take(numbers[row + 3] ?? 0),
      rangeEnd: (flags & HAS_RANGE_END) === 0 ? undefined : take(numbers[row + 4] ?? 0),
      resumed: (flags & RESUMED) !== 0,
      prevKv: (flags & PREV_KV) !== 0,
      noPut: (flags & NO_PUT) !== 0,
      noDelete: (flags & NO_DELETE) !== 0,
      progressNotify: (flags & PROGRESS_NOTIFY) !== 0,
      fragment: (flags & FRAGMENT) !== 0 ? true : (flags & WHOLE) !== 0 ? false : undefined,
    });
  }
  return { kind: 'watch', watches, known };
}

function flagsOf(spec: WatchSpec): number {
  return (
    (spec.resumed ? RESUMED : 0) |
    (spec.prevKv ? PREV_KV : 0) |
    (spec.noPut ? NO_PUT : 0) |
    (spec.noDelete ? NO_DELETE : 0) |
    (spec.progressNotify ? PROGRESS_NOTIFY : 0) |
    (spec.fragment === true ? FRAGMENT : 0) |
    (spec.fragment === false ? WHOLE : 0) |
    (spec.rangeEnd === undefined ? 0 : HAS_RANGE_END)
  );
}
