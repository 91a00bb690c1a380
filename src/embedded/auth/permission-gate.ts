/**
 * Who calls, and what the caller may do: etcd's order of checks, over the auth store and the tokens. Server thread; pure.
 */
import { failure } from '../rpc-failure.js';
import { keyTextOf } from '../store/stored-value.js';
import type { AuthCredentials, AuthGate, AuthUser, TxnKeys, TxnOperationKeys } from './auth-gate.js';
import { hasRootRole } from './auth-records.js';
import type { AuthStore } from './auth-store.js';
import type { TokenTable } from './token-table.js';

type Bytes = Uint8Array | null | undefined;

export class PermissionGate implements AuthGate {
  readonly #store: AuthStore;
  readonly #tokens: TokenTable;

  constructor(store: AuthStore, tokens: TokenTable) {
    this.#store = store;
    this.#tokens = tokens;
  }

  get enabled(): boolean {
    return this.#store.enabled;
  }

  user(call: AuthCredentials): AuthUser | undefined {
    if (!this.#store.enabled) return undefined;
    const { revision } = this.#store;
    if (call.token !== undefined) {
      const holder = this.#tokens.use(call.token);
      // A certificate does not help a caller whose token is unknown.
      if (holder === undefined) throw failure('invalidAuthToken');
      return { name: holder.name, revision: holder.revision ?? revision };
    }
    return call.certificateName === undefined ? undefined : { name: call.certificateName, revision };
  }

  checkRead(user: AuthUser | undefined, key: Uint8Array, rangeEnd?: Uint8Array | null): void {
    this.#check(user, (permissions) => permissions.mayRead(textOf(key), textOf(rangeEnd)));
  }

  checkWrite(user: AuthUser | undefined, key: Uint8Array, rangeEnd?: Uint8Array | null): void {
    this.#check(user, (permissions) => permissions.mayWrite(textOf(key), textOf(rangeEnd)));
  }

  checkTxn(user: AuthUser | undefined, txn: TxnKeys): void {
    if (!this.#store.enabled) return;
    for (const { key, rangeEnd } of txn.compare ?? []) this.checkRead(user, bytesOf(key), rangeEnd);
    for (const operation of txn.success ?? []) this.#checkOperation(user, operation);
    for (const operation of txn.failure ?? []) this.#checkOperation(user, operation);
  }

  checkAdmin(user: AuthUser | undefined): void {
    if (!this.#store.enabled) return;
    if (user === undefined || user.name === '') throw failure('userEmpty');
    if (!hasRootRole(this.#store.user(user.name))) throw failure('permissionDenied');
  }

  #checkOperation(user: AuthUser | undefined, operation: TxnOperationKeys): void {
    const { requestRange: range, requestPut: put, requestDeleteRange: deletion } = operation;
    if (range) this.checkRead(user, bytesOf(range.key), range.rangeEnd);
    if (put) this.checkWrite(user, bytesOf(put.key));
    if (deletion) {
      if (deletion.prevKv === true) this.checkRead(user, bytesOf(deletion.key), deletion.rangeEnd);
      this.checkWrite(user, bytesOf(deletion.key), deletion.rangeEnd);
    }
  }

  #check(
    caller: AuthUser | undefined,
    allowed: (permissions: ReturnType<AuthStore['permissionsOf']>) => boolean,
  ): void {
    if (!this.#store.enabled) return;
    if (caller === undefined) throw failure('userEmpty');
    if (caller.revision < this.#store.revision) throw failure('authOldRevision');
    const user = this.#store.findUser(caller.name);
    if (user === undefined) throw failure('permissionDenied');
    if (!hasRootRole(user) && !allowed(this.#store.permissionsOf(user))) throw failure('permissionDenied');
  }
}

function bytesOf(key: Bytes): Uint8Array {
  return key ?? new Uint8Array(0);
}

function textOf(key: Bytes): string {
  return key === null || key === undefined ? '' : keyTextOf(key);
}
