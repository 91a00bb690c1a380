/**
 * A lease that a real server refuses to renew. Newer releases of 3.5 check at each renewal that the user may write the keys
 * attached to the lease, and end the stream of all leases for one refusal; older ones renew whatever they are asked. What the
 * server at hand does is asked with etcdctl. The engine of a shard stands alone here, with a user's credentials.
 */
import { expect, it } from 'vitest';
import { connect } from 'etcd-vigil';
import { parseEndpoints } from '../../src/wire/endpoint.js';
import type { LeaseReport } from '../../src/wire/lease-contract.js';
import { LeaseState, LeaseStatus } from '../../src/wire/lease-state.js';
import { LeaseEngine } from '../../src/workers/lease/lease-engine.js';
import { globalTimers, opened } from '../support/global-timers.js';
import { systemClock } from '../../src/workers/lease/system-clock.js';
import { openHttp2Connection } from '../../src/grpc/http2-connection.js';
import { defaultEtcd } from '../support/etcd-binary.js';
import { EtcdProcess } from '../support/etcd.js';
import { checksRenewals } from '../support/etcd-facts.js';
import { Etcdctl } from '../support/etcdctl.js';
import { ownerOf, pass } from '../support/lease-scenario.js';
import { eventually } from '../support/poll.js';
import { testSettings } from '../support/recorded-stream.js';
import { MemberHealth } from '../../src/member/member-health.js';
import { tokensOf } from '../support/shard-tokens.js';

const COUNT = 40;
const TTL_SECONDS = 5;
/** The lease that gets somebody else's key. */
const REFUSED = 20;

it.concurrent(
  `a lease whose key the user may not write ends alone, where the server refuses it (etcd ${defaultEtcd().version})`,
  async (test) => {
    const own = ownerOf(test);
    const server = own(await EtcdProcess.start());
    await new Etcdctl(server).enableAuth('root-pw', [
      { name: 'app', password: 'app-pw', grants: [{ permission: 'readwrite', prefix: 'app/' }] },
    ]);
    const root = new Etcdctl(server).as('root:root-pw');
    const app = new Etcdctl(server).as('app:app-pw');
    const state = LeaseState.allocate(64);
    const reports: LeaseReport[] = [];
    const engine = new LeaseEngine({
      settings: testSettings({ endpoints: parseEndpoints(server.endpoint) }),
      open: opened(openHttp2Connection),
      firstEndpoint: 0,
      credentials: tokensOf({ username: 'app', password: 'app-pw' }),
      clock: systemClock,
      timers: { set: globalTimers.setTimeout, clear: globalTimers.clear },
      random: Math.random,
      health: new MemberHealth(() => performance.now(), Math.random),
      state: state.buffer,
      report: (report) => {
        if (report.kind !== 'status') reports.push(report);
      },
    });
    own({ close: () => engine.stop() });
    for (let slot = 0; slot < COUNT; slot += 1) {
      state.leaseId[slot] = BigInt(1_000 + slot);
      state.ttlSeconds[slot] = TTL_SECONDS;
      state.setStatus(slot, LeaseStatus.Pending);
    }
    const slots = Uint32Array.from({ length: COUNT }, (_, slot) => slot);
    engine.handle({ kind: 'grant', slots, drawn: true, timeoutMs: 10_000, resumed: false });
    await eventually(
      () => reports.reduce((sum, { kind, slots: s }) => sum + (kind === 'lease-granted' ? s.length : 0), 0) === COUNT,
    );

    const refusedId = BigInt(1_000 + REFUSED);
    await root.put('secret', 'x', refusedId);
    const isRefused = await app.run(['lease', 'keep-alive', '--once', refusedId.toString(16)]).then(
      () => false,
      () => true,
    );
    expect(isRefused).toBe(checksRenewals(server.version));
    await pass(2 * TTL_SECONDS * 1_000);

    const ends = reports.flatMap((report) =>
      report.kind === 'lease-ended'
        ? [...report.slots].map((slot) => ({ slot, reason: report.reason, code: report.error?.code }))
        : [],
    );
    expect(ends).toEqual(isRefused ? [{ slot: REFUSED, reason: 'lost', code: 'permission-denied' }] : []);
    const known = new Set(await root.leases());
    const missing = Array.from(slots, (slot) => BigInt(1_000 + slot)).filter((leaseId) => !known.has(leaseId));
    expect(missing).toEqual(isRefused ? [refusedId] : []);
  },
);

it.concurrent('leases that cannot be renewed for want of a token end as expired, with the reason', async (test) => {
  const own = ownerOf(test);
  const server = own(await EtcdProcess.start());
  const etcd = own(await connect({ endpoints: server.endpoint, shards: 1 }));
  const lease = await etcd.leases.grant({ ttlSeconds: 4 });
  await new Etcdctl(server).enableAuth('root-pw');
  const root = new Etcdctl(server).as('root:root-pw');
  const leaseId = lease.leaseId.toString(16);
  // Without a token, as the engine asks.
  const isRefused = await new Etcdctl(server).run(['lease', 'keep-alive', '--once', leaseId]).then(
    () => false,
    () => true,
  );
  if (isRefused) {
    await expect(lease.ended).resolves.toMatchObject({ reason: 'expired', error: { code: 'unauthenticated' } });
  } else {
    await pass(6_000);
    expect(lease.isAlive()).toBe(true);
    expect(await root.leases()).toEqual([lease.leaseId]);
  }
});
