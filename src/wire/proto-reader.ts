/**
 * A protobuf reader for the few hot messages that are decoded by hand. Reads in place, allocates nothing, and throws a
 * coded error on bytes that are not protobuf. One reader is reused for many messages; it keeps no bytes between them.
 */
import { EtcdError } from './errors.js';
import { MAX_REVISION, MAX_TTL_SECONDS } from './int64.js';

/** Wire types of protobuf. */
export const WIRE_VARINT = 0;
export const WIRE_LENGTH = 2;

const TWO_32 = 4_294_967_296;

export class ProtoReader {
  buffer: Uint8Array = new Uint8Array(0);
  position = 0;
  /** Bytes from here on are not part of the message. */
  end = 0;
  /** Halves of the last 64-bit value read by {@link int64}, each unsigned. */
  low = 0;
  high = 0;

  reset(buffer: Uint8Array, start: number, end: number): void {
    this.buffer = buffer;
    this.position = start;
    this.end = end;
  }

  /** The next field's tag, or 0 at the end of the message. */
  tag(): number {
    if (this.position >= this.end) return 0;
    const tag = this.uint32();
    if (tag < 8) throw malformed('a field has number 0');
    return tag;
  }

  /** A varint whose value fits 32 bits, unsigned; higher bits are dropped, as protobuf says. */
  uint32(): number {
    const first = this.buffer[this.position];
    if (first !== undefined && first < 0x80 && this.position < this.end) {
      this.position += 1;
      return first;
    }
    this.int64();
    return this.low;
  }

  /** A signed 64-bit varint as a double; throws where a double cannot hold it exactly. */
  safeInteger(): number {
    const buffer = this.buffer;
    let position = this.position;
    let byte = buffer[position++] as number; // may be undefined past the end: checked below, by position
    let low = byte & 0x7f;
    if (byte >= 0x80) {
      byte = buffer[position++] as number; // as above
      low |= (byte & 0x7f) << 7;
      if (byte >= 0x80) {
        byte = buffer[position++] as number; // as above
        low |= (byte & 0x7f) << 14;
        if (byte >= 0x80) {
          byte = buffer[position++] as number; // as above
          low |= (byte & 0x7f) << 21;
          if (byte >= 0x80) return this.#safeIntegerSlow();
        }
      }
    }
    if (position > this.end) throw truncated();
    this.position = position;
    return low;
  }

  /** A revision, or what is counted like one: from 0 to {@link MAX_REVISION}. */
  revision(): number {
    const value = this.safeInteger();
    if (value < 0 || value > MAX_REVISION) throw malformed('a revision is negative or beyond 2^53');
    return value;
  }

  /** A TTL in seconds; 0 and less are for the caller to judge. */
  ttlSeconds(): number {
    const value = this.safeInteger();
    if (value > MAX_TTL_SECONDS) throw malformed('a TTL is longer than any that etcd grants');
    return value;
  }

  #safeIntegerSlow(): number {
    this.int64();
    const value = (this.high | 0) * TWO_32 + this.low;
    if (!Number.isSafeInteger(value)) throw malformed('an integer is beyond 2^53');
    return value;
  }

  /** Any 64-bit varint, into {@link low} and {@link high}. */
  int64(): void {
    const buffer = this.buffer;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = buffer[this.position];
      if (byte === undefined || this.position >= this.end) throw truncated();
      this.position += 1;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    throw malformed('a varint is longer than 10 bytes');
  }

  /** The value last read by {@link int64}, signed. */
  get bigint(): bigint {
    return BigInt.asIntN(64, (BigInt(this.high) << 32n) | BigInt(this.low));
  }

  /** The length of a length-delimited field, checked against the end; the position is at its first byte. */
  length(): number {
    const length = this.safeInteger();
    if (length < 0 || length > this.end - this.position) throw truncated();
    return length;
  }

  /** Passes over the value of a field that nobody asked for. */
  skip(tag: number): void {
    switch (tag & 7) {
      case WIRE_VARINT:
        this.int64();
        return;
      case 1:
        this.#advance(8);
        return;
      case WIRE_LENGTH:
        this.#advance(this.length());
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw malformed(`wire type ${String(tag & 7)} is not in use`);
    }
  }

  #advance(bytes: number): void {
    if (bytes > this.end - this.position) throw truncated();
    this.position += bytes;
  }

  /** A length-delimited UTF-8 text; bytes that are not UTF-8 become U+FFFD. */
  string(): string {
    const length = this.length();
    const start = this.position;
    this.position += length;
    return utf8.decode(this.buffer.subarray(start, start + length));
  }
}

const utf8 = new TextDecoder();

/** The error of a server that sent something else than the message expected. */
export function malformed(what: string): EtcdError {
  return new EtcdError(`the server sent a malformed message: ${what}`, { code: 'malformed-response' });
}

function truncated(): EtcdError {
  return malformed('it ends inside a field');
}
