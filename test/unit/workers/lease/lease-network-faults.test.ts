/** The lease engine of a shard on simulated time, where its server opens no streams, has no leader, or the machine sleeps. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LeaseReport } from '../../../../src/wire/lease-contract.js';
import { LeaseState, LeaseStatus } from '../../../../src/wire/lease-state.js';
import { NO_CREDENTIALS } from '../../../../src/workers/credentials.js';
import { LeaseEngine } from '../../../../src/workers/lease/lease-engine.js';
import { FakeCluster } from '../../../model/lease/fake-cluster.js';
import { FakeLessor } from '../../../model/lease/fake-lessor.js';
import { SimulatedTime } from '../../../model/lease/simulated-time.js';
import { testSettings } from '../../../support/recorded-stream.js';
import { Rng } from '../../../support/rng.js';

const TTL_SECONDS = 6;
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

  constructor() {
    const rng = new Rng(1);
    const { time, state } = this;
    this.cluster = new FakeCluster(time, rng, this.lessor, 1, {
      connecting: () => (this.connects += 1),
      streaming: () => (this.streams += 1),
      renewalWritten: idle,
      arrived: idle,
      denied: idle,
      answerRead: idle,
    });
    this.engine = new LeaseEngine({
      settings: testSettings({ endpoints: this.cluster.endpoints }),
      open: this.cluster.open,
      firstEndpoint: 0,
      credentials: NO_CREDENTIALS,
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

  async grant(): Promise<void> {
    this.state.leaseId[0] = 7n;
    this.state.ttlSeconds[0] = TTL_SECONDS;
    this.state.setStatus(0, LeaseStatus.Pending);
    const slots = Uint32Array.of(0);
    this.engine.handle({ kind: 'grant', slots, drawn: true, timeoutMs: 60_000, resumed: false });
    await this.pass(200);
    expect(this.state.status(0)).toBe(LeaseStatus.Live);
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
    rig.cluster.streamRefusal = {
      chance: 1,
      refusals: [{ status: 14, text: 'etcdserver: request timed out', applied: false }],
    };
    rig.streams = 0;
    await rig.pass(4_000);
    expect(rig.streams).toBeGreaterThan(1);
    expect(rig.streams).toBeLessThan(30);
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
    const before = rig.lessor.get(7n)?.expiryMs;
    while (rig.lessor.get(7n)?.expiryMs === before) await rig.pass(10);
    rig.time.suspend(3_000);
    for (let step = 0; step < 100; step += 1) {
      await rig.pass(10);
      const deadlineMs = (rig.state.deadlineMs[0] ?? 0) + rig.time.trueMs - rig.time.monotonicMs;
      // Until it looks at its clocks, main knows better than the deadline.
      if (step > 60) expect(deadlineMs).toBeLessThanOrEqual((rig.lessor.get(7n)?.expiryMs ?? 0) + 20);
    }
    expect(rig.state.status(0)).toBe(LeaseStatus.Live);
  });

  it('grants again what was granted in an attempt without answer and has run out since', async () => {
    rig.lessor.grant(7n, 2, rig.time.trueMs - 1_900);
    rig.state.leaseId[0] = 7n;
    rig.state.ttlSeconds[0] = TTL_SECONDS;
    rig.state.setStatus(0, LeaseStatus.Pending);
    rig.cluster.member(0).latencyMs = 60;
    const slots = Uint32Array.of(0);
    rig.engine.handle({ kind: 'grant', slots, drawn: true, timeoutMs: 60_000, resumed: true });
    await rig.pass(5_000);
    expect(rig.reports.map(({ kind }) => kind)).toEqual(['lease-granted']);
    expect(rig.lessor.get(7n)).toMatchObject({ ttlSeconds: TTL_SECONDS });
  });
});
