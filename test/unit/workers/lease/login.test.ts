/** Renewals and logins: streams whose token has run out, and leases that their user may not renew for a while. */
import { afterEach, expect, it } from 'vitest';
import type { GrpcConnection, Metadata } from '../../../../src/grpc/grpc-connection.js';
import { openHttp2Connection } from '../../../../src/grpc/http2-connection.js';
import { MemberHealth } from '../../../../src/member/member-health.js';
import type { LeaseReport } from '../../../../src/wire/lease-contract.js';
import { LeaseState, LeaseStatus } from '../../../../src/wire/lease-state.js';
import type { Credentials } from '../../../../src/workers/credentials.js';
import { LeaseEngine } from '../../../../src/workers/lease/lease-engine.js';
import { systemClock } from '../../../../src/workers/lease/system-clock.js';
import { globalTimers, opened } from '../../../support/global-timers.js';
import { eventually } from '../../../support/poll.js';
import { testSettings } from '../../../support/recorded-stream.js';
import { ScriptedLessor } from './scripted-lessor.js';

const TTL_SECONDS = 4;
const COUNT = 20;
const FIRST_ID = 1_000n;

/** Tokens t1, t2, … of which each login gives the next. */
class CountingCredentials implements Credentials {
  readonly isUsed = true;
  logins = 0;

  metadata(): Metadata {
    return { token: `t${String(this.logins + 1)}` };
  }

  renew(_connection: GrpcConnection, stale?: Metadata): Promise<void> {
    if (stale?.['token'] === this.metadata()['token']) this.logins += 1;
    return Promise.resolve();
  }
}

let open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open) await close();
  open = [];
});

async function rig() {
  const lessor = await ScriptedLessor.start(TTL_SECONDS);
  const state = LeaseState.allocate(64);
  const reports: LeaseReport[] = [];
  const credentials = new CountingCredentials();
  const engine = new LeaseEngine({
    settings: testSettings({ endpoints: [lessor.server.endpoint] }),
    open: opened(openHttp2Connection),
    firstEndpoint: 0,
    credentials,
    clock: systemClock,
    timers: { set: globalTimers.setTimeout, clear: globalTimers.clear },
    health: new MemberHealth(() => performance.now(), Math.random),
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
  for (let slot = 0; slot < COUNT; slot += 1) {
    state.leaseId[slot] = FIRST_ID + BigInt(slot);
    state.ttlSeconds[slot] = TTL_SECONDS;
    state.intervalMs[slot] = 300;
    state.setStatus(slot, LeaseStatus.Pending);
  }
  const slots = Uint32Array.from({ length: COUNT }, (_, slot) => slot);
  engine.handle({ kind: 'grant', slots, drawn: true, timeoutMs: 10_000, resumed: false });
  const renewals = (slot: number): number => lessor.renewals.get(FIRST_ID + BigInt(slot)) ?? 0;
  /** Each that has not ended, so many times more. */
  const allRenewed = async (times: number): Promise<void> => {
    const before = Array.from(slots, renewals);
    const living = [...slots].filter((slot) => state.status(slot) === LeaseStatus.Live);
    await eventually(() => living.every((slot) => renewals(slot) >= (before[slot] ?? 0) + times));
  };
  await eventually(() => [...slots].every((slot) => state.status(slot) === LeaseStatus.Live));
  await allRenewed(1);
  const ended = (): unknown[] =>
    reports.flatMap((report) =>
      report.kind !== 'lease-ended'
        ? []
        : [...report.slots].map((slot) => ({ slot, reason: report.reason, code: report.error?.code })),
    );
  return { lessor, engine, credentials, state, allRenewed, renewals, ended };
}

it('a token that has run out is renewed once for all streams, and no lease is late by it', async () => {
  const { lessor, credentials, allRenewed, ended } = await rig();
  for (let round = 1; round <= 3; round += 1) {
    lessor.staleTokens.add(`t${String(round)}`);
    await allRenewed(2);
    expect(credentials.logins).toBe(round);
  }
  expect(ended()).toEqual([]);
});

it('renewals go over streams of another user as soon as there is one', async () => {
  const { lessor, credentials, engine, allRenewed, ended } = await rig();
  credentials.logins = 6;
  engine.userChanged();
  // Whatever came over streams of before would be refused, and counted as a login.
  lessor.staleTokens.add('t1');
  await allRenewed(2);
  expect(credentials.logins).toBe(6);
  expect(ended()).toEqual([]);
});

it('a lease that its user may not renew for a while is tried again alone, and lives', async () => {
  const { lessor, allRenewed, renewals, ended } = await rig();
  lessor.poisoned.add(FIRST_ID + 3n);
  await eventually(() => lessor.refusals.count >= 3);
  const before = renewals(3);
  lessor.poisoned.clear();
  await eventually(() => renewals(3) > before);
  await allRenewed(2);
  expect(ended()).toEqual([]);
});

it('one that it may not renew at all ends alone at its deadline, with the reason, after few attempts', async () => {
  const { lessor, allRenewed, state, ended } = await rig();
  lessor.poisoned.add(FIRST_ID + 3n);
  await eventually(() => lessor.refusals.count >= 2);
  const deadlineMs = state.deadlineMs[3] ?? 0;
  await eventually(() => ended().length > 0);
  expect(ended()).toEqual([{ slot: 3, reason: 'lost', code: 'permission-denied' }]);
  expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(deadlineMs);
  // 100, 200, 400 … ms apart: no loop.
  expect(lessor.refusals.count).toBeLessThan(20);
  await allRenewed(2);
});
