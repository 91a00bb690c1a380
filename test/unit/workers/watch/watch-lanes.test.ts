import { expect, it } from 'vitest';
import type { WatchLane } from '../../../../src/workers/watch/watch-lane.js';
import { WatchLanes } from '../../../../src/workers/watch/watch-lanes.js';

it('streams of an old store are all left, whatever lanes go with the watches of one', () => {
  const dropped: string[] = [];
  const lane = (name: string, onDrop: () => void = () => undefined): WatchLane => {
    const stream = { storeRestarts: 0, connection: { endpoint: { text: name } } };
    const made = {
      streams: () => [stream],
      drop: () => {
        dropped.push(name);
        onDrop();
      },
      releaseUnused: () => undefined,
      close: () => undefined,
    };
    return made as unknown as WatchLane; // nothing else of it is used here
  };
  const lanes = new WatchLanes((name) => lane(name));
  const first = lane('first', () => lanes.removeIsolated(first));
  lanes.addIsolated(first);
  lanes.addIsolated(lane('second'));
  lanes.leaveOldStore(1);
  expect(dropped).toEqual(['live', 'catch-up', 'first', 'second']);
});
