/** The lease engine of a shard over the real transport, against a server whose leases misbehave on demand. */
import { afterEach, describe, expect, it } from 'vitest';
import type { LeaseReport } from '../../../../src/wire/lease-contract.js';
import { LeaseState, LeaseStatus } from '../../../../src/wire/lease-state.js';
import { NO_CREDENTIALS } from '../../../../src/workers/credentials.js';
import { LeaseEngine } from '../../../../src/workers/lease/lease-engine.js';
import { globalTimers, opened } from '../../../support/global-timers.js';
import { systemClock } from '../../../../src/workers/lease/system-clock.js';
import { openHttp2Connection } from '../../../../src/grpc/http2-connection.js';
import { eventually } from '../../../support/poll.js';
import { testSettings } from '../../../support/recorded-stream.js';
import { ScriptedLessor } from './scripted-lessor.js';
import { MemberHealth } from '../../../../src/member/member-health.js';

interface Rig {
  readonly lessor: ScriptedLessor;
  readonly state: LeaseState;
  readonly engine: LeaseEngine;
  readonly reports: LeaseReport[];
  grant(count: number, intervalMs: number): Promise<void>;
  ended(): { readonly slot: number; readonly reason: string; readonly code: string | undefined }[];
}

let open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open) await close();
  open = [];
});

/** @param before what main and earlier shards did with the state. */
async function rig(ttlSeconds: number, before?: (state: LeaseState) => void): Promise<Rig> {
  const lessor = await ScriptedLessor.start(ttlSeconds);
  const state = LeaseState.allocate(4_096);
  before?.(state);
  const reports: LeaseReport[] = [];
  const engine = new LeaseEngine({
    settings: testSettings({ endpoints: [lessor.server.endpoint] }),
    open: opened(openHttp2Connection),
    firstEndpoint: 0,
    credentials: NO_CREDENTIALS,
    health: new MemberHealth(() => performance.now(), Math.random),
    clock: systemClock,
    timers: { set: globalTimers.setTimeout, clear: globalTimers.clear },
    random: Math.random,
    state: state.buffer,
    report: (report) => {
      if (report.kind !== 'status') reports.push(report);
    },
  });
  open.push(async () => {
    engine.stop();
    await lessor.close();
  });
  const slotsOf = (kind: LeaseReport['kind']): number[] =>
    reports.filter((report) => report.kind === kind).flatMap((report) => [...report.slots]);
  return {
    lessor,
    state,
    engine,
    reports,
    grant: async (count, intervalMs) => {
      for (let slot = 0; slot < count; slot += 1) {
        state.leaseId[slot] = BigInt(1_000 + slot);
        state.ttlSeconds[slot] = ttlSeconds;
        state.intervalMs[slot] = intervalMs;
        state.setStatus(slot, LeaseStatus.Pending);
      }
      const slots = Uint32Array.from({ length: count }, (_, slot) => slot);
      engine.handle({ kind: 'grant', slots, drawn: true, timeoutMs: 10_000, resumed: false });
      await eventually(() => slotsOf('lease-granted').length === count);
    },
    ended: () =>
      reports.flatMap((report) =>
        report.kind !== 'lease-ended'
          ? []
          : [...report.slots].map((slot) => ({ slot, reason: report.reason, code: report.error?.code })),
      ),
  };
}

describe('the lease engine', () => {
  it('sends renewals of a tick in few writes, and never two of a lease at once', async () => {
    const { lessor, grant, ended, engine } = await rig(60);
    await grant(500, 400);
    await eventually(() => engine.stats().keepAlives > 3_000);
    expect(lessor.doubled.size).toBe(0);
    expect(lessor.writes.count).toBeLessThan(engine.stats().keepAlives / 10);
    expect(ended()).toEqual([]);
  });

  it('ends leases that the server refuses to renew alone, although each ended the stream of all', async () => {
    const { lessor, grant, ended, engine, state } = await rig(6);
    const poisoned = [3, 77, 78, 199];
    for (const slot of poisoned) lessor.poisoned.add(BigInt(1_000 + slot));
    await grant(200, 500);
    await eventually(() => ended().length === poisoned.length);
    const before = engine.stats().keepAlives;
    await eventually(() => engine.stats().keepAlives > before + 600);
    expect(ended().sort((a, b) => a.slot - b.slot)).toEqual(
      poisoned.map((slot) => ({ slot, reason: 'lost', code: 'permission-denied' })),
    );
    for (let slot = 0; slot < 200; slot += 1) {
      if (poisoned.includes(slot)) continue;
      expect(state.status(slot)).toBe(LeaseStatus.Live);
      expect(lessor.renewals.get(BigInt(1_000 + slot)) ?? 0).toBeGreaterThan(1);
    }
  });

  it('lets a lease that blocks its stream run out alone', async () => {
    const { lessor, grant, ended, engine } = await rig(4);
    lessor.stuck.add(1_005n);
    await grant(100, 500);
    await eventually(() => ended().length > 0);
    const before = engine.stats().keepAlives;
    await eventually(() => engine.stats().keepAlives > before + 300);
    expect(ended()).toEqual([{ slot: 5, reason: 'expired', code: undefined }]);
    expect(engine.stats().retries).toBeGreaterThan(0);
  });

  it('goes on with adopted leases from their deadlines, and tells those that have passed', async () => {
    const { state, engine, ended, lessor } = await rig(5);
    for (const slot of [0, 1]) {
      state.leaseId[slot] = BigInt(1_000 + slot);
      state.ttlSeconds[slot] = 5;
      state.deadlineMs[slot] = systemClock.monotonicMs() + (slot === 0 ? 4_000 : -1);
      state.setStatus(slot, LeaseStatus.Live);
    }
    engine.handle({ kind: 'adopt', slots: Uint32Array.of(0, 1) });
    await eventually(() => (lessor.renewals.get(1_000n) ?? 0) > 0);
    await eventually(() => ended().length === 1);
    expect(ended()).toMatchObject([{ slot: 1, reason: 'expired' }]);
    expect(lessor.renewals.has(1_001n)).toBe(false); // a lease past its deadline is never sent
  });

  it('ends adopted leases that main has given up since it asked for them, and renews none of those', async () => {
    const { engine, ended, lessor } = await rig(60, (state) => {
      for (const slot of [0, 1, 2]) {
        state.leaseId[slot] = BigInt(1_000 + slot);
        state.ttlSeconds[slot] = 60;
        state.deadlineMs[slot] = systemClock.monotonicMs() + 60_000;
        state.setStatus(slot, LeaseStatus.Live);
      }
      // Main hung while this shard was starting; what it granted afterwards is a lease of its own.
      state.markExpired(1);
      state.markHalted();
      state.requestHalt();
      state.setStatus(2, LeaseStatus.Live);
    });
    engine.handle({ kind: 'adopt', slots: Uint32Array.of(0, 1, 2) });
    await eventually(() => (lessor.renewals.get(1_002n) ?? 0) > 0);
    await eventually(() => ended().length === 2);
    expect(ended().sort((a, b) => a.slot - b.slot)).toMatchObject([
      { slot: 0, reason: 'halted' },
      { slot: 1, reason: 'expired' },
    ]);
    expect([...lessor.renewals.keys()]).toEqual([1_002n]);
    expect(engine.stats().leases).toBe(1);
  });

  it('answers revoke, forget and repeated commands once for each slot', async () => {
    const { engine, grant, reports, ended, state } = await rig(10);
    await grant(4, 0);
    engine.handle({ kind: 'revoke', slots: Uint32Array.of(0, 1), timeoutMs: 5_000 });
    engine.handle({ kind: 'revoke', slots: Uint32Array.of(0, 1, 9), timeoutMs: 5_000 });
    engine.handle({ kind: 'forget', slots: Uint32Array.of(2) });
    await eventually(() => ended().length === 2);
    engine.handle({ kind: 'forget', slots: Uint32Array.of(0, 2) });
    await eventually(() => reports.some(({ kind }) => kind === 'lease-forgotten'));
    expect(ended().map(({ slot, reason }) => [slot, reason])).toEqual([
      [0, 'revoked'],
      [1, 'revoked'],
    ]);
    expect(reports.filter(({ kind }) => kind === 'lease-forgotten').flatMap(({ slots }) => [...slots])).toEqual([2]);
    expect(state.status(3)).toBe(LeaseStatus.Live);
    expect(engine.stats().leases).toBe(1);
  });

  it('ends everything as halted once the heartbeat is too old, and nothing twice', async () => {
    const { engine, grant, ended, state } = await rig(10);
    state.livenessMs = 1_500;
    const beat = setInterval(() => (state.heartbeatMs = systemClock.monotonicMs()), 50);
    state.heartbeatMs = systemClock.monotonicMs();
    await grant(50, 0);
    clearInterval(beat);
    await eventually(() => ended().length >= 50);
    state.requestHalt();
    engine.handle({ kind: 'forget', slots: Uint32Array.of(0) });
    expect(ended().map(({ reason }) => reason)).toEqual(Array<string>(50).fill('halted'));
    expect(engine.stats().leases).toBe(0);
  });
});
