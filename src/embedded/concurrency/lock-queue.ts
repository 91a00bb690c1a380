/**
 * The queue that locks and elections are: keys below a name, one a lease; the one created first has the turn. The layout and
 * the order of checks are those of etcd's own lock and election services, which are clients of the server they run in.
 * Server thread.
 */
import type { AuthCredentials, AuthGate, AuthUser } from '../auth/auth-gate.js';
import type { AlarmGate } from '../maintenance/alarms.js';
import { failure } from '../rpc-failure.js';
import type { KeySpan } from '../store/key-span.js';
import type { KvStore } from '../store/kv-store.js';
import { keyOf, keyTextOf, type StoredValue } from '../store/stored-value.js';

/** What is asked of the leases. */
export interface SessionLeases {
  has(leaseId: bigint): boolean;
  /** An id of 0 lets the server choose one. */
  grant(id: bigint, ttlSeconds: bigint): { readonly id: bigint };
}

/** What the queue works on. */
export interface QueueParts {
  readonly store: KvStore;
  readonly gate: AuthGate;
  readonly alarms: AlarmGate;
  readonly leases: SessionLeases;
}

/** A key in the queue. */
export interface Place {
  readonly keyText: string;
  readonly createRevision: number;
  /** The value that it had already; undefined for a new one. */
  readonly oldValue: Uint8Array | undefined;
  /** The store's revision right after joining. */
  readonly revision: number;
}

/** What etcd's client grants for a session. */
const SESSION_TTL_SECONDS = 60n;

/** The operations of one queue's service, for all names. */
export class LockQueue {
  readonly #parts: QueueParts;

  constructor(parts: QueueParts) {
    this.#parts = parts;
  }

  get store(): KvStore {
    return this.#parts.store;
  }

  /** The caller's lease, or a new one for a caller that gives 0. */
  session(call: AuthCredentials, leaseId: bigint): bigint {
    if (leaseId !== 0n) return leaseId;
    const { gate, alarms, leases } = this.#parts;
    gate.user(call);
    alarms.checkGrowth();
    return leases.grant(0n, SESSION_TTL_SECONDS).id;
  }

  /** Puts the key of this lease, unless it is there. `seesOwner`: the caller must be allowed to read the whole queue. */
  join(call: AuthCredentials, name: Uint8Array, leaseId: bigint, value: Uint8Array, seesOwner: boolean): Place {
    const { store, alarms, leases } = this.#parts;
    const keyText = `${prefixOf(name)}${leaseId.toString(16)}`;
    const key = keyOf(keyText);
    const owner = seesOwner ? [{ requestRange: rangeOf(name) }] : [];
    const put = [{ requestPut: { key } }, ...owner];
    this.#checkTxn(call, { compare: [{ key }], success: put, failure: [{ requestRange: { key } }, ...owner] });
    alarms.checkGrowth();
    const old = store.get(keyText);
    if (old !== undefined)
      return { keyText, createRevision: old.createRevision, oldValue: old.value, revision: store.revision };
    if (!leases.has(leaseId)) throw failure('leaseNotFound');
    store.write((writer) => writer.put(key, value, leaseId));
    return { keyText, createRevision: store.revision, oldValue: undefined, revision: store.revision };
  }

  /** Puts a value into a key that was created at this revision. Gives false when it was not. */
  replace(call: AuthCredentials, key: Uint8Array, createRevision: number, value: Uint8Array, leaseId: bigint): boolean {
    const { store, alarms, leases } = this.#parts;
    if (key.length === 0) throw failure('emptyKey');
    this.#checkTxn(call, { compare: [{ key }], success: [{ requestPut: { key } }] });
    alarms.checkGrowth();
    // A revision of 0 asks for a key that is not there.
    if ((store.get(keyTextOf(key))?.createRevision ?? 0) !== createRevision) return false;
    if (leaseId !== 0n && !leases.has(leaseId)) throw failure('leaseNotFound');
    store.write((writer) => writer.put(key, value, leaseId));
    return true;
  }

  /** Deletes a key if it was created at this revision. */
  remove(call: AuthCredentials, key: Uint8Array, createRevision: number): void {
    if (key.length === 0) throw failure('emptyKey');
    this.#checkTxn(call, { compare: [{ key }], success: [{ requestDeleteRange: { key } }] });
    this.#parts.alarms.checkChange();
    this.leave(keyTextOf(key), createRevision);
  }

  /** Deletes a key, whatever made it. */
  unlock(call: AuthCredentials, key: Uint8Array): void {
    const { store, gate, alarms } = this.#parts;
    if (key.length === 0) throw failure('emptyKey');
    const user = gate.user(call);
    alarms.checkChange();
    gate.checkWrite(user, key);
    store.write((writer) => writer.delete({ kind: 'key', key: keyTextOf(key) }));
  }

  /** For a caller that went away: nobody is asked. */
  leave(keyText: string, createRevision: number): void {
    const { store } = this.#parts;
    if ((store.get(keyText)?.createRevision ?? 0) !== createRevision) return;
    store.write((writer) => writer.delete({ kind: 'key', key: keyText }));
  }

  /** Whose turn it is. */
  first(call: AuthCredentials, name: Uint8Array): StoredValue | undefined {
    this.checkReads(call, name);
    return firstCreated(this.#parts.store, name);
  }

  /** @throws RpcFailure for a caller that may not read the whole queue. */
  checkReads(call: AuthCredentials, name: Uint8Array): void {
    const { gate } = this.#parts;
    const { key, rangeEnd } = rangeOf(name);
    gate.checkRead(gate.user(call), key, rangeEnd);
  }

  /**
   * Waits until all keys created before `createRevision` are gone, each waiter looking only at the one before it. Rejects when
   * the caller goes away.
   */
  turn(name: Uint8Array, createRevision: number, signal: AbortSignal): Promise<void> {
    const { store } = this.#parts;
    const before = (): string | undefined => lastCreated(store, name, createRevision - 1)?.keyText;
    let awaited = before();
    if (awaited === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        stopListening();
        signal.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        end();
        reject(failure('canceled'));
      };
      const stopListening = store.onChange((_, changes) => {
        if (!changes.some(({ keyText, version }) => version === 0 && keyText === awaited)) return;
        awaited = before();
        if (awaited !== undefined) return;
        end();
        resolve();
      });
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort);
    });
  }

  #checkTxn(call: AuthCredentials, txn: Parameters<AuthGate['checkTxn']>[1]): void {
    const user: AuthUser | undefined = this.#parts.gate.user(call);
    this.#parts.gate.checkTxn(user, txn);
  }
}

/** All keys of a queue. */
export function spanOf(name: Uint8Array): KeySpan & { readonly kind: 'range' } {
  const from = prefixOf(name);
  // The byte after the slash that ends every prefix.
  return { kind: 'range', from, to: `${from.slice(0, -1)}0` };
}

/** The oldest key of a queue: it has the turn. */
export function firstCreated(store: KvStore, name: Uint8Array): StoredValue | undefined {
  let first: StoredValue | undefined;
  for (const value of store.read(spanOf(name)).values)
    if (first === undefined || value.createRevision < first.createRevision) first = value;
  return first;
}

/** The youngest key of a queue among those created up to a revision. */
function lastCreated(store: KvStore, name: Uint8Array, upTo: number): StoredValue | undefined {
  let last: StoredValue | undefined;
  for (const value of store.read(spanOf(name)).values) {
    const { createRevision } = value;
    if (createRevision <= upTo && (last === undefined || createRevision > last.createRevision)) last = value;
  }
  return last;
}

function prefixOf(name: Uint8Array): string {
  return `${keyTextOf(name)}/`;
}

function rangeOf(name: Uint8Array): { readonly key: Uint8Array; readonly rangeEnd: Uint8Array } {
  const { from, to = '' } = spanOf(name);
  return { key: keyOf(from), rangeEnd: keyOf(to) };
}
