import { describe, expect, it } from 'vitest';
import { frameOf, FrameReader } from '../../../../src/embedded/transport/message-frames.js';

const MAX_BYTES = 2 * 1024 * 1024;

describe('FrameReader', () => {
  it('gives the same messages however the bytes are split', () => {
    const messages = ['', 'a', 'hello', 'x'.repeat(300)].map((text) => Buffer.from(text));
    const bytes = Buffer.concat(messages.map(frameOf));
    for (const size of [1, 2, 5, 7, 100, bytes.length]) {
      const reader = new FrameReader(undefined, MAX_BYTES);
      const got: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) got.push(...reader.read(bytes.subarray(at, at + size)));
      expect(got.map(String)).toEqual(messages.map(String));
      expect(reader.isInside).toBe(false);
    }
  });

  it('refuses a message above the limit by its head alone', () => {
    const head = Buffer.from([0, 0, 0, 0, 0]);
    head.writeUInt32BE(MAX_BYTES + 1, 1);
    expect(() => new FrameReader(undefined, MAX_BYTES).read(head)).toThrow(
      'grpc: received message larger than max (2097153 vs. 2097152)',
    );
  });

  it('refuses compressed messages and what is no frame', () => {
    const frame = (flag: number): Buffer => Buffer.from([flag, 0, 0, 0, 0]);
    expect(() => new FrameReader(undefined, MAX_BYTES).read(frame(1))).toThrow(
      'compressed flag set with identity or empty encoding',
    );
    expect(() => new FrameReader('gzip', MAX_BYTES).read(frame(1))).toThrow('Decompressor is not installed');
    expect(() => new FrameReader(undefined, MAX_BYTES).read(frame(71))).toThrow('unexpected payload format 71');
  });
});
