import { describe, expect, it } from 'vitest';
import { int64Of, readFields, varintOf, writeFields } from '../../support/raw-protobuf.js';

const edges = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((groups) => {
  const edge = 1n << BigInt(groups * 7);
  return [edge - 1n, edge];
});

describe("the tests' own protobuf reader", () => {
  it.each([...edges, (1n << 63n) - 1n, 1n << 31n, (1n << 32n) - 1n, -1n, -(1n << 63n)])(
    'reads the varint of %i',
    (value) => {
      const message = writeFields([
        [7, value],
        [8, 'after'],
      ]);
      const fields = readFields(message);
      expect(int64Of(fields, 7)).toBe(value);
      expect(varintOf(fields, 7)).toBe(BigInt.asUintN(64, value));
      expect(fields.map(({ number }) => number)).toEqual([7, 8]);
    },
  );

  it('throws at a message that is cut short within a field', () => {
    const varint = writeFields([[7, 1n << 40n]]);
    for (let length = 1; length < varint.length; length += 1)
      expect(() => readFields(varint.subarray(0, length))).toThrow('truncated');
    const text = writeFields([[8, 'text']]);
    for (let length = 1; length < text.length; length += 1)
      expect(() => readFields(text.subarray(0, length))).toThrow('truncated');
  });

  it('reads a tag of five bytes, and throws at a varint of eleven', () => {
    const number = (1 << 29) - 1;
    // Field number and wire type 0 fill 32 bits.
    const tag = [0xf8, 0xff, 0xff, 0xff, 0x0f];
    expect(readFields(Uint8Array.from([...tag, 5]))).toMatchObject([{ number, varint: 5n }]);
    expect(() => readFields(Uint8Array.from([0x38, ...Array.from({ length: 10 }, () => 0x80), 1]))).toThrow('overlong');
  });
});
