/**
 * What leases survive, or are meant not to survive, when this process itself is in trouble: a blocked main thread, a worker
 * that is killed. One after the other: each of these tests is in the way of any other.
 */
import { runningWorkers } from '../support/worker-tap.js';
import { describe, expect, it } from 'vitest';
import { EtcdProcess } from '../support/etcd.js';
import { endsOf, expectNoneLost, listed, ownerOf, pass } from '../support/lease-scenario.js';
import { eventually } from '../support/poll.js';
import { defaultEtcd } from '../support/etcd-binary.js';

// After the tap, which a static import would overtake.
const { connect } = await import('etcd-vigil');

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe(`leases of a process in trouble, etcd ${defaultEtcd().version}`, () => {
  // One block of 10 s for the three ways to be held: it is the costly part.
  it('a main thread blocked for twice the TTL loses none; with livenessMs it gives all up; the first line after knows', async (test) => {
    const own = ownerOf(test);
    const [server, other] = await Promise.all([EtcdProcess.start(), EtcdProcess.start()]);
    own(server);
    own(other);
    const plain = own(await connect({ endpoints: server.endpoint, shards: 1 }));
    const watchful = own(await connect({ endpoints: other.endpoint, shards: 1, livenessMs: 3_000 }));
    const inline = own(await connect({ endpoints: server.endpoint, shards: 'inline', livenessMs: 1_000 }));
    const one = await inline.leases.grant({ ttlSeconds: 30 });
    const kept = await plain.leases.grantMany(2_000, { ttlSeconds: 5 });
    const given = await watchful.leases.grantMany(2_000, { ttlSeconds: 5 });
    const keptEnds = endsOf(kept);
    const givenEnds = endsOf(given);
    await pass(1_000);
    expect(given.aliveCount).toBe(2_000);
    expect(one.isAlive()).toBe(true);
    const first = kept.at(0);
    const before = first.deadline.getTime();

    block(10_000);
    const keptAlive = kept.aliveCount;
    const givenAlive = given.aliveCount;
    const oneAlive = one.isAlive();
    const after = first.deadline.getTime();
    const now = Date.now();

    expect([keptAlive, givenAlive, oneAlive]).toEqual([2_000, 0, false]);
    expect(after).toBeGreaterThan(before + 5_000);
    expect(after).toBeGreaterThan(now);
    expect(after).toBeLessThanOrEqual(now + 5_000);
    await eventually(() => givenEnds.length >= 2_000);
    expect(new Set(givenEnds.map(({ reason }) => reason))).toEqual(new Set(['halted']));
    expect(new Set(givenEnds.map(({ leaseId }) => leaseId)).size).toBe(2_000);
    await expect(one.ended).resolves.toMatchObject({ reason: 'halted' });
    // Renewals stopped after 3 s: etcd has dropped them all, or does so now. The others it still knows.
    await eventually(async () => (await listed(other)).size === 0, { intervalMs: 200 });
    await expectNoneLost(server, kept, keptEnds);
    const next = await watchful.leases.grant({ ttlSeconds: 5 });
    await pass(4_000);
    expect(next.isAlive()).toBe(true);
    expect(givenEnds).toHaveLength(2_000);
    expect(one.isAlive()).toBe(false);
  });

  it('a worker that is killed loses no lease, whatever it was doing', async (test) => {
    const own = ownerOf(test);
    const server = own(await EtcdProcess.start());
    const etcd = own(await connect({ endpoints: server.endpoint, shards: 1 }));
    // On a busy machine a new thread takes seconds to start; etcd gives the TTL, so it must leave room for that.
    const many = await etcd.leases.grantMany(1_000, { ttlSeconds: 10 });
    const ends = endsOf(many);
    const late = etcd.leases.grantMany(500, { ttlSeconds: 10 });
    await runningWorkers()[0]?.terminate();
    const other = await late;
    await pass(12_000);
    await expectNoneLost(server, many, ends);
    await expectNoneLost(server, other, []);
    expect((await listed(server)).size).toBe(1_500);
  });
});
