/** What the demo and its helper processes say to each other. Types only; every message is made by this package. */
import type { ConnectOptions } from '../../index.js';

/** The keys of the demo: range i holds `<prefix>r<i>/a`, `…/b`, and so on. */
export interface DemoKeys {
  readonly prefix: string;
  readonly ranges: number;
  readonly keysPerRange: number;
}

export interface WriterStart extends DemoKeys {
  readonly kind: 'start';
  readonly connect: Pick<ConnectOptions, 'endpoints' | 'tls' | 'auth' | 'connectTimeoutMs' | 'requestTimeoutMs'>;
  /** Writes in one transaction. */
  readonly writesPerTxn: number;
}

export type ToWriter =
  | WriterStart
  /** How many events have arrived: the writer stays near. */
  | { readonly kind: 'seen'; readonly count: number }
  | { readonly kind: 'stop' };

export type FromWriter =
  | { readonly kind: 'ready' }
  /** Four numbers a write, in the order of each key's revisions: key, revision, number, and 1 where the outcome is unknown. */
  | { readonly kind: 'writes'; readonly rows: Float64Array }
  | { readonly kind: 'done'; readonly refused: number; readonly lastError: string | undefined }
  | { readonly kind: 'failed'; readonly message: string };

/** The range with this index, as a prefix. */
export function rangePrefix({ prefix }: DemoKeys, range: number): string {
  return `${prefix}r${String(range)}/`;
}

/** The key with this index over all ranges. */
export function demoKey(keys: DemoKeys, index: number): string {
  const range = Math.floor(index / keys.keysPerRange);
  return rangePrefix(keys, range) + String.fromCharCode(FIRST_KEY + (index % keys.keysPerRange));
}

/** The index over all ranges of an event's key, from its range and its last byte. */
export function demoKeyIndex({ keysPerRange }: DemoKeys, range: number, key: Uint8Array): number {
  return range * keysPerRange + (key[key.length - 1] ?? 0) - FIRST_KEY;
}

const FIRST_KEY = 'a'.charCodeAt(0);

/** A value: the microsecond of its put on the clock that all processes share, and its number. */
export function stampedValue(number: number): Uint8Array {
  const value = Buffer.alloc(16);
  value.writeDoubleLE(nowUs(), 0);
  value.writeDoubleLE(number, 8);
  return value;
}

export function readStamp(value: Uint8Array): { readonly sentUs: number; readonly number: number } {
  if (value.byteLength !== 16) return { sentUs: Number.NaN, number: Number.NaN };
  const buffer = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return { sentUs: buffer.readDoubleLE(0), number: buffer.readDoubleLE(8) };
}

/** Monotonic, and the same for all processes of the machine. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
