/**
 * The one error type of the package, its closed list of codes, and its plain form for the port.
 * Used on both sides; does no I/O. A structured clone of an Error loses its class and fields, so errors cross the
 * port as {@link PlainError} and are rebuilt by {@link errorFromPlain}.
 */

import { jsonForm } from './text-form.js';

/** What went wrong, as a stable string to branch on. The list is closed: a new code is a minor release. */
export type EtcdErrorCode =
  /** An option, key, range, label or revision that is not allowed; nothing was sent. */
  | 'invalid-argument'
  /** The engine, group or connection was closed before or while this ran. */
  | 'closed'
  /** The caller's AbortSignal fired. */
  | 'aborted'
  /** The time limit of the call passed. */
  | 'timeout'
  /** No configured member could be reached. */
  | 'connect-failed'
  /** The member went away, refused the call for now, or the connection broke. */
  | 'unavailable'
  /** The cluster has no leader. */
  | 'no-leader'
  | 'permission-denied'
  | 'unauthenticated'
  /** The revision asked for has been compacted; see {@link CompactedError.compactRevision}. */
  | 'compacted'
  | 'future-revision'
  /** The store went backwards (wiped, restored, another cluster): revisions known so far mean nothing in it. */
  | 'reset'
  /** A member belongs to another cluster than the others, or than the one this engine works with: it is not used. */
  | 'cluster-mismatch'
  /** The consumer fell behind its byte budget and asked, with `onLag: 'fail'`, to be ended. */
  | 'lagging'
  /** A callback of the caller threw or was rejected; see `cause`. */
  | 'callback-failed'
  /** One revision of one watch is larger than `maxRevisionBytes`. */
  | 'revision-too-large'
  /** One gRPC message is larger than the transport accepts. */
  | 'message-too-large'
  /** The server sent bytes that are not the message they should be. */
  | 'malformed-response'
  /** The peer does not speak gRPC, or broke its rules (HTTP status, compressed frame, missing trailers). */
  | 'protocol-error'
  /** A worker thread failed too often, or before it was ready. */
  | 'shard-failed'
  | 'lease-not-found'
  | 'lease-exists'
  /** The lease has ended here, so nothing was sent; see {@link LeaseError.leaseId}. */
  | 'lease-ended'
  | 'no-space'
  | 'too-many-requests'
  | 'request-too-large'
  | 'duplicate-key'
  | 'too-many-operations'
  | 'unimplemented'
  /** Nothing of Juju is there: this process is not a hook, or the hook tool is not on PATH (Juju is too old for it). */
  | 'hook-tool-missing'
  /** A hook tool refused or gave an answer that cannot be used; see {@link HookToolError.exitCode}. */
  | 'hook-tool-failed'
  /** No such relation, or no such member of it. */
  | 'relation-not-found'
  /** The other side of the relation has not published what this needs, or only a part of it. */
  | 'relation-not-ready'
  /** Only the leader of the application may do this. */
  | 'not-leader'
  /** There is no such Juju secret. */
  | 'secret-not-found'
  /** The Juju secret is not granted to this unit. */
  | 'secret-denied'
  /** Certificates and key that cannot be used: not PEM, or the key does not belong to the certificate. */
  | 'invalid-credentials'
  /** A file of credentials cannot be read, written or removed; see `cause`. */
  | 'file-failed'
  /** Any other refusal of the server; `grpcStatus` and the message tell which. */
  | 'server-error'
  /** A defect of this package. */
  | 'internal';

/**
 * What became of a request: `not-sent` (it never left this process), `refused` (the server answered with an error, so it
 * was not applied), `unknown` (it was sent and no answer came: it may have been applied).
 */
export type Outcome = 'not-sent' | 'refused' | 'unknown';

/** What an {@link EtcdError} is made of, beside its message. */
export interface EtcdErrorInit {
  readonly code: EtcdErrorCode;
  /** gRPC status number, where the error comes from one. */
  readonly grpcStatus?: number | undefined;
  readonly outcome?: Outcome | undefined;
  /** True only where repeating the same call cannot apply it twice. */
  readonly retryable?: boolean | undefined;
  /** The member spoken to, as configured. */
  readonly endpoint?: string | undefined;
  readonly cause?: unknown;
}

/** The error of every rejected promise and every typed end of this package. Branch on {@link code}. */
export class EtcdError extends Error {
  override readonly name: string = 'EtcdError';
  readonly code: EtcdErrorCode;
  readonly grpcStatus: number | undefined;
  readonly outcome: Outcome | undefined;
  readonly retryable: boolean;
  readonly endpoint: string | undefined;

  constructor(message: string, init: EtcdErrorInit) {
    super(message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.grpcStatus = init.grpcStatus;
    this.outcome = init.outcome;
    this.retryable = init.retryable ?? false;
    this.endpoint = init.endpoint;
  }

  /** Name, message, code and what else is known, and of the cause its name, message and code; no stack. */
  toJSON(): Record<string, unknown> {
    const { name, message, cause } = this;
    // An error's own message, stack and cause are not enumerable.
    return jsonForm({ name, message, ...Object.fromEntries(Object.entries(this)), cause: plainCause(cause) });
  }
}

/** The history asked for is gone: everything before {@link compactRevision} has been compacted away. */
export class CompactedError extends EtcdError {
  override readonly name = 'CompactedError';
  /** The oldest revision that can still be watched or read; 0n where the server did not say. */
  readonly compactRevision: bigint;

  constructor(message: string, compactRevision: bigint, init: Omit<EtcdErrorInit, 'code'> = {}) {
    super(message, { ...init, code: 'compacted' });
    this.compactRevision = compactRevision;
  }
}

/** An error about one lease. */
export class LeaseError extends EtcdError {
  override readonly name = 'LeaseError';
  readonly leaseId: bigint;

  constructor(message: string, leaseId: bigint, init: EtcdErrorInit) {
    super(message, init);
    this.leaseId = leaseId;
  }
}

/** What a hook tool of Juju answered instead of doing what it was asked for. Its texts hold no value that was written or read. */
export class HookToolError extends EtcdError {
  override readonly name = 'HookToolError';
  /** The tool's name, such as `relation-get`. */
  readonly tool: string;
  /** What it exited with; `undefined` when it was not started, or ended by a signal or its time limit. */
  readonly exitCode: number | undefined;

  constructor(message: string, tool: string, exitCode: number | undefined, init: EtcdErrorInit) {
    super(message, init);
    this.tool = tool;
    this.exitCode = exitCode;
  }
}

/** The error for a member that is not used because it belongs to another cluster. */
export function otherCluster(endpoint: string): EtcdError {
  return new EtcdError(
    `${endpoint} belongs to another etcd cluster than the one in use: give endpoints of one cluster, or connect anew for another`,
    { code: 'cluster-mismatch', outcome: 'not-sent', endpoint },
  );
}

/** An {@link EtcdError} as data that survives a structured clone. */
export interface PlainError extends Omit<EtcdErrorInit, 'cause'> {
  readonly message: string;
  readonly compactRevision?: bigint | undefined;
  readonly leaseId?: bigint | undefined;
  readonly cause?: PlainCause | undefined;
}

/** What of a cause is kept: enough to print and to branch on a system error's code. */
export interface PlainCause {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
}

/** Makes any thrown value into an {@link EtcdError}; one that is one already is returned as it is. */
export function toEtcdError(thrown: unknown, fallback: EtcdErrorCode = 'internal'): EtcdError {
  if (thrown instanceof EtcdError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new EtcdError(message, { code: fallback, cause: thrown });
}

/** The data form of an error, for the port. */
export function errorToPlain(error: EtcdError): PlainError {
  return {
    message: error.message,
    code: error.code,
    grpcStatus: error.grpcStatus,
    outcome: error.outcome,
    retryable: error.retryable,
    endpoint: error.endpoint,
    compactRevision: error instanceof CompactedError ? error.compactRevision : undefined,
    leaseId: error instanceof LeaseError ? error.leaseId : undefined,
    cause: plainCause(error.cause),
  };
}

/** The class instance again, from {@link errorToPlain}'s form. */
export function errorFromPlain(plain: PlainError): EtcdError {
  const init: EtcdErrorInit = { ...plain, cause: plain.cause && causeFromPlain(plain.cause) };
  if (plain.compactRevision !== undefined) return new CompactedError(plain.message, plain.compactRevision, init);
  if (plain.leaseId !== undefined) return new LeaseError(plain.message, plain.leaseId, init);
  return new EtcdError(plain.message, init);
}

/** What is kept of a cause. */
function plainCause(cause: unknown): PlainCause | undefined {
  if (cause === undefined) return undefined;
  if (!(cause instanceof Error)) return { name: 'Error', message: String(cause) };
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  return { name: cause.name, message: cause.message, code };
}

function causeFromPlain(plain: PlainCause): Error {
  const cause = new Error(plain.message);
  cause.name = plain.name;
  return plain.code === undefined ? cause : Object.assign(cause, { code: plain.code });
}
