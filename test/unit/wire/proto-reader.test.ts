import { describe, expect, it } from 'vitest';
import { EtcdError } from '../../../src/wire/errors.js';
import { ProtoReader } from '../../../src/wire/proto-reader.js';
import { writeFields } from '../../support/raw-protobuf.js';
import { Rng, seeds } from '../../support/rng.js';

function readerOf(...bytes: number[]): ProtoReader {
  const reader = new ProtoReader();
  // Inside a larger buffer: what stands behind the end must not be read as part of the message.
  const buffer = Uint8Array.from([0x55, ...bytes, 0x01, 0x01, 0x01]);
  reader.reset(buffer, 1, 1 + bytes.length);
  return reader;
}

/** The varint of a 64-bit value, in its shortest form. */
function varint(value: bigint): number[] {
  return [...writeFields([[1, value]])].slice(1);
}

function codeOf(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (error instanceof EtcdError) return error.code;
    throw error;
  }
}

describe('ProtoReader', () => {
  const values = Array.from({ length: 9 }, (_, bytes) => [1n << BigInt(7 * bytes), (1n << BigInt(7 * bytes + 7)) - 1n]);
  const all = [...values.flat(), -1n, -5n, -(2n ** 53n) + 1n, 2n ** 53n - 1n, 2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n)];

  it.each(all)('reads the varint %d at full width', (value) => {
    const reader = readerOf(...varint(value));
    reader.int64();
    expect(reader.bigint).toBe(value);
    expect(reader.position).toBe(reader.end);
    expect(readerOf(...varint(value)).uint32()).toBe(Number(BigInt.asUintN(32, value)));
  });

  it.each(all)('reads %d as a double where that is exact, and refuses it otherwise', (value) => {
    const reader = readerOf(...varint(value));
    if (Number.isSafeInteger(Number(value))) expect(reader.safeInteger()).toBe(Number(value));
    else expect(codeOf(() => reader.safeInteger())).toBe('malformed-response');
  });

  it('accepts zeros written in more bytes than needed, up to ten', () => {
    expect(readerOf(0x81, 0x80, 0x80, 0x80, 0x80, 0x00).safeInteger()).toBe(1);
    const eleven = readerOf(...Array.from({ length: 10 }, () => 0x80), 0x00);
    expect(codeOf(() => eleven.safeInteger())).toBe('malformed-response');
  });

  it.each(all)('tells the truncation of %d at every byte, also when bytes follow', (value) => {
    const bytes = varint(value);
    for (let length = 0; length < bytes.length; length += 1) {
      for (const read of ['int64', 'safeInteger', 'uint32', 'length'] as const) {
        const reader = readerOf(...bytes.slice(0, length));
        expect(
          codeOf(() => reader[read]()),
          read,
        ).toBe('malformed-response');
      }
    }
  });

  it('refuses a length beyond the end, a negative one, and one beyond 2^53', () => {
    for (const length of [4n, -1n, 2n ** 60n]) {
      expect(codeOf(() => readerOf(...varint(length), 1, 2, 3).length())).toBe('malformed-response');
    }
    expect(readerOf(3, 1, 2, 3).length()).toBe(3);
  });

  it('skips unknown fields of every wire type in use', () => {
    const reader = readerOf(
      ...[0x78, 0x96, 0x01], // field 15, varint
      ...[0x79, 1, 2, 3, 4, 5, 6, 7, 8], // 64 bits
      ...[0x7a, 2, 9, 9], // length-delimited
      ...[0x7d, 1, 2, 3, 4], // 32 bits
      ...[0x08, 7],
    );
    let tag = reader.tag();
    for (; tag !== 8; tag = reader.tag()) reader.skip(tag);
    expect(reader.safeInteger()).toBe(7);
    expect(reader.tag()).toBe(0);
  });

  it.each([
    ['a group', [0x0b, 0x0c]],
    ['wire type 6', [0x0e]],
    ['wire type 7', [0x0f]],
    ['field number 0', [0x00, 1]],
    ['64 bits cut short', [0x79, 1, 2, 3]],
    ['32 bits cut short', [0x7d, 1, 2]],
    ['bytes cut short', [0x7a, 5, 1]],
  ])('refuses %s', (_name, bytes) => {
    const reader = readerOf(...bytes);
    expect(codeOf(() => reader.skip(reader.tag()))).toBe('malformed-response');
  });

  it('reads text, with U+FFFD for what is not UTF-8', () => {
    expect(readerOf(4, ...Buffer.from('aéb')).string()).toBe('aéb');
    expect(readerOf(2, 0xff, 0x61).string()).toBe('�a');
  });

  it.each(seeds())('only ever refuses random bytes with a coded error, and comes to an end (seed %d)', (seed) => {
    const rng = new Rng(seed);
    for (let round = 0; round < 2000; round += 1) {
      const reader = readerOf(...rng.bytes(rng.integer(0, 40)));
      const code = codeOf(() => {
        for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) reader.skip(tag);
        expect(reader.position).toBe(reader.end);
      });
      expect([undefined, 'malformed-response']).toContain(code);
    }
  });
});
