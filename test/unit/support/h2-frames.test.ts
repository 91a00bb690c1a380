import { describe, expect, it } from 'vitest';
import { dataOf, FRAME_DATA, FrameSplitter, shortenedData } from '../../support/h2-frames.js';

function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

describe('splitting HTTP/2 into frames', () => {
  const wire = Buffer.concat([
    frame(4, 0, 0, Buffer.alloc(6)),
    frame(0, 1, 3, Buffer.from('abc')),
    frame(6, 0, 0, Buffer.alloc(8)),
  ]);

  it('gives the same frames for every chunk size', () => {
    for (let size = 1; size <= wire.length; size += 1) {
      const splitter = new FrameSplitter(0);
      const frames = [];
      for (let at = 0; at < wire.length; at += size) frames.push(...splitter.push(wire.subarray(at, at + size)));
      expect(frames.map(({ type, flags, streamId }) => [type, flags, streamId])).toEqual([
        [4, 0, 0],
        [0, 1, 3],
        [6, 0, 0],
      ]);
      expect(Buffer.concat(frames.map(({ raw }) => raw))).toEqual(wire);
      expect(frames[1]?.payload.toString()).toBe('abc');
    }
  });

  it('skips the preface of the client, also when it comes in pieces', () => {
    const splitter = new FrameSplitter(24);
    const sent = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), wire]);
    expect(splitter.push(sent.subarray(0, 10))).toEqual([]);
    expect(splitter.push(sent.subarray(10))).toHaveLength(3);
  });

  it('takes the padding off the data', () => {
    const padded = frame(FRAME_DATA, 0x8, 1, Buffer.from([2, 7, 8, 9, 0, 0]));
    const [only] = new FrameSplitter(0).push(padded);
    expect(only === undefined ? undefined : [...dataOf(only)]).toEqual([7, 8, 9]);
  });

  it('shortens a data frame to a frame of its own that does not end the stream', () => {
    const [only] = new FrameSplitter(0).push(frame(FRAME_DATA, 1, 5, Buffer.from('abcdef')));
    if (only === undefined) throw new Error('no frame');
    const [short] = new FrameSplitter(0).push(shortenedData(only, 4));
    expect([short?.type, short?.flags, short?.streamId, short?.payload.toString()]).toEqual([0, 0, 5, 'abcd']);
    expect(shortenedData(only, 0)).toHaveLength(0);
  });
});
