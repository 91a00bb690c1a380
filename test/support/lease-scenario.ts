/** What the tests of leases under faults share: who is alive as etcd itself says, and what belongs to one test. */
import { expect } from 'vitest';
import type { Etcd, LeaseCollection, LeaseEnd } from 'etcd-vigil';
import { Etcdctl } from './etcdctl.js';
import type { EtcdProcess } from './etcd.js';
import { eventually } from './poll.js';

interface Closable {
  close(): Promise<void> | void;
}

/** What a test gets from the runner; concurrent tests must not share an `afterEach`. */
export interface TestEnd {
  onTestFinished(action: () => Promise<void>): void;
}

/** Closes what it is given when the test is over, the last first. */
export function ownerOf(test: TestEnd): <T extends Closable>(one: T) => T {
  const opened: Closable[] = [];
  test.onTestFinished(async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  });
  return (one) => {
    opened.push(one);
    return one;
  };
}

/** As etcd itself says, through a client of its own. */
export async function listed(server: EtcdProcess): Promise<Set<bigint>> {
  return new Set(await new Etcdctl(server).leases());
}

/** Every lease of the collection is alive here and known to etcd. */
export async function expectNoneLost(
  server: EtcdProcess,
  many: LeaseCollection,
  ends: readonly LeaseEnd[],
): Promise<void> {
  expect(ends).toEqual([]);
  expect(many.aliveCount).toBe(many.size);
  const known = await listed(server);
  const missing = Array.from({ length: many.size }, (_, index) => many.leaseIdAt(index)).filter((id) => !known.has(id));
  expect(missing).toEqual([]);
}

export function endsOf(many: LeaseCollection): LeaseEnd[] {
  const ends: LeaseEnd[] = [];
  many.onEnded((end) => ends.push(end));
  return ends;
}

/** Waits on the clock: these tests are about time that passes. */
export async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await eventually(() => performance.now() >= end, { timeoutMs: ms + 10_000, intervalMs: 50 });
}

export async function keepAlives(etcd: Etcd): Promise<number> {
  return (await etcd.stats()).shards.reduce((sum, { stats }) => sum + (stats?.keepAlives ?? 0), 0);
}
