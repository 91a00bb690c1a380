/**
 * What the services ask about the caller of an RPC: who it is, and whether it may. Types only; `PermissionGate` is the gate.
 * Every check throws an `RpcFailure` with etcd's code and text, and passes everything while authentication is off.
 */

/** What a call carries about its caller; a `CallContext` is one. */
export interface AuthCredentials {
  /** The first value of the metadata `token`, or else of `authorization`. */
  readonly token: string | undefined;
  /** The common name of the verified client certificate, where the listener asks for certificates. */
  readonly certificateName: string | undefined;
}

/** A caller whose token, or certificate, is known. */
export interface AuthUser {
  readonly name: string;
  /** The auth revision that the caller's token stands for. */
  readonly revision: number;
}

/** A transaction, as far as permissions look at it; a decoded `TxnRequest` is one. */
export interface TxnKeys {
  readonly compare?: readonly KeyRange[] | null;
  readonly success?: readonly TxnOperationKeys[] | null;
  readonly failure?: readonly TxnOperationKeys[] | null;
}

export interface TxnOperationKeys {
  readonly requestRange?: KeyRange | null;
  readonly requestPut?: KeyRange | null;
  readonly requestDeleteRange?: (KeyRange & { readonly prevKv?: boolean | null }) | null;
}

export interface KeyRange {
  readonly key?: Uint8Array | null;
  readonly rangeEnd?: Uint8Array | null;
}

/**
 * Call {@link user} once an RPC, where etcd looks at the token, and give its answer to the checks. A request that etcd
 * proposes to raft (put, delete, txn, compaction, lease grant and revoke, alarm, auth) has its token looked at even when it needs
 * no permission: an unknown token refuses it.
 */
export interface AuthGate {
  readonly enabled: boolean;
  /**
   * Who calls; undefined while authentication is off, or when the call carries neither token nor certificate. Throws
   * Unauthenticated `etcdserver: invalid auth token`. Using a token renews it.
   */
  user(call: AuthCredentials): AuthUser | undefined;
  /** May the caller read this key, or every key of [key, rangeEnd)? An end of one zero byte is "from the key on". */
  checkRead(user: AuthUser | undefined, key: Uint8Array, rangeEnd?: Uint8Array | null): void;
  /** May the caller write, or delete, there? */
  checkWrite(user: AuthUser | undefined, key: Uint8Array, rangeEnd?: Uint8Array | null): void;
  /** May the caller read and write all that the transaction names? As in etcd 3.5, transactions inside it are not looked into. */
  checkTxn(user: AuthUser | undefined, txn: TxnKeys): void;
  /** Has the caller the role `root`? */
  checkAdmin(user: AuthUser | undefined): void;
}
