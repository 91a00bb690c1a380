/** What every act of the application needs: its surroundings, the calls that it waits for, and what it may expect of each. */
import type { Etcd } from '../../../src/main/etcd.js';
import { EtcdError } from '../../../src/wire/errors.js';
import type { Rng } from '../../support/rng.js';
import type { FakeCluster } from './fake-cluster.js';
import type { Held, LeaseLedger } from './lease-ledger.js';
import type { World } from './world.js';

export interface ActorParts {
  readonly etcd: Etcd;
  readonly cluster: FakeCluster;
  readonly ledger: LeaseLedger;
  readonly world: World;
  readonly say: (line: string) => void;
}

/** Things that an application does, by name. */
export type Acts = Readonly<Record<string, () => void>>;

interface Call {
  readonly what: string;
  readonly limitMs: number;
  readonly crashes: number;
  readonly stoppedMs: number;
}

export interface ActOptions {
  readonly ttlSeconds: number;
  readonly intervalMs: number | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export const CALL_TIMEOUT_MS = 10_000;
/** Ticks of the shard, ports, and an attempt that ends by itself. */
const GRACE_MS = 3_000;

/** What a call may fail with when the cluster does not serve it. */
export const TROUBLE = [
  'timeout',
  'unavailable',
  'aborted',
  'no-space',
  'permission-denied',
  'unauthenticated',
  'no-leader',
  'connect-failed',
  'too-many-requests',
  'closed',
] as const;

/** What listeners of this application throw, on purpose. */
export class ListenerFault extends Error {}

export class Actor {
  /** How often a listener threw. */
  thrown = 0;
  readonly etcd: Etcd;
  readonly cluster: FakeCluster;
  readonly ledger: LeaseLedger;
  readonly world: World;
  readonly rng: Rng;
  readonly say: (line: string) => void;
  /** Of calls whose signal may still fire. */
  readonly aborts = new Set<AbortController>();
  readonly #calls = new Set<Call>();
  #number = 0;

  constructor({ etcd, cluster, ledger, world, say }: ActorParts) {
    this.etcd = etcd;
    this.cluster = cluster;
    this.ledger = ledger;
    this.world = world;
    this.rng = world.rng;
    this.say = say;
  }

  /** Every call is answered in its time. @throws Error */
  checkCalls(): void {
    const nowMs = this.world.time.monotonicMs;
    for (const call of this.#calls) {
      // A shard that takes over begins anew; a thread that does not run keeps no time.
      const moreMs = (this.world.crashes - call.crashes) * CALL_TIMEOUT_MS + this.world.stoppedMs() - call.stoppedMs;
      if (nowMs > call.limitMs + moreMs) throw new Error(`${call.what} does not settle`);
    }
  }

  /** @throws Error */
  checkClosed(): void {
    for (const { what } of this.#calls) throw new Error(`${what} did not settle with close()`);
  }

  /** Waits for a call, which may fail with these codes. */
  track(what: string, promise: Promise<void>, timeoutMs: number, codes: readonly string[]): void {
    this.say(what);
    const { time, crashes } = this.world;
    const limitMs = time.monotonicMs + timeoutMs + GRACE_MS;
    const call: Call = { what, limitMs, crashes, stoppedMs: this.world.stoppedMs() };
    this.#calls.add(call);
    promise.then(
      () => {
        this.#calls.delete(call);
      },
      (error: unknown) => {
        this.#calls.delete(call);
        this.say(`  ${what}: ${error instanceof EtcdError ? error.code : String(error)}`);
        const isHalted = error instanceof EtcdError && error.code === 'lease-ended' && this.world.mayHalt();
        if (!(error instanceof EtcdError) || !(codes.includes(error.code) || isHalted))
          this.ledger.fail(`${what} failed: ${String(error)}`);
      },
    );
  }

  /** Tells the ledger how a revocation went. */
  async noting(held: Held, revoked: Promise<void>): Promise<void> {
    try {
      await revoked;
    } catch (error) {
      this.ledger.revoked(held, error);
      throw error;
    }
    this.ledger.revoked(held, undefined);
  }

  /** In a listener. @throws ListenerFault */
  mayThrow(): void {
    if (!this.rng.chance(0.1)) return;
    this.thrown += 1;
    throw new ListenerFault('a listener of the application failed');
  }

  /** Of a grant. */
  options(): ActOptions {
    const rng = this.rng;
    const timeoutMs = rng.pick([500, 3_000, CALL_TIMEOUT_MS]);
    const options = {
      ttlSeconds: rng.pick([1, 2, 3, 5, 10, 15, 20]),
      intervalMs: rng.chance(0.3) ? rng.pick([50, 400, 3_000, 30_000]) : undefined,
      timeoutMs,
    };
    if (!rng.chance(0.3)) return options;
    const abort = new AbortController();
    this.aborts.add(abort);
    this.world.time.after(15_000, () => this.aborts.delete(abort));
    return { ...options, signal: abort.signal };
  }

  /** A lease that is held. */
  some(): Held | undefined {
    const { living } = this.ledger;
    return living.length === 0 ? undefined : this.rng.pick(living);
  }

  heldBy(leaseId: bigint | undefined): Held | undefined {
    return leaseId === undefined ? undefined : this.ledger.held.get(leaseId);
  }

  /** Of a call, so that its lines in the trace are found. */
  name(text: string): string {
    return `#${String(this.number())} ${text}`;
  }

  /** One that no other call and no other id has. */
  number(): number {
    this.#number += 1;
    return this.#number;
  }
}
