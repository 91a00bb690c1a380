import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test } from 'vitest';
import type { StatusMessage } from '../../../src/main/diagnostics.js';
import { leastLoadedShard } from '../../../src/main/placement.js';
import type { EngineStatus } from '../../../src/main/engine-status.js';
import { StatusFeed } from '../../../src/main/status.js';

function ready(shard: number): EngineStatus {
  return { type: 'shard-ready', shard, epoch: 1 };
}

async function rest(reader: AsyncIterable<EngineStatus>): Promise<EngineStatus[]> {
  const read: EngineStatus[] = [];
  for await (const status of reader) read.push(status);
  return read;
}

describe('status', () => {
  test('reaches each consumer from when it came, and ends after closed', async () => {
    const feed = new StatusFeed(undefined);
    const early = feed[Symbol.asyncIterator]();
    feed.publish(ready(0));
    const late = feed[Symbol.asyncIterator]();
    feed.publish(ready(1));
    feed.close();
    expect(await rest(early)).toEqual([ready(0), ready(1), { type: 'closed' }]);
    expect(await rest(late)).toEqual([ready(1), { type: 'closed' }]);
    expect(await rest(feed)).toEqual([]);
  });

  test('loses the oldest for a consumer that does not read, and nothing for another', async () => {
    const feed = new StatusFeed(undefined);
    const slow = feed[Symbol.asyncIterator]();
    const fast = feed[Symbol.asyncIterator]();
    for (let shard = 0; shard < 3_000; shard += 1) {
      feed.publish(ready(shard));
      expect((await fast.next()).value).toEqual(ready(shard));
    }
    expect((await slow.next()).value).toEqual(ready(3_000 - 1_024));
  });

  test('wakes a consumer that waits, and lets it leave', async () => {
    const feed = new StatusFeed(undefined);
    const reader = feed[Symbol.asyncIterator]();
    const next = reader.next();
    feed.publish(ready(4));
    expect(await next).toEqual({ done: false, value: ready(4) });
    const waiting = reader.next();
    await reader.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    feed.publish(ready(5));
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  test('is published on its diagnostics channel, with the engine’s name', () => {
    const heard: unknown[] = [];
    const listener = (message: unknown): void => void heard.push(message);
    subscribe('etcd-vigil:status', listener);
    new StatusFeed('ETCD').publish(ready(0));
    unsubscribe('etcd-vigil:status', listener);
    new StatusFeed('ETCD').publish(ready(1));
    expect(heard).toEqual([{ engine: 'ETCD', status: ready(0) } satisfies StatusMessage]);
  });
});

describe('placement', () => {
  test('takes the living shard with the fewest watchers, the first of several, and none where none lives', () => {
    const loads = (...watchers: number[]) =>
      watchers.map((count, shard) => ({ shard, watchers: count, isAlive: true }));
    expect(leastLoadedShard(loads(3, 1, 2))).toBe(1);
    expect(leastLoadedShard(loads(2, 2, 2))).toBe(0);
    expect(leastLoadedShard(loads(5, 1).map((load) => ({ ...load, isAlive: load.shard !== 1 })))).toBe(0);
    expect(leastLoadedShard(loads(0).map((load) => ({ ...load, isAlive: false })))).toBeUndefined();
    expect(leastLoadedShard([])).toBeUndefined();
  });
});
