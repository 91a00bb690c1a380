/** Writes the fields of a protobuf message, one after another. Pure. */
const WIRE_VARINT = 0n;
const WIRE_LENGTH = 2n;

export class MessageWriter {
  readonly #parts: Uint8Array[] = [];

  /** Numbers of all kinds: negative ones as 64 bits. */
  varint(field: number, value: bigint): void {
    this.#varint((BigInt(field) << 3n) | WIRE_VARINT);
    this.#varint(BigInt.asUintN(64, value));
  }

  /** Bytes, texts and messages. */
  bytes(field: number, value: Uint8Array): void {
    this.#varint((BigInt(field) << 3n) | WIRE_LENGTH);
    this.#varint(BigInt(value.length));
    this.#parts.push(value);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  #varint(value: bigint): void {
    const bytes: number[] = [];
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
    bytes.push(Number(rest));
    this.#parts.push(Uint8Array.from(bytes));
  }
}
