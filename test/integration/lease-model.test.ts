/**
 * Random grants, revocations (ours and others'), stalls, cuts and restarts, checked against etcd's own list: never two ends
 * of a lease, never an end of a lease that etcd still renews within its deadline, none lost that should live.
 */
import { describe, expect, it } from 'vitest';
import { connect, type Lease, type LeaseEnd } from 'etcd-vigil';
import { EtcdProcess } from '../support/etcd.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { eventually } from '../support/poll.js';
import { RawEtcd } from '../support/raw-etcd.js';
import { Rng, seeds } from '../support/rng.js';

const TTL_SECONDS = 8;
/** Short enough that every lease survives: an interval, a fault and a reconnect fit into the TTL. */
const LONGEST_FAULT_MS = 1_500;
const STEPS = 40;

type Fate = 'live' | 'revoked' | 'lost' | 'released';

async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await eventually(() => performance.now() >= end, { timeoutMs: ms + 10_000, intervalMs: 10 });
}

// Side by side: a run mostly waits.
describe.concurrent('leases under random faults', () => {
  it.each(seeds())(
    'agree with etcd (seed %i)',
    async (seed) => {
      const random = new Rng(seed);
      const server = await EtcdProcess.start({ quiet: true });
      const proxy = await FaultProxy.start(server);
      const etcd = await connect({ endpoints: proxy.endpoint, shards: random.chance(0.5) ? 1 : 2 });
      const raw = new RawEtcd(server.address);
      const held = new Map<bigint, { readonly lease: Lease; fate: Fate }>();
      const ends: LeaseEnd[] = [];
      const take = (lease: Lease): void => {
        held.set(lease.leaseId, { lease, fate: 'live' });
        void lease.ended.then((end) => ends.push(end));
      };
      const live = (): bigint[] => [...held].filter(([, { fate }]) => fate === 'live').map(([leaseId]) => leaseId);
      const pickLive = (): bigint | undefined => {
        const ids = live();
        return ids[random.integer(0, Math.max(0, ids.length - 1))];
      };
      const set = (leaseId: bigint, fate: Fate): void => {
        const entry = held.get(leaseId);
        if (entry !== undefined) entry.fate = fate;
      };
      try {
        for (const lease of await etcd.leases.grantMany(50, { ttlSeconds: TTL_SECONDS })) take(lease);
        for (let step = 0; step < STEPS; step += 1) {
          const choice = random.integer(0, 9);
          const leaseId = pickLive();
          if (choice <= 1) {
            for (const lease of await etcd.leases.grantMany(random.integer(1, 20), { ttlSeconds: TTL_SECONDS }))
              take(lease);
          } else if (choice === 2) {
            const { leaseId: foreign } = await raw.grant(TTL_SECONDS);
            take(await etcd.leases.keepAlive(foreign));
          } else if (choice === 3 && leaseId !== undefined) {
            set(leaseId, 'revoked');
            await held.get(leaseId)?.lease.revoke();
          } else if (choice === 4 && leaseId !== undefined) {
            set(leaseId, 'lost');
            await raw.revoke(leaseId);
          } else if (choice === 5 && leaseId !== undefined && random.chance(0.3)) {
            set(leaseId, 'released');
            held.get(leaseId)?.lease.release();
          } else if (choice === 6) {
            proxy.cut();
          } else if (choice === 7) {
            proxy.hold();
            await pass(random.integer(100, LONGEST_FAULT_MS));
            await proxy.restore();
          } else if (choice === 8 && random.chance(0.4)) {
            await server.kill();
            await pass(random.integer(0, 500));
            server.launch();
            await server.waitReady();
          } else {
            await pass(random.integer(0, 700));
          }
        }
        // Every end that must come has come; nothing else has.
        const expected = (): string[] =>
          [...held]
            .filter(([, { fate }]) => fate !== 'live')
            .map(([id, { fate }]) => `${String(id)} ${fate}`)
            .sort();
        const told = (): string[] => ends.map(({ leaseId: id, reason }) => `${String(id)} ${reason}`).sort();
        await eventually(() => told().length >= expected().length);
        await pass(TTL_SECONDS * 500);
        expect(told()).toEqual(expected());
        // And etcd holds what is held here.
        for (const leaseId of live()) expect(held.get(leaseId)?.lease.isAlive()).toBe(true);
        const known: bigint[] = [];
        for await (const leaseId of etcd.leases.list()) known.push(leaseId);
        const mine = new Set(live());
        expect(known.filter((leaseId) => mine.has(leaseId)).sort()).toEqual([...mine].sort());
        // The released ones run out; nothing of ours is left behind.
        await eventually(
          async () => {
            const left: bigint[] = [];
            for await (const leaseId of etcd.leases.list()) left.push(leaseId);
            return left.length === mine.size;
          },
          { intervalMs: 200 },
        );
      } finally {
        raw.close();
        await etcd.close();
        await proxy.close();
        await server.close();
      }
    },
    120_000,
  );
});
