import { describe, expect, it } from 'vitest';
import { GrpcTap, type SeenMessage, type Verdict } from '../../support/grpc-tap.js';
import { writeFields } from '../../support/raw-protobuf.js';
import { encodeWatchCreate } from '../../support/raw-watch.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

function data(streamId: number, payload: Uint8Array, flags = 0): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

function framed(body: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

function answer(watchId: bigint, created: boolean): Buffer {
  const header = writeFields([[3, 10n]]);
  return framed(
    writeFields([
      [1, header],
      [2, watchId],
      [3, created],
    ]),
  );
}

describe('reading along on a connection to etcd', () => {
  function tapOf(judge: (message: SeenMessage) => Verdict): GrpcTap {
    const tap = new GrpcTap((describe) => judge(describe()));
    tap.clientSent(Buffer.concat([PREFACE, data(1, framed(encodeWatchCreate({ key: 'k' })))]));
    return tap;
  }
  const cutAt = (watchId: bigint, verdict: Verdict) => (message: SeenMessage) =>
    message.kind === 'watch' && message.watchId === watchId ? verdict : 'pass';
  const [one, two, three] = [answer(1n, true), answer(2n, true), answer(3n, false)] as const;

  it('passes bytes on unchanged while nothing is cut, at any chunk size', () => {
    const wire = Buffer.concat([data(1, one), data(1, Buffer.concat([two, three]))]);
    for (let size = 1; size <= wire.length; size += 1) {
      const seen: SeenMessage[] = [];
      const tap = tapOf((message) => {
        seen.push(message);
        return 'pass';
      });
      const out: Buffer[] = [];
      for (let at = 0; at < wire.length; at += size) out.push(tap.serverSent(wire.subarray(at, at + size)).bytes);
      expect(Buffer.concat(out)).toEqual(wire);
      expect(seen.map((message) => message.kind === 'watch' && message.watchId)).toEqual([1n, 2n, 3n]);
    }
  });

  it('cuts in the middle of a frame, exactly before or after the message', () => {
    const wire = data(1, Buffer.concat([one, two, three]));
    const after = tapOf(cutAt(2n, 'cut-after')).serverSent(wire);
    expect(after).toEqual({ cut: true, bytes: data(1, Buffer.concat([one, two])) });
    const before = tapOf(cutAt(2n, 'cut-before')).serverSent(wire);
    expect(before).toEqual({ cut: true, bytes: data(1, one) });
  });

  it('withholds the end of a message that spans frames when it cuts before it', () => {
    const tap = tapOf(cutAt(2n, 'cut-before'));
    const [start, end] = [data(1, two.subarray(0, 7)), data(1, two.subarray(7))];
    expect(tap.serverSent(start)).toEqual({ cut: false, bytes: start });
    expect(tap.serverSent(end)).toEqual({ cut: true, bytes: Buffer.alloc(0) });
  });

  it('tells keep-alives and unary calls from watches', () => {
    const seen: SeenMessage[] = [];
    const tap = tapOf((message) => {
      seen.push(message);
      return 'pass';
    });
    tap.clientSent(data(3, framed(writeFields([[1, 77n]]))));
    tap.clientSent(Buffer.concat([data(5, framed(writeFields([[1, 'key']]))), data(5, Buffer.alloc(0), 1)]));
    const keepAlive = writeFields([
      [2, 77n],
      [3, 9],
    ]);
    tap.serverSent(Buffer.concat([data(3, framed(keepAlive)), data(5, framed(Buffer.alloc(0)))]));
    expect(seen).toEqual([
      { kind: 'keep-alive', streamId: 3, leaseId: 77n, ttlSeconds: 9n },
      { kind: 'other', streamId: 5, bytes: 0 },
    ]);
  });
});
