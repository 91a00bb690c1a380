/** Who gets the places for watches that are kept apart. */
import { expect, it } from 'vitest';
import { Isolation } from '../../../../src/workers/watch/isolation.js';
import { WatchEntry } from '../../../../src/workers/watch/watch-entry.js';
import type { WatchLane } from '../../../../src/workers/watch/watch-lane.js';
import type { WatchLanes } from '../../../../src/workers/watch/watch-lanes.js';
import { watchSpec } from '../../../support/watch-spec.js';

/** Lanes are only made and removed here. */
class Places {
  readonly #running = new Map<WatchLane, ReadonlySet<WatchEntry>>();
  #last = 0;
  /** Those that got a place after they had waited for it. */
  readonly given: WatchEntry[] = [];
  readonly isolation = new Isolation({
    lanes: {
      addIsolated: () => undefined,
      removeIsolated: (lane: WatchLane) => this.#running.delete(lane),
    } as unknown as WatchLanes,
    makeLane: ({ waiting }) => {
      const lane = { want: () => undefined } as unknown as WatchLane;
      this.#running.set(lane, waiting);
      this.given.push(...waiting);
      return lane;
    },
    now: () => 0,
  });

  /** These have ended a stream and are tried apart. */
  halve(watches: readonly WatchEntry[]): void {
    this.isolation.halve(watches, false, true);
    for (const entry of watches) this.isolation.place(entry);
  }

  add(): WatchEntry {
    const entry = new WatchEntry(watchSpec({ watch: (this.#last += 1) }));
    this.halve([entry]);
    return entry;
  }

  /** The watch that has had its place for longest ends. */
  freeOne(): void {
    const [first] = this.running;
    if (first !== undefined) this.isolation.release(first);
  }

  /** Those that have a place, by how long they have had it. */
  get running(): WatchEntry[] {
    return [...this.#running.values()].flatMap((waiting) => [...waiting]);
  }
}

it('a watch gets one in the end, although newer ones wait for a place all the time', () => {
  const places = new Places();
  for (let count = 0; count < 16; count += 1) places.add();
  const innocent = places.add();
  expect(places.running).not.toContain(innocent);
  let rounds = 0;
  while (!places.running.includes(innocent)) {
    expect((rounds += 1)).toBeLessThan(20);
    places.add();
    places.freeOne();
  }
});

it('the newest get most of them, so that what was halved is followed to its end', () => {
  const places = new Places();
  for (let count = 0; count < 16; count += 1) places.add();
  const waiting = Array.from({ length: 40 }, () => places.add());
  for (let round = 0; round < 20; round += 1) places.freeOne();
  expect(places.given).toHaveLength(20);
  expect(places.given.filter((entry) => waiting.indexOf(entry) >= 20).length).toBeGreaterThanOrEqual(14);
});
