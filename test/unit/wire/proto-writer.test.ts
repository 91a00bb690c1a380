import { describe, expect, it } from 'vitest';
import { etcdserverpb } from '../../../src/generated/etcd.js';
import { EtcdError } from '../../../src/wire/errors.js';
import { ProtoWriter } from '../../../src/wire/proto-writer.js';
import { writeCancel, writeCreate, writeProgressRequest } from '../../../src/workers/watch/watch-request.js';
import { int64Of, readFields } from '../../support/raw-protobuf.js';
import { watchSpec } from '../../support/watch-spec.js';

/** The messages behind their gRPC prefixes. */
function frames(bytes: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    expect(bytes[at]).toBe(0);
    const length = view.getUint32(at + 1);
    messages.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}

describe('ProtoWriter', () => {
  it.each([0, 1, 127, 128, 16_383, 16_384, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 35, 2 ** 49, Number.MAX_SAFE_INTEGER])(
    'writes the varint %d as protobuf does',
    (value) => {
      const writer = new ProtoWriter(1);
      writer.uint(8);
      writer.uint(value);
      expect(int64Of(readFields(writer.take()), 1)).toBe(BigInt(value));
    },
  );

  it.each([1n, -1n, 127n, 128n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)])('writes the int64 field %d', (value) => {
    const writer = new ProtoWriter(1);
    writer.int64Field(1, value);
    expect(int64Of(readFields(writer.take()), 1)).toBe(value);
  });

  it('leaves out what proto3 leaves out', () => {
    const writer = new ProtoWriter();
    writer.int64Field(1, 0n);
    writer.uintField(2, 0);
    writer.boolField(3, false);
    writer.bytes(4, new Uint8Array(0));
    expect(writer.length).toBe(0);
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN])('refuses %d as a varint', (value) => {
    expect(() => new ProtoWriter().uint(value)).toThrow(EtcdError);
  });

  it('keeps the content of a nested message that ends close to the end of the buffer', () => {
    for (let initial = 1; initial < 64; initial += 1) {
      for (const length of [0, 1, 5, 126, 127, 128, 200, 20_000]) {
        const writer = new ProtoWriter(initial);
        const outer = writer.beginMessage(1);
        const inner = writer.beginMessage(2);
        writer.bytes(3, new Uint8Array(length).fill(7));
        writer.endMessage(inner);
        writer.endMessage(outer);
        const [first] = readFields(writer.take());
        const [second] = readFields(first?.bytes ?? new Uint8Array(0));
        expect(second?.number).toBe(2);
        const content = readFields(second?.bytes ?? new Uint8Array(0));
        const expected = length === 0 ? [] : [Buffer.alloc(length, 7)];
        expect(content.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).toEqual(
          expected.map((bytes) => bytes.toString('hex')),
        );
      }
    }
  });

  it('writes thousands of framed requests that protobufjs reads back, wherever the buffer grows', () => {
    const writer = new ProtoWriter(1);
    for (let id = 1; id <= 3000; id += 1) {
      writeCreate(writer, watchSpec({ watch: id, key: `k${id}`, startRevision: id * 1000 }), id, id * 1000, false);
      writeCancel(writer, id);
      if (id % 100 === 0) writeProgressRequest(writer);
    }
    const requests = frames(writer.take()).map((message) => etcdserverpb.WatchRequest.decode(message));
    expect(requests).toHaveLength(6030);
    expect(requests.filter((request) => request.progressRequest).length).toBe(30);
    const creates = requests.flatMap(({ createRequest }) => (createRequest ? [createRequest] : []));
    const cancels = requests.flatMap(({ cancelRequest }) => (cancelRequest ? [cancelRequest] : []));
    for (const [index, create] of creates.entries()) {
      expect(Number(create.watchId)).toBe(index + 1);
      expect(Number(create.startRevision)).toBe((index + 1) * 1000);
      expect(Buffer.from(create.key ?? []).toString()).toBe(`k${index + 1}`);
    }
    expect(cancels.map(({ watchId }) => Number(watchId))).toEqual(creates.map(({ watchId }) => Number(watchId)));
  });

  it('writes every option of a watch', () => {
    const writer = new ProtoWriter();
    const rangeEnd = Uint8Array.of(0);
    const spec = watchSpec({ rangeEnd, prevKv: true, noPut: true, noDelete: true });
    writeCreate(writer, spec, 2 ** 53 - 1, 5, true);
    const [message] = frames(writer.take());
    const create = etcdserverpb.WatchRequest.decode(message ?? new Uint8Array(0)).createRequest;
    expect(create).toMatchObject({ progressNotify: true, prevKv: true, fragment: true, filters: [0, 1] });
    expect(String(create?.watchId)).toBe(String(2 ** 53 - 1));
    expect([...(create?.rangeEnd ?? [])]).toEqual([0]);
  });
});
