/** Puts the gRPC messages of one direction of one stream together from the data of its DATA frames. Pure. */

const PREFIX_BYTES = 5;

export interface GrpcMessage {
  /** Without the 5-byte prefix. */
  readonly body: Buffer;
  /** Where the message, with its prefix, starts in the data just pushed; 0 when it started in earlier data. */
  readonly start: number;
  /** Where it ends in the data just pushed. */
  readonly end: number;
}

export class MessageAssembler {
  #parts: Buffer[] = [];
  #held = 0;
  /** Bytes needed before it is worth looking again: joining the parts of a long message on each frame costs a square. */
  #wanted = PREFIX_BYTES;

  /** The messages that end within this data. */
  push(data: Buffer): GrpcMessage[] {
    const carried = this.#held;
    this.#parts.push(data);
    this.#held += data.length;
    if (this.#held < this.#wanted) return [];
    const buffer = this.#parts.length === 1 ? data : Buffer.concat(this.#parts);
    const messages: GrpcMessage[] = [];
    let at = 0;
    this.#wanted = PREFIX_BYTES;
    while (buffer.length - at >= PREFIX_BYTES) {
      const length = PREFIX_BYTES + buffer.readUInt32BE(at + 1);
      const end = at + length;
      if (end > buffer.length) {
        this.#wanted = length;
        break;
      }
      messages.push({
        body: buffer.subarray(at + PREFIX_BYTES, end),
        start: Math.max(0, at - carried),
        end: end - carried,
      });
      at = end;
    }
    this.#parts = at === buffer.length ? [] : [buffer.subarray(at)];
    this.#held = buffer.length - at;
    return messages;
  }
}
