/** The lease engine of a shard on simulated time, where its server opens no streams, has no leader, or the machine sleeps. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LeaseReport } from '../../../../src/wire/lease-contract.js';
import { LeaseState, LeaseStatus } from '../../../../src/wire/lease-state.js';
import { NO_CREDENTIALS } from '../../../../src/workers/credentials.js';
import { LeaseEngine } from '../../../../src/workers/lease/lease-engine.js';
import { FakeCluster } from '../../../model/lease/fake-cluster.js';
import type { FakeConnection } from '../../../model/lease/fake-connection.js';
import { FakeLessor } from '../../../model/lease/fake-lessor.js';
import { SimulatedTime } from '../../../model/lease/simulated-time.js';
import { testSettings } from '../../../support/recorded-stream.js';
import { Rng } from '../../../support/rng.js';
import { MemberHealth } from '../../../../src/member/member-health.js';

const TTL_SECONDS = 6;
const TIMED_OUT = { status: 14, text: 'etcdserver: request timed out', applied: false };
const idle = (): void => undefined;

class Rig {
  readonly time = new SimulatedTime();
  readonly lessor = new FakeLessor();
  readonly state = LeaseState.allocate(64);
  readonly reports: LeaseReport[] = [];
  readonly cluster: FakeCluster;
  readonly engine: LeaseEngine;
  connects = 0;
  streams = 0;
  /** Renewals written since it was emptied last. */
  readonly written: bigint[] = [];

  constructor(members = 1) {
    const rng = new Rng(1);
    const { time, state } = this;
    this.cluster = new FakeCluster(time, rng, this.lessor, members, {
      connecting: () => (this.connects += 1),
      streaming: () => (this.streams += 1),
      renewalWritten: (leaseId) => this.written.push(leaseId),
      arrived: idle,
      denied: idle,
      answerRead: idle,
    });
    this.engine = new LeaseEngine({
      settings: testSettings({ endpoints: this.cluster.endpoints }),
      open: this.cluster.open,
      firstEndpoint: 0,
      credentials: NO_CREDENTIALS,
      health: new MemberHealth(
        () => time.monotonicMs,
        () => rng.fraction(),
      ),
      clock: { monotonicMs: () => time.monotonicMs, wallMs: () => time.wallMs, bootMs: () => time.bootMs },
      timers: {
        set: (callback, delayMs) => globalThis.setTimeout(callback, delayMs),
        clear: (timer) => {
          globalThis.clearTimeout(timer);
        },
      },
      random: () => rng.fraction(),
      state: state.buffer,
      report: (report) => {
        if (report.kind !== 'status') this.reports.push(report);
      },
    });
  }

  /** Asks for leases 7, 8 and so on, in the slots from 0. */
  ask(count = 1, { timeoutMs = 60_000, resumed = false } = {}): Uint32Array {
    const slots = Uint32Array.from({ length: count }, (_, slot) => slot);
    for (const slot of slots) {
      this.state.leaseId[slot] = 7n + BigInt(slot);
      this.state.ttlSeconds[slot] = TTL_SECONDS;
      this.state.setStatus(slot, LeaseStatus.Pending);
    }
    this.engine.handle({ kind: 'grant', slots, drawn: true, timeoutMs, resumed });
    return slots;
  }

  async grant(count = 1): Promise<void> {
    const slots = this.ask(count);
    await this.pass(200);
    for (const slot of slots) expect(this.state.status(slot)).toBe(LeaseStatus.Live);
  }

  /** Lets time pass until the server has renewed lease 7. */
  async renewedOnServer(): Promise<void> {
    const before = this.lessor.get(7n)?.expiryMs;
    while (this.lessor.get(7n)?.expiryMs === before) await this.pass(10);
  }

  pass(ms: number): Promise<void> {
    return this.time.run(ms, idle);
  }
}

let rig: Rig;
let uninstall: () => void;
beforeEach(() => {
  rig = new Rig();
  uninstall = rig.time.install();
});
afterEach(() => {
  rig.engine.stop();
  uninstall();
});

describe('the lease engine', () => {
  it('backs off from a member that ends every stream, also with a lease that stalled and has a stream of its own', async () => {
    await rig.grant();
    rig.cluster.member(0).renewalMs = 1_500;
    while (rig.engine.stats().retries === 0) await rig.pass(50);
    rig.cluster.member(0).renewalMs = 0;
    rig.cluster.streamRefusal = { chance: 1, refusals: [TIMED_OUT] };
    rig.streams = 0;
    await rig.pass(4_000);
    expect(rig.streams).toBeGreaterThan(1);
    expect(rig.streams).toBeLessThan(30);
  });

  it('renews a lease once when a stream ends on which an older renewal of it had waited too', async () => {
    await rig.grant(12);
    rig.cluster.member(0).renewalMs = 600;
    // Answered on a stream of its own when it was urgent, and due again before its first copy is.
    const twice = (): FakeConnection | undefined =>
      rig.cluster.connections.find(({ streams }) =>
        [...streams].some(
          ({ unanswered }) => new Set(unanswered.map(({ leaseId }) => leaseId)).size < unanswered.length,
        ),
      );
    while (twice() === undefined) await rig.pass(10);
    const leaving = twice();
    leaving?.goaway();
    while (rig.cluster.connections.length === 1 || rig.engine.stats().streams === 0) await rig.pass(1);
    await rig.pass(20);
    rig.written.length = 0;
    leaving?.cut();
    expect(rig.written.length).toBeGreaterThan(0);
    expect(new Set(rig.written).size).toBe(rig.written.length);
  });

  it('takes no connection whose member asked to go before it was found good', async () => {
    rig.cluster.member(0).latencyMs = 50;
    rig.ask();
    while (rig.cluster.connections[0]?.acceptsStreams !== false) {
      rig.cluster.connections[0]?.goaway();
      await rig.pass(1);
    }
    await rig.pass(12_000);
    expect(rig.reports.map(({ kind }) => kind)).toEqual(['lease-granted']);
    expect(rig.connects).toBe(2);
  });

  it.each<[string, number, () => void]>([
    ['it looks for a member', 300, () => rig.cluster.setMood(rig.cluster.member(0), 'down')],
    ['its streams end', 2_600, () => (rig.cluster.streamRefusal = { chance: 1, refusals: [TIMED_OUT] })],
    ['its member has lost its leader', 3_300, () => rig.cluster.setLeader(undefined)],
    ['it moves to another connection', 30, () => rig.cluster.connections[0]?.goaway()],
  ])('leaves no timer when it is stopped while %s', async (_case, atMs, trouble) => {
    await rig.grant(6);
    trouble();
    for (let step = 0; step < 20; step += 1) await rig.pass(atMs / 20);
    rig.engine.stop();
    expect(rig.time.pending('code')).toBe(0);
  });

  it.each([
    { by: 'Unavailable of a proxy', status: 14, text: 'upstream connect error' },
    { by: 'a leader that has lost its lead', status: 2, text: 'not a primary lessor' },
    { by: 'a change of the leader', status: 14, text: 'etcdserver: leader changed' },
    { by: 'a member without a leader', status: 14, text: 'etcdserver: no leader' },
    { by: 'a learner that withholds its status', status: 9, text: 'etcdserver: rpc not supported for learner' },
    { by: 'a proxy that serves no such method', status: 12, text: 'unknown service etcdserverpb.Lease' },
    { by: 'Internal of a proxy', status: 13, text: 'stream terminated' },
  ])(
    'leaves a member that ends every stream at once ($by), also where it goes on granting',
    async ({ status, text }) => {
      const two = new Rig(2);
      const stop = two.time.install();
      try {
        two.cluster.setLeader(0);
        await two.grant();
        const [first, second] = [two.cluster.member(0), two.cluster.member(1)];
        two.cluster.streamRefusal = { chance: 1, refusals: [{ status, text, applied: false }], by: first };
        two.streams = 0;
        two.connects = 0;
        await two.pass(60_000);
        expect(two.state.status(0)).toBe(LeaseStatus.Live);
        expect(second.connections.size).toBeGreaterThan(0);
        // It looks for the leader now and then, which is the one that fails.
        expect(two.connects).toBeLessThan(20);
        expect(two.streams).toBeLessThan(40);
        expect(two.reports.map(({ kind }) => kind)).toEqual(['lease-granted']);
      } finally {
        two.engine.stop();
        stop();
      }
    },
  );

  it('refuses a grant at once that the server wants a token for, where there is nothing to log in with', async () => {
    const refusals = [{ status: 3, text: 'etcdserver: user name is empty', applied: false }];
    rig.cluster.unaryRefusal = { chance: 1, refusals };
    rig.ask();
    await rig.pass(1_000);
    expect(rig.reports).toMatchObject([
      { kind: 'lease-refused', error: { code: 'unauthenticated', outcome: 'refused' } },
    ]);
  });

  it('ends no lease for what a proxy says of all of them for two seconds', async () => {
    await rig.grant(20);
    // Not a token's text, so nothing of etcd's.
    rig.cluster.streamRefusal = { chance: 1, refusals: [{ status: 16, text: 'Jwt is missing', applied: false }] };
    await rig.pass(2_000);
    rig.cluster.streamRefusal = undefined;
    await rig.pass(12_000);
    expect(rig.reports.map(({ kind }) => kind)).toEqual(['lease-granted']);
    for (let slot = 0; slot < 20; slot += 1) expect(rig.state.status(slot)).toBe(LeaseStatus.Live);
  });

  it('leaves a member that answers every grant with Unavailable', async () => {
    const two = new Rig(2);
    const stop = two.time.install();
    try {
      two.cluster.setLeader(1);
      two.cluster.unaryRefusal = {
        chance: 1,
        refusals: [{ status: 14, text: 'upstream connect error', applied: false }],
        by: two.cluster.member(0),
      };
      two.ask(3);
      await two.pass(5_000);
      for (const slot of [0, 1, 2]) expect(two.state.status(slot)).toBe(LeaseStatus.Live);
      expect(two.connects).toBeLessThan(6);
    } finally {
      two.engine.stop();
      stop();
    }
  });

  it('does not connect in a loop to an only member that has no leader', async () => {
    await rig.grant();
    rig.cluster.setLeader(undefined);
    rig.connects = 0;
    await rig.pass(5_000);
    expect(rig.connects).toBeGreaterThan(0);
    expect(rig.connects).toBeLessThan(20);
    rig.cluster.setLeader(0);
    await rig.pass(2_000);
    expect(rig.state.status(0)).toBe(LeaseStatus.Live);
  });

  it('counts a deadline from when a renewal was sent also where the machine slept until its answer', async () => {
    await rig.grant();
    const member = rig.cluster.member(0);
    member.latencyMs = 200;
    // Asleep while the answer of the first renewal is on its way.
    await rig.renewedOnServer();
    rig.time.suspend(3_000);
    for (let step = 0; step < 100; step += 1) {
      await rig.pass(10);
      const deadlineMs = (rig.state.deadlineMs[0] ?? 0) + rig.time.trueMs - rig.time.monotonicMs;
      // Until it looks at its clocks, main knows better than the deadline.
      if (step > 60) expect(deadlineMs).toBeLessThanOrEqual((rig.lessor.get(7n)?.expiryMs ?? 0) + 20);
    }
    expect(rig.state.status(0)).toBe(LeaseStatus.Live);
  });

  it('renews a lease at once of which most of the time has passed in a sleep', async () => {
    rig.state.intervalMs[0] = 4_000;
    await rig.grant();
    await rig.renewedOnServer();
    await rig.pass(100);
    rig.time.suspend(5_000);
    await rig.pass(10_000);
    expect(rig.reports.map(({ kind }) => kind)).toEqual(['lease-granted']);
    expect(rig.state.status(0)).toBe(LeaseStatus.Live);
  });

  it('tells the end of a lease whose revocation is late when it has run out, a sleep included', async () => {
    await rig.grant();
    rig.cluster.unaryRefusal = { chance: 1, refusals: [TIMED_OUT] };
    rig.engine.handle({ kind: 'revoke', slots: Uint32Array.of(0), timeoutMs: 500 });
    await rig.pass(1_000);
    rig.time.suspend(3_000);
    const told = (): string[] => rig.reports.map(({ kind }) => kind);
    while (rig.time.monotonicMs < (rig.state.deadlineMs[0] ?? 0)) await rig.pass(10);
    await rig.pass(1_100);
    expect(told()).toEqual(['lease-granted', 'lease-revoke-failed', 'lease-ended']);
  });

  it('says that time was up where a grant that was carried out without an answer is not renewed in time', async () => {
    rig.lessor.grant(7n, 60, rig.time.trueMs);
    rig.cluster.member(0).renewalMs = 2_000;
    rig.ask(1, { timeoutMs: 500, resumed: true });
    await rig.pass(1_500);
    expect(rig.reports).toMatchObject([{ kind: 'lease-refused', error: { code: 'timeout', outcome: 'unknown' } }]);
  });

  it.each([
    ['its answer is on its way', false],
    ['its answer was lost with the connection', true],
  ])('revokes at once a grant that is given up while %s', async (_case, isCut) => {
    rig.cluster.member(0).latencyMs = 20;
    const slots = rig.ask();
    while (rig.lessor.get(7n) === undefined) await rig.pass(1);
    rig.engine.handle({ kind: 'revoke', slots, timeoutMs: 10_000 });
    if (isCut) for (const connection of rig.cluster.connections) connection.cut();
    await rig.pass(1_500);
    expect(rig.lessor.removal(7n)).toBe('revoked');
    expect(rig.reports).toMatchObject([{ kind: 'lease-ended', reason: 'revoked' }]);
  });

  it('ends a lease that main has found past its deadline, once, also where an answer to its renewal was on its way', async () => {
    await rig.grant();
    rig.cluster.member(0).latencyMs = 200;
    await rig.renewedOnServer();
    const deadlineMs = rig.state.deadlineMs[0];
    rig.state.markExpired(0);
    await rig.pass(10_000);
    expect(rig.state.deadlineMs[0]).toBe(deadlineMs);
    const ends = rig.reports.filter(({ kind }) => kind === 'lease-ended');
    expect(ends).toMatchObject([{ reason: 'expired', slots: Uint32Array.of(0) }]);
  });

  it('ends a lease that main has found past its deadline when its next renewal is due, instead of sending it', async () => {
    await rig.grant();
    rig.state.markExpired(0);
    await rig.pass(10_000);
    expect(rig.engine.stats().keepAlives).toBe(0);
    expect(rig.reports.filter(({ kind }) => kind === 'lease-ended')).toMatchObject([{ reason: 'expired' }]);
  });

  it('ends a lease that main has found past its deadline after a suspension as halted', async () => {
    await rig.grant();
    rig.time.suspend(60_000);
    rig.state.markExpired(0);
    await rig.pass(10_000);
    expect(rig.reports.filter(({ kind }) => kind === 'lease-ended')).toMatchObject([{ reason: 'halted' }]);
  });

  it('grants again what was granted in an attempt without answer and has run out since', async () => {
    rig.lessor.grant(7n, 2, rig.time.trueMs - 1_900);
    rig.cluster.member(0).latencyMs = 60;
    rig.ask(1, { resumed: true });
    await rig.pass(5_000);
    expect(rig.reports.map(({ kind }) => kind)).toEqual(['lease-granted']);
    expect(rig.lessor.get(7n)).toMatchObject({ ttlSeconds: TTL_SECONDS });
  });
});
