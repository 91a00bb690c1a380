import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { frameOf, FrameReader } from '../../../../src/embedded/transport/message-frames.js';

const MAX_BYTES = 2 * 1024 * 1024;

describe('FrameReader', () => {
  it('gives the same messages however the bytes are split', () => {
    const messages = ['', 'a', 'hello', 'x'.repeat(300)].map((text) => Buffer.from(text));
    const bytes = Buffer.concat(messages.map((message) => frameOf(message)));
    for (const size of [1, 2, 5, 7, 100, bytes.length]) {
      const reader = new FrameReader(undefined, MAX_BYTES);
      const got: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) got.push(...reader.read(bytes.subarray(at, at + size)));
      expect(got.map(String)).toEqual(messages.map(String));
      // Nothing is left over: the next message stands by itself.
      expect(reader.read(frameOf(Buffer.from('next'))).map(String)).toEqual(['next']);
    }
  });

  it('refuses a message above the limit by its head alone', () => {
    const head = Buffer.from([0, 0, 0, 0, 0]);
    head.writeUInt32BE(MAX_BYTES + 1, 1);
    expect(() => new FrameReader(undefined, MAX_BYTES).read(head)).toThrow(
      'grpc: received message larger than max (2097153 vs. 2097152)',
    );
  });

  it('unpacks compressed messages beside plain ones, however the bytes are split', () => {
    const messages = ['', 'a', 'x'.repeat(3_000)].map((text) => Buffer.from(text));
    const bytes = Buffer.concat(messages.flatMap((message) => [frameOf(message, 'gzip'), frameOf(message)]));
    expect(bytes.length).toBeLessThan(3_300);
    for (const size of [7, 100, bytes.length]) {
      const reader = new FrameReader('gzip', MAX_BYTES);
      const got: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) got.push(...reader.read(bytes.subarray(at, at + size)));
      expect(got.map(String)).toEqual(messages.flatMap((message) => [String(message), String(message)]));
    }
  });

  it('refuses what is corrupt, and what says that it is smaller than it is', () => {
    const read = (packed: Buffer): Buffer[] => {
      const head = Buffer.alloc(5, 1);
      head.writeUInt32BE(packed.length, 1);
      return new FrameReader('gzip', 1_000).read(Buffer.concat([head, packed]));
    };
    const bomb = gzipSync(Buffer.alloc(100_000));
    bomb.writeUInt32LE(10, bomb.length - 4);
    expect(() => read(bomb)).toThrow('grpc: received message after decompression larger than max (1001 vs. 1000)');
    const wrongSum = gzipSync(Buffer.from('text'));
    wrongSum.writeUInt32LE(1, wrongSum.length - 8);
    expect(() => read(wrongSum)).toThrow('grpc: failed to decompress the received message: gzip: invalid checksum');
    const cut = Buffer.concat([gzipSync(Buffer.from('text')).subarray(0, 12), Buffer.alloc(4)]);
    expect(() => read(cut)).toThrow('grpc: failed to decompress the received message');
    expect(() => read(Buffer.alloc(20))).toThrow('gzip: invalid header');
  });

  it('refuses compressed messages without an encoding, and what is no frame', () => {
    const frame = (flag: number): Buffer => Buffer.from([flag, 0, 0, 0, 0]);
    expect(() => new FrameReader(undefined, MAX_BYTES).read(frame(1))).toThrow(
      'compressed flag set with identity or empty encoding',
    );
    expect(() => new FrameReader(undefined, MAX_BYTES).read(frame(71))).toThrow('unexpected payload format 71');
  });
});
