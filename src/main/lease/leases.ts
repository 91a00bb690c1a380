/**
 * `etcd.leases`: grants, keeps, revokes and lists leases. The worker threads do the keeping; this side places leases on
 * shards, takes their reports and hands out light views. Main thread; opens no connection.
 */
import { randomFillSync } from 'node:crypto';
import { booleanRule, checkOptions } from '../../wire/arguments.js';
import { EtcdError, LeaseError } from '../../wire/errors.js';
import { toBytes, toKey } from '../../wire/key-range.js';
import type { LeaseCommand, LeaseReport } from '../../wire/lease-contract.js';
import { HIGH_HALF, LOW_HALF } from '../../wire/lease-state.js';
import { namedLeaseId, type LeaseInput } from '../kv/lease-input.js';
import { linkAbort, refuseAborted } from '../abort-link.js';
import { CALL_RULES, type CallOptions } from '../unary/call-scope.js';
import { LeaseCollection } from './lease-collection.js';
import type { Lease } from './lease.js';
import { CallLimit } from './call-limit.js';
import type { SystemClocks } from './lease-clock.js';
import type { LeaseLink } from './lease-link.js';
import {
  checkedCount,
  checkLease,
  type GrantManyOptions,
  type GrantOptions,
  CALL_TIMEOUT_MS,
  revokeLimit,
  type KeepAliveOptions,
  type RegisterOptions,
  type RevokeOptions,
  type SessionOptions,
} from './lease-options.js';
import { LeaseUpkeep } from './lease-upkeep.js';
import { leaseIdsOf } from './lease-ids.js';
import { LeaseRoom, type RowOfLease } from './lease-room.js';
import { LeaseRows } from './lease-rows.js';
import type { LeasePut, LeaseRpc, LeaseTimeToLive } from './lease-rpc.js';
import { LeaseSession } from './lease-session.js';
import { Registration } from './lease-registration.js';
import { ServerRevoker } from './server-revoker.js';

/** What a revocation waits for first, and what goes on without it. */
const GRANT = ['the grant of the lease', '; it is revoked as soon as it was granted'] as const;

export interface LeasesInit {
  readonly link: LeaseLink;
  readonly rpc: LeaseRpc;
  readonly put: LeasePut;
  /** Give every lease up when this thread has not run for so long; 0 or nothing: never. */
  readonly livenessMs?: number | undefined;
  /** For tests. Default: the system's. */
  readonly clocks?: SystemClocks | undefined;
}

export class Leases {
  readonly #room: LeaseRoom;
  readonly #upkeep: LeaseUpkeep;
  readonly #rpc: LeaseRpc;
  readonly #put: LeasePut;
  readonly #revoker: ServerRevoker;
  #isClosed = false;
  /** Ends the waits of sessions and registrations. */
  readonly #closed = new AbortController();

  /** Made by the engine. @internal */
  constructor(init: LeasesInit) {
    this.#revoker = new ServerRevoker(init.rpc);
    this.#room = new LeaseRoom(init.link, this.#revoker, init.livenessMs ?? 0, init.clocks);
    this.#upkeep = new LeaseUpkeep(this.#room);
    this.#rpc = init.rpc;
    this.#put = init.put;
  }

  /**
   * Grants a lease, which a worker thread keeps alive from then on. Safe to retry by itself: the id is chosen here, so a
   * grant whose answer was lost is recognised. With a `leaseId` that is held here and was granted anew, the lease before it ends
   * as `lost`.
   *
   * @throws EtcdError `lease-exists` where `leaseId` is taken, `timeout` where no member answered in time, `aborted`.
   */
  async grant(options: GrantOptions): Promise<Lease> {
    checkLease.grant(options);
    const ids = options.leaseId === undefined ? drawIds(1) : BigInt64Array.of(options.leaseId);
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
    checkLease.grantMany(options);
    const ids = drawIds(checkedCount(count));
    return new LeaseCollection(await this.#grant(ids, true, options, CALL_TIMEOUT_MS + count));
  }

  /**
   * Keeps a lease alive that was granted elsewhere, or changes the interval of one that is kept already. Resolves with the
   * answer to the first renewal, which is sent at once. The same id is kept once, however often and whenever it is asked for.
   *
   * @throws EtcdError `lease-not-found` where the server does not know it, `lease-ended` while it is being revoked here,
   *   `timeout`, `aborted`.
   */
  async keepAlive(lease: LeaseInput, options: KeepAliveOptions = {}): Promise<Lease> {
    checkLease.keepAlive(options);
    const { intervalMs = 0, signal, timeoutMs: limitMs } = options;
    const leaseId = namedLeaseId(lease, 'keepAlive: lease');
    const ids = BigInt64Array.of(leaseId);
    const limit = new CallLimit({ signal, timeoutMs: limitMs ?? CALL_TIMEOUT_MS }, CALL_TIMEOUT_MS);
    for (let found = this.#room.find(leaseId); found !== undefined; found = this.#room.find(leaseId)) {
      const { rows, row } = found;
      if (rows.isAsked(row)) {
        await limit.race(rows.answered(), 'the first renewal', '');
        // Of a refusal for its own reasons (a time limit, a signal) this call knows nothing.
        const refusal = rows.refusal(row);
        if (refusal?.code === 'lease-not-found') throw refusal;
      } else if (rows.isLive(row)) {
        // Past its deadline, only its end has not been told yet.
        if (!rows.isAlive(row)) break;
        const held = rows.handle(row);
        if (options.intervalMs !== undefined) held.setIntervalMs(intervalMs);
        return held;
      } else throw revokingError(leaseId);
    }
    const timeoutMs = Math.max(1, limit.remainingMs);
    const rows = await this.#run(new LeaseRows(this.#room, ids, 0, false, timeoutMs), intervalMs, options);
    return rows.handle(0);
  }

  /**
   * Opens a session: a lease that is granted again, with another id, whenever it is lost. Returns at once; failing grants
   * are tried again with back-off until `close()`.
   *
   * @throws EtcdError `invalid-argument`.
   */
  session(options: SessionOptions): LeaseSession {
    checkLease.session(options);
    const { ttlSeconds, intervalMs } = options;
    return new LeaseSession((signal) => this.grant({ ttlSeconds, intervalMs, signal }), this.#closed.signal);
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
    options: RegisterOptions,
  ): Promise<Registration> {
    checkLease.register(options);
    const { signal, ...sessionOptions } = options;
    const keyBytes = toKey(key, 'register: key');
    const valueBytes = toBytes(value, 'register: value');
    refuseAborted(signal);
    const registration = new Registration(
      this.session(sessionOptions),
      this.#put,
      keyBytes,
      valueBytes,
      this.#closed.signal,
    );
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
  async keepAliveOnce(lease: LeaseInput, options: CallOptions = {}): Promise<number> {
    checkOptions<CallOptions>(options, CALL_RULES, 'keepAliveOnce');
    const leaseId = namedLeaseId(lease, 'keepAliveOnce: lease');
    const ttlSeconds = await this.#rpc.keepAliveOnce(leaseId, options);
    if (ttlSeconds > 0) return ttlSeconds;
    const message = `lease ${String(leaseId)} is not known to the server`;
    throw new LeaseError(message, leaseId, { code: 'lease-not-found', outcome: 'refused' });
  }

  /**
   * Revokes a lease, or many, by id, as lease objects or by the session that holds it, held here or not. A session that goes
   * on grants another one; its `close()` ends it. One that is held here ends as `revoked`; one that is being granted here is
   * revoked once it was granted, also where this call has ended before. What becomes of a lease held here that could not be revoked: see
   * `lease.revoke()`.
   *
   * @throws EtcdError `lease-not-found` where one is given, not held here, and the server does not know it. Among many, those
   *   that are gone already count as revoked, and the first other failure is thrown after all were tried. `invalid-argument` for
   *   anything that is no lease, session or id (a number, a text), `lease-ended` for a session that holds none, `timeout`, `aborted`, `closed`.
   */
  async revoke(leases: LeaseInput | Iterable<LeaseInput>, options: RevokeOptions = {}): Promise<void> {
    const { leaseIds, isOne } = leaseIdsOf(leases);
    const limit = revokeLimit(options, leaseIds.length);
    if (this.#isClosed) throw closedError();
    const [only] = leaseIds;
    if (isOne && only !== undefined) {
      await this.#revokeOne(only, limit);
      return;
    }
    await this.#revokeMany(new Set(leaseIds), limit);
  }

  /** What the server says of a lease; with `keys`, the keys attached to it. `undefined` where it does not know the lease. */
  async timeToLive(
    lease: LeaseInput,
    options: CallOptions & { readonly keys?: boolean | undefined } = {},
  ): Promise<LeaseTimeToLive | undefined> {
    checkOptions<CallOptions & { keys?: boolean }>(options, { ...CALL_RULES, keys: booleanRule }, 'timeToLive');
    return this.#rpc.timeToLive(namedLeaseId(lease, 'timeToLive: lease'), options);
  }

  /** The ids of all leases of the cluster, whoever holds them. */
  list(options: CallOptions = {}): AsyncGenerator<bigint, void, undefined> {
    checkOptions<CallOptions>(options, CALL_RULES, 'list');
    return this.#list(options);
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
    this.#revoker.close();
    this.#upkeep.close(error);
    this.#closed.abort(error);
  }

  async *#list(options: CallOptions): AsyncGenerator<bigint, void, undefined> {
    yield* await this.#rpc.list(options);
  }

  async #grant(
    ids: BigInt64Array,
    drawn: boolean,
    options: GrantManyOptions,
    defaultTimeoutMs: number,
  ): Promise<LeaseRows> {
    const { ttlSeconds, intervalMs = 0, timeoutMs = defaultTimeoutMs } = options;
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

  /** Looks at every lease once, however many are named, and once more for those that are being granted. */
  async #revokeMany(leaseIds: Iterable<bigint>, limit: CallLimit): Promise<void> {
    const elsewhere: bigint[] = [];
    const asked: bigint[] = [];
    const askedRows = new Set<LeaseRows>();
    const here = new Map<LeaseRows, number[]>();
    const held = this.#room.all();
    for (const leaseId of leaseIds) {
      const found = held.get(leaseId);
      if (found === undefined) elsewhere.push(leaseId);
      else if (found.rows.isAsked(found.row)) {
        if (revokeWhenAnswered(found)) {
          asked.push(leaseId);
          askedRows.add(found.rows);
        } else elsewhere.push(leaseId);
      } else {
        const which = here.get(found.rows);
        if (which === undefined) here.set(found.rows, [found.row]);
        else which.push(found.row);
      }
    }
    const work = Array.from(here, ([rows, which]) => rows.revoke(which, limit));
    work.push(this.#revoker.many(elsewhere, limit));
    if (asked.length > 0) {
      const answered = Promise.all(Array.from(askedRows, (rows) => rows.answered()));
      work.push(limit.race(answered, ...GRANT).then(() => this.#revokeMany(asked, limit)));
    }
    for (const result of await Promise.allSettled(work)) {
      if (result.status === 'rejected' && !isNotFound(result.reason)) throw result.reason;
    }
  }

  async #revokeOne(leaseId: bigint, limit: CallLimit): Promise<void> {
    for (let found = this.#room.find(leaseId); found !== undefined; found = this.#room.find(leaseId)) {
      const { rows, row } = found;
      if (!rows.isAsked(row)) {
        await rows.revoke([row], limit);
        return;
      }
      if (!revokeWhenAnswered(found)) break;
      await limit.race(rows.answered(), ...GRANT);
    }
    await this.#revoker.one(leaseId, limit);
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

/** False where the lease need not be waited for: it exists already where only its first renewal is asked for. */
function revokeWhenAnswered({ rows, row }: RowOfLease): boolean {
  // Also where the call ends before the grant does: nobody is to hold it then.
  rows.revokeWhenGranted(row);
  return rows.ttlSeconds !== 0;
}

function closedError(): EtcdError {
  return new EtcdError('the engine is closed', { code: 'closed', outcome: 'not-sent' });
}

function revokingError(leaseId: bigint): EtcdError {
  const message = `lease ${String(leaseId)} is being revoked here, so it is not kept alive: grant another one`;
  return new LeaseError(message, leaseId, { code: 'lease-ended', outcome: 'not-sent' });
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof EtcdError && thrown.code === 'lease-not-found';
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
