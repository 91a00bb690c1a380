/**
 * 64-bit integers: bigint inside and in public types, protobufjs's Long at its boundary. Pure.
 */
import { describeValue, invalidOption, type OptionRule } from './arguments.js';

export const INT64_MIN: bigint = -(2n ** 63n);
export const INT64_MAX: bigint = 2n ** 63n - 1n;

/** The largest revision that is worked with: a double holds it and the one after it exactly. No etcd comes near it. */
export const MAX_REVISION: number = Number.MAX_SAFE_INTEGER - 1;

/** The longest TTL that etcd grants, in seconds. */
export const MAX_TTL_SECONDS = 9_000_000_000;

/** The two halves of a 64-bit integer, as protobufjs (with or without the package `long`) reads and writes them. */
export interface LongBits {
  readonly low: number;
  readonly high: number;
  readonly unsigned: boolean;
}

/** A 64-bit field as protobufjs decodes it: a Long, a number where Long is not there, nothing where it is absent. */
export type DecodedInt64 = number | LongBits | null | undefined;

/** The bigint of a decoded field; an absent one is 0n, as in proto3. */
export function bigintFromLong(value: DecodedInt64): bigint {
  if (value === null || value === undefined) return 0n;
  if (typeof value === 'number') return BigInt(value);
  // Most revisions, versions and counts fit 32 bits: one conversion instead of three operations on bigints.
  if (value.high === 0) return BigInt(value.low >>> 0);
  const high = BigInt(value.unsigned ? value.high >>> 0 : value.high | 0);
  return (high << 32n) | BigInt(value.low >>> 0);
}

/** The halves of a bigint, for protobufjs's writer. The value must be in range. */
export function longFromBigint(value: bigint, unsigned = false): LongBits {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned };
}

/**
 * Checks a 64-bit option.
 *
 * @param name the option's name, for the message.
 * @param min the smallest value allowed.
 * @throws EtcdError `invalid-argument`, telling name and range.
 */
export function requireInt64(value: unknown, name: string, min: bigint = INT64_MIN): bigint {
  if (typeof value === 'bigint' && value >= min && value <= INT64_MAX) return value;
  const got = typeof value === 'bigint' ? 'a bigint out of range' : describeValue(value);
  throw invalidOption(`${name} must be a bigint from ${String(min)}n to ${String(INT64_MAX)}n, not ${got}`);
}

/** A bigint from `min` to the largest int64. */
export function int64Rule(min: bigint): OptionRule {
  return (value, name) => void requireInt64(value, name, min);
}
