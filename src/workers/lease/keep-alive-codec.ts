/**
 * LeaseKeepAliveRequest and LeaseKeepAliveResponse by hand: no bigint and no object is made for a renewal. Ids are pairs
 * of 32-bit halves. Pure.
 */
import { ProtoReader, WIRE_VARINT } from '../../wire/proto-reader.js';

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
  readonly #reader = new ProtoReader();

  /**
   * Reads the message between `start` and `end`; the header is not looked at.
   *
   * @throws EtcdError `malformed-response`.
   */
  read(buffer: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    reader.reset(buffer, start, end);
    this.low = 0;
    this.high = 0;
    this.ttlSeconds = 0;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 2 * 8 + WIRE_VARINT) {
        reader.int64();
        this.low = reader.low | 0;
        this.high = reader.high | 0;
      } else if (tag === 3 * 8 + WIRE_VARINT) {
        this.ttlSeconds = reader.ttlSeconds();
      } else {
        reader.skip(tag);
      }
    }
  }
}
