/**
 * The bytes of a key or a value, with the usual ways to read them. Main thread; pure.
 */
import * as buffer from 'node:buffer';
import { inspect, types } from 'node:util';
import { describeKind, invalidOption } from '../wire/arguments.js';
import { bytesForm, defineInspect } from '../wire/text-form.js';

/**
 * `Uint8Array` as every TypeScript since 5.0 can extend it from a declaration file: written as a class's base, it needs a type argument
 * from 5.7 on and must not have one before.
 */
interface ByteArrayConstructor extends Omit<Uint8ArrayConstructor, 'prototype'> {
  new (length?: number): Uint8Array;
  new (array: ArrayLike<number> | Iterable<number>): Uint8Array;
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
