import { describe, expect, it } from 'vitest';
import { etcdserverpb, mvccpb } from '../../../../src/generated/etcd.js';
import { EtcdError } from '../../../../src/wire/errors.js';
import { EVENT_DELETE, NO_PREV } from '../../../../src/wire/event-batch.js';
import { openBatch } from '../../../../src/wire/open-batch.js';
import { BatchWriter } from '../../../../src/workers/batch/batch-writer.js';
import {
  decodeEvents,
  decodeWatchHead,
  findLastRevision,
  WatchHead,
} from '../../../../src/workers/watch/watch-decoder.js';
import { longFromBigint } from '../../../../src/wire/int64.js';
import { writeFields } from '../../../support/raw-protobuf.js';
import { Rng, seeds } from '../../../support/rng.js';

// protobufjs reads the two halves only; its types ask for the whole class of the package `long`.
const long = (value: bigint | number): never => longFromBigint(BigInt(value)) as never;

interface TestEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly value: string;
  readonly revisions: readonly [mod: number, create: number, version: number];
  readonly lease: bigint;
  readonly prev: { readonly value: string; readonly mod: number; readonly lease: bigint } | undefined;
}

interface TestResponse {
  readonly watchId: bigint;
  readonly revision: number;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly fragment: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  readonly events: readonly TestEvent[];
}

function randomEvents(rng: Rng, count: number): TestEvent[] {
  let revision = rng.pick([1, 1000, 2 ** 33]);
  return Array.from({ length: count }, () => {
    revision += rng.integer(0, 2);
    return {
      type: rng.pick(['put', 'delete'] as const),
      key: 'k'.repeat(rng.integer(1, 200)),
      value: 'v'.repeat(rng.pick([0, 5, 20_000])),
      revisions: [revision, rng.integer(0, 2 ** 40), rng.integer(0, 200)],
      lease: rng.pick([0n, 0n, 2n ** 62n + 1n, -3n]),
      prev: rng.chance(0.3)
        ? { value: rng.pick(['', 'old']), mod: rng.integer(1, 9), lease: rng.pick([0n, -1n]) }
        : undefined,
    };
  });
}

function randomResponse(rng: Rng): TestResponse {
  return {
    watchId: rng.pick([0n, 1n, -1n, 2n ** 53n - 1n]),
    revision: rng.pick([0, 1, 2 ** 40]),
    created: rng.chance(0.3),
    canceled: rng.chance(0.3),
    fragment: rng.chance(0.3),
    compactRevision: rng.pick([0, 5, 2 ** 34]),
    cancelReason: rng.pick(['', 'because', 'é']),
    events: randomEvents(rng, rng.pick([0, 1, 3, 80])),
  };
}

function encode(response: TestResponse): Uint8Array {
  const events = response.events.map((event) =>
    mvccpb.Event.create({
      type: event.type === 'put' ? 0 : 1,
      kv: {
        key: Buffer.from(event.key),
        value: Buffer.from(event.value),
        modRevision: long(event.revisions[0]),
        createRevision: long(event.revisions[1]),
        version: long(event.revisions[2]),
        lease: long(event.lease),
      },
      prevKv:
        event.prev === undefined
          ? null
          : {
              key: Buffer.from(event.key),
              value: Buffer.from(event.prev.value),
              modRevision: long(event.prev.mod),
              lease: long(event.prev.lease),
            },
    }),
  );
  const { watchId, revision, compactRevision, ...flags } = response;
  const header = { clusterId: long(-1n), memberId: long(5), revision: long(revision), raftTerm: long(-1n) };
  return etcdserverpb.WatchResponse.encode({
    ...flags,
    header,
    watchId: long(watchId),
    compactRevision: long(compactRevision),
    events,
  }).finish();
}

/** The message somewhere inside a larger buffer. */
function lend(message: Uint8Array): [buffer: Uint8Array, start: number, end: number] {
  const buffer = new Uint8Array(message.length + 20).fill(0x7f);
  buffer.set(message, 11);
  return [buffer, 11, 11 + message.length];
}

function readBack(writer: BatchWriter): TestEvent[] {
  writer.endSegment(1, 1, 0);
  const batch = openBatch(writer.seal());
  const text = (start: number | undefined, length: number | undefined): string =>
    Buffer.from(batch.heap).toString('utf8', start, (start ?? 0) + (length ?? 0));
  return Array.from({ length: batch.eventCount }, (_, row) => {
    const { prev } = batch;
    return {
      type: batch.type[row] === EVENT_DELETE ? 'delete' : 'put',
      key: text(batch.keyStart[row], batch.keyLength[row]),
      value: text(batch.valueStart[row], batch.valueLength[row]),
      revisions: [batch.modRevision[row] ?? -1, batch.createRevision[row] ?? -1, batch.version[row] ?? -1],
      lease: batch.lease?.[row] ?? 0n,
      prev:
        prev === undefined || prev.valueStart[row] === NO_PREV
          ? undefined
          : {
              value: text(prev.valueStart[row], prev.valueLength[row]),
              mod: prev.modRevision[row] ?? -1,
              lease: prev.lease[row] ?? 9n,
            },
    };
  });
}

describe('decoding a WatchResponse', () => {
  it.each(seeds())('gives what protobufjs encoded (seed %d)', (seed) => {
    const rng = new Rng(seed);
    const writer = new BatchWriter();
    const head = new WatchHead();
    for (let round = 0; round < 150; round += 1) {
      const response = randomResponse(rng);
      const [buffer, start, end] = lend(encode(response));
      decodeWatchHead(head, buffer, start, end);
      const { events, watchId, ...rest } = response;
      expect(head).toMatchObject({ ...rest, streamWatchId: Number(watchId), eventCount: events.length });
      if (events.length === 0) continue;
      const last = decodeEvents(writer, buffer, head.eventsStart, end, 0);
      buffer.fill(0);
      expect(last).toBe(events.at(-1)?.revisions[0]);
      expect(readBack(writer)).toEqual(events);
    }
  });

  it.each(seeds())('appends only what is not older than asked for (seed %d)', (seed) => {
    const rng = new Rng(seed);
    const writer = new BatchWriter();
    const head = new WatchHead();
    for (let round = 0; round < 50; round += 1) {
      const events = randomEvents(rng, 20);
      const from = rng.pick(events).revisions[0] + rng.integer(0, 1);
      const [buffer, start, end] = lend(encode({ ...randomResponse(rng), events }));
      decodeWatchHead(head, buffer, start, end);
      const expected = events.filter(({ revisions }) => revisions[0] >= from);
      expect(decodeEvents(writer, buffer, head.eventsStart, end, from)).toBe(expected.at(-1)?.revisions[0] ?? 0);
      expect(readBack(writer)).toEqual(expected);
    }
  });

  it.each(seeds())('finds where the last revision begins (seed %d)', (seed) => {
    const rng = new Rng(seed);
    const writer = new BatchWriter();
    const head = new WatchHead();
    for (let round = 0; round < 50; round += 1) {
      const events = randomEvents(rng, rng.integer(1, 12));
      const [buffer, start, end] = lend(encode({ ...randomResponse(rng), events }));
      decodeWatchHead(head, buffer, start, end);
      const found = findLastRevision(buffer, head.eventsStart, end);
      const last = events.at(-1)?.revisions[0] ?? 0;
      const tail = events.filter(({ revisions }) => revisions[0] === last);
      expect(found.revision).toBe(last);
      expect(found.whole).toBe(tail.length === events.length);
      decodeEvents(writer, buffer, found.start, end, 0);
      expect(readBack(writer)).toEqual(tail);
    }
  });

  const event = (modRevision: number): Uint8Array =>
    writeFields([
      [
        2,
        writeFields([
          [1, 'k'],
          [3, modRevision],
        ]),
      ],
    ]);

  it('skips fields it does not know, at every level', () => {
    const unknown = [0x78, 1, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7a, 1, 0xff, 0x7d, 1, 2, 3, 4];
    const kv = Buffer.from([...unknown, ...writeFields([[1, 'k'], [3, 9]]), ...unknown]); // prettier-ignore
    const inner = Buffer.from([...unknown, ...writeFields([[2, kv]]), ...unknown]);
    const message = Buffer.from([...unknown, ...writeFields([[11, inner]]), ...unknown]);
    const head = new WatchHead();
    const writer = new BatchWriter();
    decodeWatchHead(head, message, 0, message.length);
    expect(head.eventCount).toBe(1);
    expect(decodeEvents(writer, message, head.eventsStart, message.length, 0)).toBe(9);
    expect(readBack(writer)[0]?.key).toBe('k');
  });

  it.each([
    ['an event without a revision', [[11, writeFields([[2, writeFields([[1, 'k']])]])]]],
    ['an event without a key-value', [[11, new Uint8Array(0)]]],
    ['an event with a negative revision', [[11, event(-4)]]],
    ['revisions that go down', [[11, event(5)], [11, event(4)]]], // prettier-ignore
  ] as const)('refuses %s', (_name, fields) => {
    const message = writeFields(fields);
    expect(() => decodeEvents(new BatchWriter(), message, 0, message.length, 0)).toThrow(EtcdError);
  });

  it('refuses a message cut off at any byte within its events', () => {
    const message = writeFields([[11, event(300)], [11, event(301)]]); // prettier-ignore
    const boundary = message.length / 2;
    for (let end = 1; end < message.length; end += 1) {
      if (end === boundary) continue;
      expect(() => decodeEvents(new BatchWriter(), message, 0, end, 0), `cut at ${end}`).toThrow(EtcdError);
      expect(() => findLastRevision(message, 0, end), `cut at ${end}`).toThrow(EtcdError);
    }
  });

  it.each(seeds())(
    'answers mutated bytes with a coded error or with a decoding, and leaves the batch whole (seed %d)',
    (seed) => {
      const rng = new Rng(seed);
      const writer = new BatchWriter();
      const head = new WatchHead();
      let refused = 0;
      for (let round = 0; round < 1500; round += 1) {
        const events = randomEvents(rng, rng.integer(1, 4)).map((random) => ({ ...random, value: 'v' }));
        const message = encode({ ...randomResponse(rng), events });
        for (let count = rng.integer(1, 4); count > 0; count -= 1)
          message[rng.integer(0, message.length - 1)] = rng.uint32();
        const [buffer, start, end] = lend(
          message.subarray(0, rng.chance(0.2) ? rng.integer(0, message.length) : undefined),
        );
        const mark = writer.mark();
        try {
          decodeWatchHead(head, buffer, start, end);
          if (head.eventCount > 0) {
            findLastRevision(buffer, head.eventsStart, end);
            decodeEvents(writer, buffer, head.eventsStart, end, 0);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(EtcdError);
          expect((error as EtcdError).code).toBe('malformed-response');
          writer.rollback(mark);
          refused += 1;
        }
        writer.endSegment(1, 1, 0);
        if (writer.bytes > 10_000) {
          const batch = openBatch(writer.seal());
          for (let row = 0; row < batch.eventCount; row += 1) {
            expect((batch.keyStart[row] ?? 0) + (batch.keyLength[row] ?? 0)).toBeLessThanOrEqual(batch.heap.length);
            expect((batch.valueStart[row] ?? 0) + (batch.valueLength[row] ?? 0)).toBeLessThanOrEqual(batch.heap.length);
          }
        }
      }
      expect(refused).toBeGreaterThan(100);
    },
  );
});
