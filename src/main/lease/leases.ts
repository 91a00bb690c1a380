/**
 * `etcd.leases`: grants, keeps, revokes and lists leases. The worker threads do the keeping; this side places leases on
 * shards, takes their reports and hands out light views. Main thread; opens no connection.
 */
import { randomFillSync } from 'node:crypto';
import { EtcdError, LeaseError } from '../../wire/errors.js';
import { longFromBigint } from '../../wire/int64.js';
import { toBytes, toKey } from '../../wire/key-range.js';
import type { LeaseCommand, LeaseReport } from '../../wire/lease-contract.js';
import { HIGH_HALF, LOW_HALF } from '../../wire/lease-state.js';
import { linkAbort, refuseAborted } from '../abort-link.js';
import { shardOfLease } from '../placement.js';
import type { CallOptions } from '../unary/call-scope.js';
import { LeaseCollection } from './lease-collection.js';
import type { Lease } from './lease.js';
import type { LeaseLink } from './lease-link.js';
import {
  checkedCount,
  checkedIntervalMs,
  checkedLeaseId,
  checkedTimeout,
  checkedTtlSeconds,
  type GrantManyOptions,
  type GrantOptions,
  type KeepAliveOptions,
} from './lease-options.js';
import { LeaseUpkeep } from './lease-upkeep.js';
import { CALL_TIMEOUT_MS, LeaseRoom } from './lease-room.js';
import { LeaseRows } from './lease-rows.js';
import type { LeasePut, LeaseRpc, LeaseTimeToLive } from './lease-rpc.js';
import { LeaseSession, type SessionOptions } from './lease-session.js';
import { Registration } from './lease-registration.js';

/** Revocations of leases held elsewhere, on their way at once. */
const REVOKE_WINDOW = 32;

export interface LeasesInit {
  readonly link: LeaseLink;
  readonly rpc: LeaseRpc;
  readonly put: LeasePut;
  /** Give every lease up when this thread has not run for so long; 0 or nothing: never. */
  readonly livenessMs?: number | undefined;
}

export class Leases {
  readonly #room: LeaseRoom;
  readonly #upkeep: LeaseUpkeep;
  readonly #rpc: LeaseRpc;
  readonly #put: LeasePut;
  /** Leases of keepAlive() by id, so that the same id is kept once. */
  readonly #kept = new Map<bigint, Promise<Lease>>();
  #isClosed = false;

  /** Made by the engine. @internal */
  constructor(init: LeasesInit) {
    this.#room = new LeaseRoom(init.link, init.livenessMs ?? 0);
    this.#upkeep = new LeaseUpkeep(this.#room);
    this.#rpc = init.rpc;
    this.#put = init.put;
  }

  /**
   * Grants a lease, which a worker thread keeps alive from then on. Safe to retry by itself: the id is chosen here, so a
   * grant whose answer was lost is recognised.
   *
   * @throws EtcdError `lease-exists` where `leaseId` is taken, `timeout` where no member answered in time, `aborted`.
   */
  async grant(options: GrantOptions): Promise<Lease> {
    const ids = options.leaseId === undefined ? drawIds(1) : BigInt64Array.of(checkedLeaseId(options.leaseId));
    const rows = await this.#grant(ids, options.leaseId === undefined, options, CALL_TIMEOUT_MS);
    return rows.handle(0);
  }

  /**
   * Grants many leases, pipelined; each is renewed from the moment of its own grant. All or nothing: where one is refused,
   * the others are revoked again.
   *
   * @throws EtcdError as {@link grant}.
   */
  async grantMany(count: number, options: GrantManyOptions): Promise<LeaseCollection> {
    const ids = drawIds(checkedCount(count));
    return new LeaseCollection(await this.#grant(ids, true, options, CALL_TIMEOUT_MS + count));
  }

  /**
   * Keeps a lease alive that was granted elsewhere, or changes the interval of one that is kept already. Resolves with the
   * answer to the first renewal, which is sent at once.
   *
   * @throws EtcdError `lease-not-found` where the server does not know it.
   */
  async keepAlive(leaseId: bigint, options: KeepAliveOptions = {}): Promise<Lease> {
    const intervalMs = checkedIntervalMs(options.intervalMs);
    const timeoutMs = checkedTimeout(options.timeoutMs, CALL_TIMEOUT_MS);
    const ids = BigInt64Array.of(checkedLeaseId(leaseId));
    const held = this.#held(leaseId) ?? (await this.#kept.get(leaseId)?.catch(() => undefined));
    if (held !== undefined && held.isAlive()) {
      if (options.intervalMs !== undefined) held.setIntervalMs(intervalMs);
      return held;
    }
    const asked = this.#run(new LeaseRows(this.#room, ids, 0, false, timeoutMs), intervalMs, options).then((rows) =>
      rows.handle(0),
    );
    this.#kept.set(leaseId, asked);
    try {
      return await asked;
    } finally {
      this.#kept.delete(leaseId);
    }
  }

  /**
   * Opens a session: a lease that is granted again, with another id, whenever it is lost. Returns at once; failing grants
   * are tried again with back-off until `close()`.
   *
   * @throws EtcdError `invalid-argument`.
   */
  session(options: SessionOptions): LeaseSession {
    const ttlSeconds = checkedTtlSeconds(options.ttlSeconds);
    checkedIntervalMs(options.intervalMs);
    return new LeaseSession((signal) => this.grant({ ttlSeconds, intervalMs: options.intervalMs, signal }));
  }

  /**
   * Keeps a key in etcd for as long as this process is well: puts it on a lease, keeps the lease, and puts it again after the
   * lease was lost, the server restarted or its store wiped. Resolves once the key stands.
   *
   * @throws EtcdError `permission-denied`, `request-too-large`, `invalid-argument`, `closed`; anything that may pass is tried
   *   again.
   */
  async register(
    key: string | Uint8Array,
    value: string | Uint8Array,
    options: SessionOptions & { readonly signal?: AbortSignal | undefined },
  ): Promise<Registration> {
    const { signal } = options;
    refuseAborted(signal);
    const registration = new Registration(this.session(options), this.#put, toKey(key), toBytes(value, 'value'));
    const unlink = linkAbort(signal, () => {
      registration.close().catch(() => undefined);
    });
    try {
      await registration.ready;
      return registration;
    } catch (error) {
      if (signal?.aborted === true) throw abortedError(signal);
      throw error;
    } finally {
      unlink();
    }
  }

  /** Renews once; gives the TTL in seconds. @throws EtcdError `lease-not-found`. */
  async keepAliveOnce(leaseId: bigint, options: CallOptions = {}): Promise<number> {
    const ttlSeconds = await this.#rpc.keepAliveOnce(checkedLeaseId(leaseId), options);
    if (ttlSeconds > 0) return ttlSeconds;
    const message = `lease ${String(leaseId)} is not known to the server`;
    throw new LeaseError(message, leaseId, { code: 'lease-not-found', outcome: 'refused' });
  }

  /**
   * Revokes a lease, or many, held here or not. One that is held here ends as `revoked`.
   *
   * @throws EtcdError `lease-not-found` where one id is given and the server does not know it. Among many, those that are
   *   gone already count as revoked.
   */
  async revoke(leaseIds: bigint | Iterable<bigint>, options: CallOptions = {}): Promise<void> {
    if (typeof leaseIds === 'bigint') {
      const held = this.#held(checkedLeaseId(leaseIds));
      await (held?.revoke(options) ?? this.#rpc.revoke(leaseIds, options));
      return;
    }
    const left = Array.from(leaseIds, checkedLeaseId);
    const held = this.#allHeld();
    const failures: unknown[] = [];
    const work = async (): Promise<void> => {
      for (let leaseId = left.pop(); leaseId !== undefined; leaseId = left.pop()) {
        const revoked = held.get(leaseId)?.revoke(options) ?? this.#rpc.revoke(leaseId, options);
        await revoked.catch((error: unknown) => {
          if (!(error instanceof EtcdError && error.code === 'lease-not-found')) failures.push(error);
        });
      }
    };
    await Promise.all(Array.from({ length: REVOKE_WINDOW }, work));
    if (failures.length > 0) throw failures[0];
  }

  /** What the server says of a lease; with `keys`, the keys attached to it. `undefined` where it does not know the lease. */
  async timeToLive(
    leaseId: bigint,
    options: CallOptions & { readonly keys?: boolean | undefined } = {},
  ): Promise<LeaseTimeToLive | undefined> {
    return this.#rpc.timeToLive(checkedLeaseId(leaseId), options);
  }

  /** The ids of all leases of the cluster, whoever holds them. */
  async *list(options: CallOptions = {}): AsyncGenerator<bigint, void, undefined> {
    yield* await this.#rpc.list(options);
  }

  // The engine's side.

  /** Memory that a shard and this thread share; given to the shard, and to each of its successors. @internal */
  sharedState(shard: number): SharedArrayBuffer {
    return this.#room.slots(shard).state.buffer;
  }

  /** Takes a report of a shard. @internal */
  report(shard: number, report: LeaseReport): void {
    this.#upkeep.report(shard, report);
  }

  /** The commands that put a new shard where the one that crashed was. @internal */
  resume(shard: number): LeaseCommand[] {
    return this.#upkeep.resume(shard);
  }

  /** A shard failed for good: nobody renews its leases any longer. @internal */
  failed(shard: number, error: EtcdError): void {
    this.#upkeep.failed(shard, error);
  }

  /** Ends every lease as `released` and every grant with `error`. Sends nothing: the engine stops the shards. @internal */
  close(error: EtcdError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#room.clock.stop();
    this.#upkeep.close(error);
  }

  async #grant(
    ids: BigInt64Array,
    drawn: boolean,
    options: GrantManyOptions,
    defaultTimeoutMs: number,
  ): Promise<LeaseRows> {
    const ttlSeconds = checkedTtlSeconds(options.ttlSeconds);
    const intervalMs = checkedIntervalMs(options.intervalMs);
    const timeoutMs = checkedTimeout(options.timeoutMs, defaultTimeoutMs);
    return this.#run(new LeaseRows(this.#room, ids, ttlSeconds, drawn, timeoutMs), intervalMs, options);
  }

  /** Places the rows, asks the shards, and waits. */
  async #run(
    rows: LeaseRows,
    intervalMs: number,
    { signal, onProgress }: Pick<GrantManyOptions, 'signal' | 'onProgress'>,
  ): Promise<LeaseRows> {
    if (this.#isClosed) throw closedError();
    refuseAborted(signal);
    // What was held before this thread hung must not be mistaken for what is granted now.
    this.#room.clock.hasHung();
    this.#room.refuseFailed(rows);
    this.#room.place(rows, intervalMs);
    const { ttlSeconds, drawn, timeoutMs } = rows;
    this.#room.each(rows, undefined, (shard, slots) => {
      if (ttlSeconds === 0) this.#room.send(shard, { kind: 'keep-alive', slots, timeoutMs });
      else this.#room.send(shard, { kind: 'grant', slots, drawn, timeoutMs, resumed: false });
    });
    try {
      await untilAborted(rows.settled(onProgress), signal);
      return rows;
    } catch (error) {
      // A lease granted elsewhere is not ours to revoke.
      if (ttlSeconds === 0) rows.withdraw();
      else rows.abandon();
      throw error;
    }
  }

  /** The lease of this id that is held here. */
  #held(leaseId: bigint): Lease | undefined {
    const { low, high } = longFromBigint(leaseId);
    const slots = this.#room.slots(shardOfLease(low, high, this.#room.shardCount));
    const slot = slots.find(leaseId);
    return slot === undefined ? undefined : slots.owner(slot)?.handle(slots.row(slot));
  }

  #allHeld(): Map<bigint, Pick<Lease, 'revoke'>> {
    const held = new Map<bigint, Pick<Lease, 'revoke'>>();
    for (const slots of this.#room.shards) {
      for (const slot of slots.used()) {
        const rows = slots.owner(slot);
        const row = slots.row(slot);
        if (rows !== undefined) held.set(rows.leaseId(row), { revoke: (options) => rows.revoke([row], options) });
      }
    }
    return held;
  }
}

/** Random ids from 1 to 2^63-1. */
function drawIds(count: number): BigInt64Array {
  const ids = new BigInt64Array(count);
  const halves = new Int32Array(randomFillSync(ids).buffer);
  for (let i = 0; i < 2 * count; i += 2) {
    const high = (halves[i + HIGH_HALF] ?? 0) & 0x7fff_ffff;
    halves[i + HIGH_HALF] = high;
    if (high === 0 && halves[i + LOW_HALF] === 0) halves[i + LOW_HALF] = 1;
  }
  return ids;
}

function closedError(): EtcdError {
  return new EtcdError('the engine is closed', { code: 'closed', outcome: 'not-sent' });
}

/** Of a call that was under way. */
function abortedError(signal: AbortSignal): EtcdError {
  return new EtcdError('the call was aborted', { code: 'aborted', outcome: 'unknown', cause: signal.reason });
}

/** The promise, or a rejection as soon as the signal fires. */
async function untilAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const unlink = linkAbort(signal, () => {
      reject(abortedError(signal));
    });
    promise.then(resolve, reject).finally(unlink);
  });
}
