/**
 * Keys and key ranges as callers write them, and as etcd wants them. Pure. etcd's rule: a range is `[key, rangeEnd)`; no
 * rangeEnd is the key alone, and a rangeEnd of one zero byte is "to the end of the keyspace".
 */
import { types } from 'node:util';
import { describeKind, invalidOption } from './arguments.js';

/** A key: text (as UTF-8) or bytes. Never empty. */
export type KeyInput = string | Uint8Array;

/** One key, or a range of keys. A bare string or bytes is one key. */
export type RangeInput =
  | KeyInput
  /** One key. */
  | { readonly key: KeyInput }
  /** All keys that begin so. An empty prefix is every key, which reads and watches take; deletions refuse it. */
  | { readonly prefix: KeyInput }
  /** From `from` (inclusive) to `to` (exclusive); without `to`, to the end of the keyspace. */
  | { readonly from: KeyInput; readonly to?: KeyInput | undefined }
  /** Every key. */
  | { readonly all: true };

/** A range in etcd's form. */
export interface KeyRange {
  readonly key: Uint8Array;
  /** Exclusive end; undefined for a single key; one zero byte for "to the end". */
  readonly rangeEnd: Uint8Array | undefined;
}

const RANGE_ALLOWED = 'a key (string or Uint8Array), { key }, { prefix }, { from, to? } or { all: true }';

const encoder = new TextEncoder();

/**
 * The bytes of a string (UTF-8) or of bytes, which are copied: the caller may change its own afterwards.
 *
 * @param name what it is, for the message.
 * @throws EtcdError `invalid-argument` for another type, and for a string with a lone surrogate, which has no UTF-8 form.
 */
export function toBytes(input: unknown, name: string): Uint8Array {
  if (typeof input === 'string') {
    // TextEncoder would write U+FFFD for each, so that different strings became the same key.
    if (/\p{Surrogate}/u.test(input))
      throw invalidOption(`${name} has a lone surrogate, which UTF-8 cannot carry; pass bytes instead`);
    return encoder.encode(input);
  }
  if (types.isUint8Array(input)) return new Uint8Array(input);
  throw invalidOption(`${name} must be a string or a Uint8Array, not ${describeKind(input)}`);
}

/** Like {@link toBytes}, for a key: refuses an empty one, as etcd does. */
export function toKey(input: unknown, name = 'key'): Uint8Array {
  const key = toBytes(input, name);
  if (key.length === 0) throw invalidOption(`${name} must not be empty`);
  return key;
}

/**
 * A range in etcd's form.
 *
 * @throws EtcdError `invalid-argument` for an empty key, an empty range (`from` not below `to`), or anything that is not a range.
 */
export function toKeyRange(input: RangeInput, name = 'range'): KeyRange {
  if (typeof input === 'string' || types.isUint8Array(input)) return { key: toKey(input, name), rangeEnd: undefined };
  const form: unknown = input;
  if (typeof form !== 'object' || form === null)
    throw invalidOption(`${name} must be ${RANGE_ALLOWED}, not ${describeKind(form)}`);
  const { key, prefix, from, to, all } = form as Readonly<Record<string, unknown>>;
  const given = givenNames(form);
  switch (given) {
    case 'key':
      return { key: toKey(key, `${name}.key`), rangeEnd: undefined };
    case 'prefix':
      return prefixRange(toBytes(prefix, `${name}.prefix`));
    case 'from':
      return { key: toKey(from, `${name}.from`), rangeEnd: new Uint8Array(1) };
    case 'from, to':
    case 'to, from':
      return spanRange(toKey(from, `${name}.from`), toKey(to, `${name}.to`), name);
    case 'all':
      if (all === true) return prefixRange(new Uint8Array(0));
      break;
    default:
  }
  const got = given === '' ? 'without any of these' : `with ${given}`;
  throw invalidOption(`${name} must be ${RANGE_ALLOWED}, not ${Array.isArray(form) ? 'an array' : `an object ${got}`}`);
}

/**
 * The range of a deletion: {@link toKeyRange}, without the empty prefix. It is every key too, and too easily one variable that
 * happened to be empty; `{ all: true }` says so on purpose.
 *
 * @throws EtcdError `invalid-argument`.
 */
export function toDeletedRange(input: RangeInput, name: string): KeyRange {
  const range = toKeyRange(input, name);
  const isPrefix = typeof input === 'object' && 'prefix' in input;
  if (isPrefix && input.prefix.length === 0)
    throw invalidOption(
      `${name}.prefix must not be empty, which would delete every key; to do that give { all: true }`,
    );
  return range;
}

/** The names of what is not undefined in it. */
function givenNames(form: object): string {
  const fields = form as Readonly<Record<string, unknown>>;
  return Object.keys(fields)
    .filter((name) => fields[name] !== undefined)
    .join(', ');
}

/** Order of keys in etcd: by bytes, unsigned, a prefix before what it begins. Negative, zero or positive. */
export function compareKeys(left: Uint8Array, right: Uint8Array): number {
  return Buffer.compare(left, right);
}

/** All keys that begin with `prefix`; every key for an empty one. */
function prefixRange(prefix: Uint8Array): KeyRange {
  if (prefix.length === 0) return { key: new Uint8Array(1), rangeEnd: new Uint8Array(1) };
  // The end is the prefix with its last byte raised; 0xff carries. All 0xff: nothing is above it but the end.
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  if (length === 0) return { key: prefix, rangeEnd: new Uint8Array(1) };
  const rangeEnd = prefix.slice(0, length);
  rangeEnd[length - 1] = (rangeEnd[length - 1] ?? 0) + 1;
  return { key: prefix, rangeEnd };
}

function spanRange(from: Uint8Array, to: Uint8Array, name: string): KeyRange {
  if (compareKeys(from, to) >= 0)
    throw invalidOption(`${name}.from must be below 'to', which is exclusive (leave 'to' out for "to the end")`);
  return { key: from, rangeEnd: to };
}
