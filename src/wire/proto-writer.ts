/**
 * A protobuf writer for the few hot messages that are encoded by hand, many of them into one buffer, each with the
 * 5-byte prefix of gRPC, so that they leave in one write.
 */
import { EtcdError } from './errors.js';

export class ProtoWriter {
  #buffer: Uint8Array;
  #position = 0;
  #view: DataView;

  constructor(initialBytes = 256) {
    this.#buffer = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#buffer.buffer);
  }

  get length(): number {
    return this.#position;
  }

  /** What was written, in a buffer of its own; the writer is empty afterwards. */
  take(): Uint8Array {
    const taken = this.#buffer.slice(0, this.#position);
    this.#position = 0;
    return taken;
  }

  /** Begins one gRPC message: leaves room for its prefix. What it returns is for {@link endFrame}. */
  beginFrame(): number {
    this.#reserve(5);
    const start = this.#position;
    this.#position += 5;
    return start;
  }

  /** Ends the gRPC message begun at `start`. */
  endFrame(start: number): void {
    this.#buffer[start] = 0;
    this.#view.setUint32(start + 1, this.#position - start - 5);
  }

  /** Begins a length-delimited field whose content is written next. What it returns is for {@link endMessage}. */
  beginMessage(field: number): number {
    this.uint(field * 8 + 2);
    this.#reserve(1);
    return this.#position++;
  }

  /** Ends the field begun at `start`, where one byte was left for its length: a longer one moves the content. */
  endMessage(start: number): void {
    const content = start + 1;
    const length = this.#position - content;
    if (length < 0x80) {
      this.#buffer[start] = length;
      return;
    }
    const lengthBytes = varintBytes(length);
    this.#reserve(lengthBytes - 1);
    this.#buffer.copyWithin(start + lengthBytes, content, this.#position);
    this.#position = start;
    this.#varint(length);
    this.#position += length;
  }

  /** A bytes field; left out where it is empty, as proto3 does. */
  bytes(field: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.uint(field * 8 + 2);
    this.uint(value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#position);
    this.#position += value.length;
  }

  /** An integer field; left out where it is 0. Not for negative numbers. */
  uintField(field: number, value: number): void {
    if (value === 0) return;
    this.uint(field * 8);
    this.uint(value);
  }

  boolField(field: number, value: boolean): void {
    this.uintField(field, value ? 1 : 0);
  }

  /** A 64-bit integer field, negative allowed; left out where it is 0. */
  int64Field(field: number, value: bigint): void {
    if (value === 0n) return;
    this.uint(field * 8);
    let rest = BigInt.asUintN(64, value);
    this.#reserve(10);
    while (rest > 0x7fn) {
      this.#buffer[this.#position++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#position++] = Number(rest);
  }

  /** A bare varint. */
  uint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new EtcdError('a negative or unsafe integer was to be written as a varint', { code: 'internal' });
    }
    this.#reserve(8);
    this.#varint(value);
  }

  /** Writes where there is room already: reserving moves only what stands before the position. */
  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7fff_ffff) {
      this.#buffer[this.#position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      this.#buffer[this.#position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#position++] = rest;
  }

  #reserve(bytes: number): void {
    const needed = this.#position + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#position));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
}
