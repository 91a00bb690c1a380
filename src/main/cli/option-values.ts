/** Texts of the command line made into values; a wrong one is refused with what is allowed. Pure. */
import { InvalidArgumentError } from 'commander';

const INT64_MAX = 2n ** 63n - 1n;

/** A whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${String(min)}` : `from ${String(min)} to ${String(max)}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

/** A revision, from 1. */
export function revision(text: string): bigint {
  const value = /^\d+$/.test(text) ? BigInt(text) : 0n;
  if (value >= 1n && value <= INT64_MAX) return value;
  throw new InvalidArgumentError('It must be a revision: a whole number from 1.');
}

/** A lease id: decimal, or hexadecimal with 0x (etcdctl prints it so, without the 0x). */
export function leaseId(text: string): bigint {
  const value = /^(-?\d+|0x[0-9a-f]+)$/i.test(text) ? BigInt.asIntN(64, BigInt(text)) : 0n;
  if (value !== 0n) return value;
  throw new InvalidArgumentError('It must be a lease id: decimal, or hexadecimal as 0x1a2b.');
}

/** A duration in milliseconds: `500ms`, `10s`, `2m`; a bare number is seconds. */
export function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  const unitMs = match?.[2] === 'ms' ? 1 : match?.[2] === 'm' ? 60_000 : 1_000;
  const value = Math.round(Number(match?.[1]) * unitMs);
  if (value >= 1 && value <= 2 ** 31 - 1) return value;
  throw new InvalidArgumentError('It must be a time such as 500ms, 10s or 2m.');
}

/** Worker threads, or `inline`. */
export function shards(text: string): number | 'inline' {
  if (text === 'inline') return text;
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 64) return value;
  throw new InvalidArgumentError('It must be a whole number from 1 to 64, or inline.');
}
