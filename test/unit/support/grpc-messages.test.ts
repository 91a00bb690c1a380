import { describe, expect, it } from 'vitest';
import { MessageAssembler } from '../../support/grpc-messages.js';

function framed(body: string): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, Buffer.from(body)]);
}

describe('putting gRPC messages together', () => {
  const bodies = ['one', '', 'three and more', 'x'.repeat(40)];
  const wire = Buffer.concat(bodies.map(framed));

  it('gives the same messages for every size of the data frames', () => {
    for (let size = 1; size <= wire.length; size += 1) {
      const assembler = new MessageAssembler();
      const ends: number[] = [];
      const seen: string[] = [];
      for (let at = 0; at < wire.length; at += size) {
        for (const message of assembler.push(wire.subarray(at, at + size))) {
          seen.push(message.body.toString());
          ends.push(at + message.end);
        }
      }
      expect(seen).toEqual(bodies);
      expect(ends).toEqual([8, 13, 32, 77]);
    }
  });

  it('tells where in the data a message starts, and 0 when it started before', () => {
    const assembler = new MessageAssembler();
    expect(assembler.push(wire.subarray(0, 10)).map(({ start, end }) => [start, end])).toEqual([[0, 8]]);
    expect(assembler.push(wire.subarray(10)).map(({ start, end }) => [start, end])).toEqual([
      [0, 3],
      [3, 22],
      [22, 67],
    ]);
  });
});
