/**
 * The smallest protobuf reader and writer that tests need. Deliberately written apart from the package's own codecs, so that
 * a defect there cannot hide itself here. Pure.
 */

export interface RawField {
  readonly number: number;
  /** Value of a varint field, as unsigned 64 bits; 0 for a bytes field. */
  readonly varint: bigint;
  /** Content of a length-delimited field; empty for a varint field. */
  readonly bytes: Uint8Array;
  readonly isBytes: boolean;
}

const EMPTY = new Uint8Array(0);

/** All fields of a message in wire order. Throws on truncated input or a wire type that etcd does not use. */
export function readFields(message: Uint8Array): RawField[] {
  const fields: RawField[] = [];
  let at = 0;
  const longVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at];
      if (byte === undefined || shift > 63n) throw new Error('truncated or overlong varint');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
  };
  /** As a number where it has at most 4 bytes, which most have: a bigint for each byte costs most of a test's time. */
  const varint = (): number | bigint => {
    let value = 0;
    for (let length = 0; length < 4; length += 1) {
      const byte = message[at + length];
      if (byte === undefined) break;
      value |= (byte & 0x7f) << (7 * length);
      if (byte >= 0x80) continue;
      at += length + 1;
      return value;
    }
    return longVarint();
  };
  while (at < message.length) {
    const tag = Number(varint());
    const number = tag >>> 3;
    switch (tag & 7) {
      case 0:
        fields.push({ number, varint: BigInt(varint()), bytes: EMPTY, isBytes: false });
        break;
      case 2: {
        const length = Number(varint());
        if (at + length > message.length) throw new Error('truncated bytes field');
        fields.push({ number, varint: 0n, bytes: message.subarray(at, at + length), isBytes: true });
        at += length;
        break;
      }
      default:
        throw new Error(`unexpected wire type ${String(tag & 7)}`);
    }
  }
  return fields;
}

export function varintOf(fields: readonly RawField[], number: number): bigint {
  return fields.findLast((field) => field.number === number && !field.isBytes)?.varint ?? 0n;
}

/** A signed int64 field. */
export function int64Of(fields: readonly RawField[], number: number): bigint {
  return BigInt.asIntN(64, varintOf(fields, number));
}

export function bytesOf(fields: readonly RawField[], number: number): Uint8Array {
  return fields.findLast((field) => field.number === number && field.isBytes)?.bytes ?? EMPTY;
}

export function allBytesOf(fields: readonly RawField[], number: number): Uint8Array[] {
  return fields.filter((field) => field.number === number && field.isBytes).map((field) => field.bytes);
}

/** What a field is written from: integers and booleans as varints, text and bytes length-delimited. */
export type RawValue = bigint | number | boolean | string | Uint8Array;

/** A message from `[field number, value]` pairs; zero, false and undefined are left out, as proto3 does; empty bytes are kept. */
export function writeFields(pairs: readonly (readonly [number: number, value: RawValue | undefined])[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const [number, value] of pairs) {
    if (value === undefined || value === false || value === 0 || value === 0n) continue;
    if (typeof value === 'string' || value instanceof Uint8Array) {
      const bytes = typeof value === 'string' ? Buffer.from(value) : value;
      parts.push(writeVarint(BigInt((number << 3) | 2)), writeVarint(BigInt(bytes.length)), bytes);
    } else {
      parts.push(writeVarint(BigInt(number << 3)), writeVarint(BigInt.asUintN(64, BigInt(value))));
    }
  }
  return Buffer.concat(parts);
}

function writeVarint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
