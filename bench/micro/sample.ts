/** Seeded input of the micro benches: WatchResponses as etcd sends them, and the sealed batches they become. Pure. */
import type { EventBatchData } from '../../src/wire/event-batch.js';
import { openBatch } from '../../src/wire/open-batch.js';
import { BatchWriter } from '../../src/workers/batch/batch-writer.js';
import { decodeEvents, decodeWatchHead, WatchHead } from '../../src/workers/watch/watch-decoder.js';
import { encodeEvent, encodeWatchAnswer, FakeWatchStore } from '../../test/support/fake-watch-store.js';
import { Rng } from '../../test/support/rng.js';

/** Sizes of a batch that matter: the idle case, a busy one, a replay. */
export const EVENT_COUNTS = [1, 10, 1000] as const;

/** One answer with so many events: keys of 16 to 48 bytes, values of 0 to 256, leases on some, as asked with prev_kv. */
export function sampleMessage(eventCount: number, withPrev = false): Uint8Array {
  const rng = new Rng(20_250_101);
  const store = new FakeWatchStore();
  const keys = Array.from({ length: 500 }, (_, index) => `bench/${String(index)}/`.padEnd(rng.integer(16, 48), 'k'));
  for (const put of keys) store.write({ put });
  const first = store.revision + 1;
  for (let count = 0; count < eventCount; count += 1) {
    const value = 'v'.repeat(rng.integer(0, 256));
    store.write({ put: rng.pick(keys), value, lease: rng.chance(0.2) ? 2n ** 62n + BigInt(count) : 0n });
  }
  const events = store.history({ key: '\0', rangeEnd: '\0' }, first).map((event) => encodeEvent(event, withPrev));
  return encodeWatchAnswer({ id: 77, revision: store.revision, clusterId: store.clusterId, events });
}

/** Decodes one message into the writer, as a shard does. */
export function decodeInto(writer: BatchWriter, head: WatchHead, message: Uint8Array): void {
  decodeWatchHead(head, message, 0, message.length);
  decodeEvents(writer, message, head.eventsStart, message.length, 1);
  writer.endSegment(1, head.revision, 0);
}

export function sampleBatch(eventCount: number, withPrev = false): Uint8Array {
  const writer = new BatchWriter();
  decodeInto(writer, new WatchHead(), sampleMessage(eventCount, withPrev));
  return writer.seal();
}

export function openSample(eventCount: number): EventBatchData {
  return openBatch(sampleBatch(eventCount));
}
