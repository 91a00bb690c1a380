import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeWatchServer } from '../../../support/fake-watch-server.js';
import { WatchEngineRig } from '../../../support/watch-engine-rig.js';
import { watchSpec } from '../../../support/watch-spec.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const INTERVAL_MS = 20;

class Rig extends WatchEngineRig {
  readonly server: FakeWatchServer;

  constructor() {
    const server = new FakeWatchServer({ seed: 5 });
    super(server, { flushIntervalMs: INTERVAL_MS, flushEvents: 1_000 });
    this.server = server;
  }

  /** Everything happens that can happen without time passing. */
  async settle(): Promise<void> {
    do await this.advance(0);
    while (this.server.step());
  }

  /** One watch of all keys, with so many events at once that the shard counts as busy. */
  async makeBusy(): Promise<void> {
    this.watch(watchSpec());
    await this.settle();
    await this.advance(1_000);
    await this.write(20);
    await this.write(1);
  }

  async write(events: number): Promise<void> {
    for (let count = 0; count < events; count += 1) this.server.store.write({ put: 'k' });
    await this.settle();
  }

  /** As a stream would bring them, with nothing else happening at the server. */
  async gather(events: number): Promise<void> {
    const { writer } = this.batcher;
    for (let count = 0; count < events; count += 1) {
      writer.columns.modRevision[writer.eventCount] = 1_000;
      writer.keepEvent();
    }
    writer.endSegment(1, 1_000, 0);
    this.batcher.appended();
    await this.advance(0);
  }

  /** The time of a rest; fake timers take an immediate set by a timer for one of 1 ms. */
  async rest(): Promise<void> {
    await this.advance(INTERVAL_MS);
    await this.advance(1);
    await this.settle();
  }

  get eventCount(): number {
    return this.get(1).events.length;
  }
}

describe('an inline shard', () => {
  it('that is busy leaves its connection unread until its batch is due', async () => {
    const rig = new Rig();
    await rig.makeBusy();
    const [connection] = rig.server.connections();
    expect(connection?.isHeld).toBe(true);
    // The first ones left at once: nobody knew that there would be more.
    expect(rig.eventCount).toBeLessThan(21);
    await rig.rest();
    expect(connection?.isHeld).toBe(false);
    expect(rig.eventCount).toBe(21);
  });

  it('that has little to tell never does', async () => {
    const rig = new Rig();
    rig.watch(watchSpec());
    await rig.settle();
    for (let count = 1; count <= 50; count += 1) {
      await rig.write(1);
      expect(rig.eventCount).toBe(count);
      await rig.advance(2);
    }
    expect(rig.server.connections().map(({ holds }) => holds)).toEqual([0]);
  });

  it('leaves connections that it is moving away from unread, too, and reads them again', async () => {
    const rig = new Rig();
    await rig.makeBusy();
    await rig.rest();
    const [leaving] = rig.server.connections();
    leaving?.goaway();
    await rig.write(20);
    await rig.write(1);
    const connections = rig.server.connections();
    expect(connections.length).toBe(2);
    expect(connections.map(({ isHeld }) => isHeld)).toEqual([true, true]);
    await rig.rest();
    expect(connections.map(({ isHeld }) => isHeld)).toEqual([false, false]);
    await rig.advance(1_000);
    await rig.settle();
    expect(rig.eventCount).toBe(42);
  });

  it('that is busy leaves nothing unread while creates wait for answers, on a stream that it moves away from, too', async () => {
    const rig = new Rig();
    await rig.makeBusy();
    await rig.rest();
    await rig.advance(1_000);
    const [connection] = rig.server.connections();
    const holds = connection?.holds;
    rig.watch(watchSpec({ watch: 2 }));
    await rig.gather(20);
    await rig.gather(1);
    connection?.goaway();
    await rig.advance(INTERVAL_MS);
    await rig.gather(20);
    await rig.gather(1);
    expect(rig.server.connections().map((each) => [each.holds, each.isHeld])).toEqual([
      [holds, false],
      [0, false],
    ]);
    await rig.settle();
    await rig.advance(INTERVAL_MS);
    expect(rig.get(2).createdCount).toBe(1);
    await rig.gather(20);
    await rig.gather(1);
    expect(connection?.isHeld).toBe(true);
  });

  it('reads its connections again when it stops', async () => {
    const rig = new Rig();
    await rig.makeBusy();
    const [connection] = rig.server.connections();
    expect(connection?.isHeld).toBe(true);
    rig.batcher.close();
    expect(connection?.isHeld).toBe(false);
    expect(rig.eventCount).toBe(21);
    await rig.advance(1_000);
    expect(connection?.holds).toBe(1);
  });
});
