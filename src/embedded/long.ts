/**
 * 64-bit fields of the generated code's messages: revisions as numbers (they stay far below 2^53), ids as bigints. Pure.
 */
import { longFromBigint } from '../wire/int64.js';
import type { etcdserverpb as rpc } from '../generated/etcd.js';

/** The form in which the generated code gives and takes 64 bits. */
export type Long = rpc.RangeRequest['limit'];

/** A non-negative safe integer as a field. */
export function longFromNumber(value: number): Long {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- the writer reads low and high only
  return { low: value | 0, high: Math.floor(value / 2 ** 32), unsigned: false } as Long;
}

/** An id as a field. */
export function longFromId(value: bigint, unsigned = false): Long {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- the writer reads low and high only
  return longFromBigint(value, unsigned) as Long;
}

/** A field as a number. What is beyond 2^53 loses its last digits, which no comparison with a revision can tell. */
export function numberFromLong(value: Long): number {
  return value.high * 2 ** 32 + (value.low >>> 0);
}
