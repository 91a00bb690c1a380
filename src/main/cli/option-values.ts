/**
 * Texts of the command line made into values; a wrong one is refused with what is allowed, and none is rounded or wrapped. Pure.
 */
import { InvalidArgumentError } from 'commander';
import { DURATION_FORMS, durationMs, LONGEST_MS } from './duration-text.js';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** etcd's own limit. */
export const LONGEST_TTL_SECONDS = 9_000_000_000;
export const LONGEST_SECONDS: number = Math.floor(LONGEST_MS / 1_000);

/** A whole number from `min` to `max`. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${String(min)} to ${String(max)}.`);
  };
}

/** A revision, from 1. */
export function revision(text: string): bigint {
  const value = /^\d+$/.test(text) ? BigInt(text) : 0n;
  if (value >= 1n && value <= INT64_MAX) return value;
  throw new InvalidArgumentError(`It must be a revision: a whole number from 1 to ${String(INT64_MAX)}.`);
}

/** A lease id: decimal, or hexadecimal with 0x (etcdctl prints it so, without the 0x). */
export function leaseId(text: string): bigint {
  const [, sign, digits] = /^(-?)(\d+|0x[0-9a-f]+)$/i.exec(text) ?? [];
  const size = digits === undefined ? 0n : BigInt(digits);
  const value = sign === '-' ? -size : size;
  if (value !== 0n && value >= INT64_MIN && value <= INT64_MAX) return value;
  throw new InvalidArgumentError(
    'It must be a lease id: a signed 64-bit number, not 0, decimal or hexadecimal as 0x1a2b.',
  );
}

/** A duration in milliseconds: `500ms`, `10s`, `1m30s`; a bare number is seconds. */
export function duration(text: string): number {
  return timeWithin(1, LONGEST_MS)(text);
}

/** A duration with limits of its own. */
export function timeWithin(minMs: number, maxMs: number): (text: string) => number {
  return (text) => {
    const isBare = /^\d+(?:\.\d+)?$/u.test(text);
    const value = Math.round(durationMs(isBare ? `${text}s` : text) ?? Number.NaN);
    if (value >= minMs && value <= maxMs) return value;
    throw new InvalidArgumentError(
      `It must be a time such as ${DURATION_FORMS} (a bare number is seconds), from ${String(minMs)}ms to ${String(maxMs)}ms.`,
    );
  };
}

/** Worker threads, or `inline`. */
export function shards(text: string): number | 'inline' {
  if (text === 'inline') return text;
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 64) return value;
  throw new InvalidArgumentError('It must be a whole number from 1 to 64, or inline.');
}

/** Any text but an empty one. */
export function someText(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('It must not be empty.');
}
