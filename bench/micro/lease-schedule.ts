/** What a renewal costs beside its transport: its turn on the timer wheel, its request, its answer, its match. */
import { KeepAliveReader, MAX_REQUEST_BYTES, writeKeepAlive } from '../../src/workers/lease/keep-alive-codec.js';
import { LeaseSchedule, nextRenewalMs, spreadRenewals } from '../../src/workers/lease/lease-schedule.js';
import { SentRenewals } from '../../src/workers/lease/sent-renewals.js';
import type { MicroCase } from './case.js';

const INTERVAL_MS = 5_000;
const TICK_MS = 500;
const LEASES = [1_000, 50_000];

/** Numbers from 0 to 1 that are the same in each run. */
function sequence(): () => number {
  let state = 0x2545f491;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export function leaseScheduleCases(): MicroCase[] {
  return [...LEASES.map(wheelCase), ...LEASES.map(spreadCase), requestCase(1_000), answerCase(1_000)];
}

/** One interval of a shard: every lease comes up once and is planned again. */
function wheelCase(leases: number): MicroCase {
  const random = sequence();
  const schedule = new LeaseSchedule(0);
  let nowMs = 0;
  for (let slot = 0; slot < leases; slot += 1) schedule.set(slot, random() * INTERVAL_MS);
  const run = (): void => {
    for (const endMs = nowMs + INTERVAL_MS; nowMs < endMs;) {
      nowMs += TICK_MS;
      const count = schedule.advance(nowMs);
      for (let i = 0; i < count; i += 1) {
        schedule.set(schedule.due[i] ?? 0, nextRenewalMs(nowMs, INTERVAL_MS, false, random()));
      }
    }
  };
  return { name: `lease: wheel, ${String(leases)} leases`, units: leases, run };
}

function spreadCase(leases: number): MicroCase {
  const random = sequence();
  const deadlines = Float64Array.from({ length: leases }, () => 15_000 * random()).sort();
  const intervals = new Float64Array(leases).fill(INTERVAL_MS);
  const out = new Float64Array(leases);
  const run = (): void => {
    spreadRenewals(0, deadlines, intervals, out);
  };
  return { name: `lease: spread after reconnect, ${String(leases)}`, units: leases, run };
}

function requestCase(leases: number): MicroCase {
  const target = new Uint8Array(leases * MAX_REQUEST_BYTES);
  const run = (): void => {
    let at = 0;
    for (let id = 0; id < leases; id += 1) at = writeKeepAlive(target, at, id * 2_654_435, 0x4567_89ab);
  };
  return { name: 'lease: request written', units: leases, run };
}

/** An answer as etcd sends it: header with four numbers, id, TTL. */
function answerCase(leases: number): MicroCase {
  const message = Uint8Array.from([
    ...[0x0a, 0x1c, 0x08, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x09, 0x10, 0x81, 0x82, 0x83, 0x84, 0x85],
    ...[0x86, 0x87, 0x88, 0x09, 0x18, 0xe8, 0x87, 0x84, 0x04, 0x20, 0x07],
    ...[0x10, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x09, 0x18, 0x0f],
  ]);
  message[1] = 27; // bytes of the header
  const reader = new KeepAliveReader();
  const sent = new SentRenewals(leases);
  const into = { slot: 0, generation: 0, sentMs: 0 };
  const run = (): void => {
    reader.read(message, 0, message.length);
    for (let slot = 0; slot < leases; slot += 1) sent.add(slot, 1, reader.low, reader.high, 5);
    for (let slot = 0; slot < leases; slot += 1) {
      reader.read(message, 0, message.length);
      if (!sent.take(reader.low, reader.high, into)) throw new Error('an answer was not matched');
    }
  };
  return { name: 'lease: answer read and matched', units: leases, run };
}
