/** The lease service with shards that the test plays, and calls that it answers. */
import { EtcdError, errorToPlain } from '../../../../src/wire/errors.js';
import type { LeaseCommand, LeaseEndReason } from '../../../../src/wire/lease-contract.js';
import { LeaseState, LeaseStatus } from '../../../../src/wire/lease-state.js';
import { monotonicMs } from '../../../../src/wire/monotonic-clock.js';
import type { LeasePut, LeaseRpc } from '../../../../src/main/lease/lease-rpc.js';
import { Leases, type LeasesInit } from '../../../../src/main/lease/leases.js';

/** A call of the service that waits for the test. */
export interface AskedCall<Arguments> {
  readonly asked: Arguments;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface SentPut {
  readonly value: string;
  readonly bytes: unknown;
  readonly leaseId: bigint;
  readonly options: Parameters<LeasePut>[3];
}

export interface LeaseRig {
  readonly leases: Leases;
  /** Commands, with the shard that they went to. */
  readonly sent: (LeaseCommand & { readonly shard: number })[];
  readonly puts: AskedCall<SentPut>[];
  /** Revocations by a call of their own. */
  readonly revokes: AskedCall<{ readonly leaseId: bigint; readonly options: Parameters<LeaseRpc['revoke']>[1] }>[];
  /** Shards that failed for good. */
  readonly failures: Map<number, EtcdError>;
  state(shard: number): LeaseState;
  kinds(): string[];
  granted(shard: number, ...slots: number[]): void;
  ended(shard: number, slot: number, reason: LeaseEndReason, error?: EtcdError): void;
  refused(shard: number, slot: number, error: EtcdError): void;
  revokeFailed(shard: number, slot: number, error: EtcdError): void;
  fail(shard: number): void;
}

const open: Leases[] = [];

/** To be called after each test. */
export function closeRigs(): void {
  for (const leases of open.splice(0)) leases.close(new EtcdError('the engine was closed', { code: 'closed' }));
}

export function leaseRig({ shards = 1, ...init }: { shards?: number } & Partial<LeasesInit> = {}): LeaseRig {
  const sent: LeaseRig['sent'] = [];
  const puts: LeaseRig['puts'] = [];
  const revokes: LeaseRig['revokes'] = [];
  const failures = new Map<number, EtcdError>();
  const ask = <Arguments>(list: AskedCall<Arguments>[], asked: Arguments): Promise<void> =>
    new Promise((resolve, reject) => {
      list.push({ asked, resolve, reject });
    });
  const leases = new Leases({
    link: {
      shards,
      send: (shard, command) => sent.push({ ...command, shard }),
      failure: (shard) => failures.get(shard),
    },
    rpc: {
      revoke: (leaseId, options) => ask(revokes, { leaseId, options }),
      timeToLive: () => Promise.resolve(undefined),
      list: () => Promise.resolve([]),
      keepAliveOnce: () => Promise.resolve(0),
    },
    put: (_key, bytes, leaseId, options) =>
      ask(puts, { value: Buffer.from(bytes).toString(), bytes, leaseId, options }),
    ...init,
  });
  open.push(leases);
  const states = Array.from({ length: shards }, (_, shard) => new LeaseState(leases.sharedState(shard)));
  const state = (shard: number): LeaseState => {
    const found = states[shard];
    if (found === undefined) throw new Error(`no shard ${String(shard)}`);
    return found;
  };
  return {
    leases,
    sent,
    puts,
    revokes,
    failures,
    state,
    kinds: () => sent.map(({ kind }) => kind),
    granted: (shard, ...slots) => {
      for (const slot of slots) {
        state(shard).deadlineMs[slot] = monotonicMs() + 10_000;
        state(shard).setStatus(slot, LeaseStatus.Live);
      }
      leases.report(shard, { kind: 'lease-granted', slots: Uint32Array.from(slots) });
    },
    ended: (shard, slot, reason, error) => {
      const plain = error === undefined ? undefined : errorToPlain(error);
      leases.report(shard, { kind: 'lease-ended', slots: Uint32Array.of(slot), reason, error: plain });
    },
    refused: (shard, slot, error) => {
      leases.report(shard, { kind: 'lease-refused', slots: Uint32Array.of(slot), error: errorToPlain(error) });
    },
    revokeFailed: (shard, slot, error) => {
      leases.report(shard, { kind: 'lease-revoke-failed', slots: Uint32Array.of(slot), error: errorToPlain(error) });
    },
    fail: (shard) => {
      const error = new EtcdError(`shard ${String(shard)} failed`, { code: 'shard-failed' });
      failures.set(shard, error);
      leases.failed(shard, error);
    },
  };
}

/** Lets everything run that waits for a promise only. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
