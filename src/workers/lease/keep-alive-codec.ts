/**
 * LeaseKeepAliveRequest and LeaseKeepAliveResponse by hand: no bigint and no object is made for a renewal. Ids are pairs
 * of 32-bit halves. Pure.
 */
import { endianness } from 'node:os';
import { EtcdError } from '../../wire/errors.js';

/** Cells of a slot's id in `LeaseState.leaseIdHalves`: `2 * slot + LOW_HALF`, `2 * slot + HIGH_HALF`. */
export const LOW_HALF: 0 | 1 = endianness() === 'LE' ? 0 : 1;
export const HIGH_HALF: 0 | 1 = endianness() === 'LE' ? 1 : 0;

/** The longest framed request: 5 bytes of gRPC prefix, a tag, a varint of 10 bytes. */
export const MAX_REQUEST_BYTES = 16;

const ID_TAG = 0x08;

/** Writes one framed request at `at`; gives the position behind it. */
export function writeKeepAlive(target: Uint8Array, at: number, low: number, high: number): number {
  let lowLeft = low >>> 0;
  let highLeft = high >>> 0;
  let end = at + 6;
  target[at + 5] = ID_TAG;
  while (highLeft !== 0 || lowLeft > 0x7f) {
    target[end] = (lowLeft & 0x7f) | 0x80;
    end += 1;
    lowLeft = ((lowLeft >>> 7) | (highLeft << 25)) >>> 0;
    highLeft >>>= 7;
  }
  target[end] = lowLeft;
  end += 1;
  target[at] = 0;
  target[at + 1] = 0;
  target[at + 2] = 0;
  target[at + 3] = 0;
  target[at + 4] = end - at - 5;
  return end;
}

/** Reads responses into its own fields, which the next {@link read} overwrites. */
export class KeepAliveReader {
  low = 0;
  high = 0;
  ttlSeconds = 0;
  #at = 0;
  #low = 0;
  #high = 0;

  /**
   * Reads the message between `start` and `end`.
   *
   * @throws EtcdError `malformed-response`.
   */
  read(buffer: Uint8Array, start: number, end: number): void {
    this.low = 0;
    this.high = 0;
    this.ttlSeconds = 0;
    this.#at = start;
    while (this.#at < end) {
      const tag = buffer[this.#at] ?? 0;
      this.#at += 1;
      if (tag === 0x10) {
        this.#varint(buffer, end);
        this.low = this.#low | 0;
        this.high = this.#high | 0;
      } else if (tag === 0x18) {
        this.#varint(buffer, end);
        this.ttlSeconds = (this.#high | 0) * 2 ** 32 + (this.#low >>> 0);
      } else {
        this.#skip(buffer, end, tag);
      }
    }
    if (this.#at !== end) throw malformed();
  }

  /** The header (not looked at) and fields of later etcd versions. */
  #skip(buffer: Uint8Array, end: number, firstTagByte: number): void {
    // Tags of field numbers above 15 go on in more bytes; the wire type is in the first.
    let tag = firstTagByte;
    while ((tag & 0x80) !== 0) {
      if (this.#at >= end) throw malformed();
      tag = buffer[this.#at] ?? 0;
      this.#at += 1;
    }
    switch (firstTagByte & 7) {
      case 0:
        this.#varint(buffer, end);
        return;
      case 1:
        this.#at += 8;
        return;
      case 2:
        this.#varint(buffer, end);
        this.#at += this.#low >>> 0;
        return;
      case 5:
        this.#at += 4;
        return;
      default:
        throw malformed();
    }
  }

  #varint(buffer: Uint8Array, end: number): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= end) throw malformed();
      const byte = buffer[this.#at] ?? 0;
      this.#at += 1;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= bits << 31;
      if (byte < 0x80) {
        this.#low = low;
        this.#high = high;
        return;
      }
    }
    throw malformed();
  }
}

function malformed(): EtcdError {
  return new EtcdError('the server sent a LeaseKeepAliveResponse that cannot be read', { code: 'malformed-response' });
}
