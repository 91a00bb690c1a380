/** Splits one direction of an HTTP/2 connection into frames, at any chunk borders. Pure; no HPACK, no state of streams. */

export const FRAME_DATA = 0x0;
export const FRAME_HEADERS = 0x1;
export const FRAME_RST_STREAM = 0x3;
export const FLAG_END_STREAM = 0x1;
const FLAG_PADDED = 0x8;
const HEADER_BYTES = 9;

export interface Http2Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** Header and payload as they came. */
  readonly raw: Buffer;
}

export class FrameSplitter {
  #rest: Buffer = Buffer.alloc(0);
  #prefaceBytes: number;

  /** `prefaceBytes`: 24 on the client's side of a connection (`PRI * HTTP/2.0 …`), 0 on the server's. */
  constructor(prefaceBytes: 0 | 24) {
    this.#prefaceBytes = prefaceBytes;
  }

  /** The frames that are complete with this chunk. An incomplete one waits for the next. */
  push(chunk: Buffer): Http2Frame[] {
    let buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const skipped = Math.min(this.#prefaceBytes, buffer.length);
    this.#prefaceBytes -= skipped;
    buffer = buffer.subarray(skipped);
    const frames: Http2Frame[] = [];
    while (buffer.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + buffer.readUIntBE(0, 3);
      if (buffer.length < end) break;
      frames.push({
        type: buffer.readUInt8(3),
        flags: buffer.readUInt8(4),
        streamId: buffer.readUInt32BE(5) & 0x7fffffff,
        payload: buffer.subarray(HEADER_BYTES, end),
        raw: buffer.subarray(0, end),
      });
      buffer = buffer.subarray(end);
    }
    this.#rest = buffer;
    return frames;
  }
}

/** The application's bytes of a DATA frame: its payload without padding. */
export function dataOf(frame: Http2Frame): Buffer {
  if ((frame.flags & FLAG_PADDED) === 0) return frame.payload;
  return frame.payload.subarray(1, frame.payload.length - frame.payload.readUInt8(0));
}

/** A DATA frame of its own with only the first `length` bytes of another one's data, which does not end the stream. */
export function shortenedData(frame: Http2Frame, length: number): Buffer {
  if (length === 0) return Buffer.alloc(0);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUIntBE(length, 0, 3);
  header.writeUInt32BE(frame.streamId, 5);
  return Buffer.concat([header, dataOf(frame).subarray(0, length)]);
}
