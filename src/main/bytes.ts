/**
 * The bytes of a key or a value, with the usual ways to read them. Main thread; pure.
 */
import * as buffer from 'node:buffer';
import { inspect, types } from 'node:util';
import { describeKind, describeValue, functionRule, invalidOption } from '../wire/arguments.js';
import { toBytes } from '../wire/key-range.js';
import { bytesForm, defineInspect } from '../wire/text-form.js';

/**
 * `Uint8Array` as every TypeScript since 5.0 can extend it from a declaration file: written as a class's base, it needs a type argument
 * from 5.7 on and must not have one before.
 */
interface ByteArrayConstructor extends Omit<Uint8ArrayConstructor, 'prototype' | 'from' | 'of'> {
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): Uint8Array;
}

const ByteArray: ByteArrayConstructor = Uint8Array;

/** Bytes that `inspect` shows. */
const SHOWN_BYTES = 128;

/**
 * Bytes of a key or value: a `Uint8Array` that can read itself as text or JSON. It may be a view on a larger block that others
 * share: treat it as read-only, and copy it (`new Uint8Array(bytes)`) to keep it for long or to hand it to a worker.
 */
export class Bytes extends ByteArray {
  /**
   * As `new Uint8Array(…)`, which would take anything else for no bytes at all. {@link Bytes.from} makes them of text.
   *
   * @throws EtcdError `invalid-argument` for what is no length, no buffer and no list of bytes.
   */
  constructor(
    source?: number | ArrayBufferLike | ArrayLike<number> | Iterable<number>,
    byteOffset?: number,
    length?: number,
  ) {
    super(constructorSource(source), byteOffset, length);
  }

  /**
   * Bytes of their own: of text as UTF-8, of other bytes or numbers from 0 to 255 as they are.
   *
   * @throws EtcdError `invalid-argument` for anything else, and for text with a lone surrogate.
   */
  static from(source: string | ArrayLike<number> | Iterable<number>): Bytes;
  static from<Item>(
    source: ArrayLike<Item> | Iterable<Item>,
    map?: (item: Item, index: number) => number,
    thisArg?: unknown,
  ): Bytes;
  static from(source: unknown, map?: (item: unknown, index: number) => number, thisArg?: unknown): Bytes {
    if (map !== undefined) functionRule(map, 'from: map');
    if (typeof source !== 'string') return new Bytes(octets(source, 'from: source', map, thisArg)); // copied
    if (map !== undefined) throw invalidOption('from: map must be left out with text, which becomes UTF-8');
    return Bytes.view(toBytes(source, 'from: source')); // encoded just now
  }

  /** Bytes with these values. @throws EtcdError `invalid-argument` for anything but whole numbers from 0 to 255. */
  static of(...items: number[]): Bytes {
    return new Bytes(octets(items, 'of: items')); // copied
  }

  /** The bytes as UTF-8 text. Bytes that are not UTF-8 become U+FFFD: compare keys as bytes where they may be binary. */
  string(): string {
    return Buffer.from(this.buffer, this.byteOffset, this.byteLength).toString('utf8');
  }

  /**
   * The bytes as JSON text, parsed. `T` is the caller's claim; nothing checks it.
   *
   * @throws SyntaxError where the bytes are not JSON.
   */
  json<T = unknown>(): T {
    return JSON.parse(this.string()) as T; // what is stored is known to the caller only
  }

  /** {@link string}: what a template string shows. */
  override toString(): string {
    return this.string();
  }

  /** The text where the bytes are UTF-8, otherwise `{ base64 }`. */
  toJSON(): string | { readonly base64: string } {
    return bytesForm(this);
  }

  /** Of long ones the beginning. */
  static {
    defineInspect<Bytes>(Bytes.prototype, function (options) {
      const shown = this.subarray(0, SHOWN_BYTES);
      const rest = this.length > SHOWN_BYTES ? `… ${String(this.length - SHOWN_BYTES)} more bytes` : '';
      // A character may be cut at the end of what is shown.
      const isText =
        buffer.isUtf8(shown) || (rest !== '' && [1, 2, 3].some((cut) => buffer.isUtf8(shown.subarray(0, -cut))));
      const text = isText ? inspect(shown.string(), options) : `<${shown.#hex()}>`;
      return `Bytes ${text}${rest}`;
    });
  }

  #hex(): string {
    return Buffer.from(this.buffer, this.byteOffset, this.byteLength).toString('hex');
  }

  /** A part of the bytes, as a view. */
  override subarray(begin?: number, end?: number): Bytes {
    return Bytes.view(super.subarray(begin, end));
  }

  /** A view on the bytes of another array. @throws EtcdError `invalid-argument` for anything else. */
  static view(bytes: Uint8Array): Bytes {
    if (!types.isUint8Array(bytes)) throw invalidOption(`view: bytes must be a Uint8Array, not ${describeKind(bytes)}`);
    return new Bytes(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

const OCTET_MAX = 0xff;

/** What the constructor of Uint8Array may be given; its types know no union of them. */
function constructorSource(source: unknown): ArrayBufferLike {
  const isLength = typeof source === 'number' && Number.isSafeInteger(source) && source >= 0;
  const isPlain = types.isAnyArrayBuffer(source) || types.isUint8Array(source) || source === undefined || isLength;
  return (isPlain ? source : octets(source, 'new Bytes: source')) as ArrayBufferLike;
}

/** Numbers from 0 to 255. Uint8Array itself makes zeros and remainders of everything else. */
function octets(
  source: unknown,
  name: string,
  map?: (item: unknown, index: number) => number,
  thisArg?: unknown,
): Uint8Array | number[] {
  if (types.isUint8Array(source) && map === undefined) return source;
  const isList = typeof source === 'object' && source !== null && (Symbol.iterator in source || 'length' in source);
  if (!isList)
    throw invalidOption(`${name} must be bytes or a list of numbers from 0 to 255, not ${describeValue(source)}`);
  const list = source as ArrayLike<unknown>; // or an iterable
  const items: unknown[] = map === undefined ? Array.from(list) : Array.from(list, map, thisArg);
  for (const item of items) {
    const isOctet = typeof item === 'number' && Number.isInteger(item) && item >= 0 && item <= OCTET_MAX;
    if (!isOctet) throw invalidOption(`${name} must be whole numbers from 0 to 255, not ${describeValue(item)}`);
  }
  return items as number[];
}
