/** Questions how far a watch has come, on the shard's side. */
import { expect, it } from 'vitest';
import type { ShardReport } from '../../../../src/wire/contract.js';
import { ProgressRequests } from '../../../../src/workers/watch/progress-requests.js';
import { WatchEntry } from '../../../../src/workers/watch/watch-entry.js';
import { globalTimers } from '../../../support/global-timers.js';
import { watchSpec } from '../../../support/watch-spec.js';

const COUNT = 100_000; // so many that quadratic work would outlast the test's time

function asked(): {
  readonly requests: ProgressRequests;
  readonly entries: WatchEntry[];
  readonly told: ShardReport[];
} {
  const told: ShardReport[] = [];
  const requests = new ProgressRequests({
    timers: globalTimers,
    postInOrder: (report) => void told.push(report),
    ask: () => undefined,
  });
  const entries = Array.from({ length: COUNT }, (_, index) => new WatchEntry(watchSpec({ watch: index + 1 })));
  for (const [index, entry] of entries.entries()) requests.start(index, entry, 600_000);
  return { requests, entries, told };
}

it('of very many watches end with their watches without quadratic work', () => {
  const { requests, entries, told } = asked();
  for (const entry of entries.toReversed()) requests.watchEnded(entry);
  expect(told.length).toBe(COUNT);
  requests.close();
});

it('of very many watches are answered watch by watch without quadratic work', () => {
  const { requests, entries, told } = asked();
  for (const entry of entries.toReversed()) requests.watchReached(entry, 5);
  expect(told.length).toBe(COUNT);
  requests.close();
});

it('of one watch are all answered, and those of another are not', () => {
  const told: ShardReport[] = [];
  const requests = new ProgressRequests({
    timers: globalTimers,
    postInOrder: (report) => void told.push(report),
    ask: () => undefined,
  });
  const [one, other] = [new WatchEntry(watchSpec({ watch: 1 })), new WatchEntry(watchSpec({ watch: 2 }))];
  requests.start(1, one, 600_000);
  requests.start(2, other, 600_000);
  requests.start(3, one, 600_000);
  requests.reached(7, (entry) => entry === one);
  expect(told).toMatchObject([
    { requestId: 1, revision: 7, error: undefined },
    { requestId: 3, revision: 7, error: undefined },
  ]);
  requests.watchEnded(other);
  expect(told[2]).toMatchObject({ requestId: 2, error: { code: 'closed' } });
});
