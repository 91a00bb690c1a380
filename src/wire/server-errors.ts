/**
 * The one place that knows etcd's error texts: turns a gRPC status with its message, or the reason of a cancelled watch,
 * into an {@link EtcdError}. Used on both sides; pure.
 *
 * etcd tells most of its errors by text only, and a text may arrive behind one or more `rpc error: code = … desc = `
 * (members forward to each other, proxies forward to members), so the end of the text is what is matched.
 */
import { CompactedError, EtcdError, LeaseError } from './errors.js';
import type { EtcdErrorCode, EtcdErrorInit, Outcome } from './errors.js';

/** The status numbers of gRPC. */
export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** What the caller knows beside the server's words. */
export interface ServerErrorContext {
  /** The member that answered, as configured. */
  readonly endpoint?: string | undefined;
  /** Overrides what status and text say about the request's fate. */
  readonly outcome?: Outcome | undefined;
  /** For a compaction error, where the answer carries it. */
  readonly compactRevision?: bigint | undefined;
  /** The lease that the call was about: lease errors then become a `LeaseError`. */
  readonly leaseId?: bigint | undefined;
  /** Repeating the call changes nothing further, so it is always safe. */
  readonly repeatable?: boolean | undefined;
  /** Size of the request as sent, which tells a request refused for its size from an answer that was too large. */
  readonly requestBytes?: number | undefined;
  readonly cause?: unknown;
}

interface KnownText {
  readonly code: EtcdErrorCode;
  /**
   * `refused` where etcd gives this text only before a write reaches raft, or when applying it failed as a whole;
   * `unknown` where a proposal may be on its way already (time-outs, a server that stops).
   */
  readonly outcome: Outcome;
}

const refused = (code: EtcdErrorCode): KnownText => ({ code, outcome: 'refused' });
const unknown = (code: EtcdErrorCode): KnownText => ({ code, outcome: 'unknown' });

/** Texts that say more than their status does. All others follow their status. */
const KNOWN_TEXTS: ReadonlyMap<string, KnownText> = new Map([
  ['required revision has been compacted', refused('compacted')],
  ['required revision is a future revision', refused('future-revision')],
  ['database space exceeded', refused('no-space')],
  ['requested lease not found', refused('lease-not-found')],
  ['lease already exists', refused('lease-exists')],
  ['too many operations in txn request', refused('too-many-operations')],
  ['duplicate key given in txn request', refused('duplicate-key')],
  ['request is too large', refused('request-too-large')],
  ['too many requests', refused('too-many-requests')],
  // Given by the interceptor, before a handler runs, when `hasleader` was asked for.
  ['no leader', refused('no-leader')],
  ['corrupt cluster', refused('server-error')],
  ['unhealthy cluster', refused('unavailable')],
  ['invalid auth token', refused('unauthenticated')],
  ['revision of auth store is old', refused('unauthenticated')],
  ['user name is empty', refused('unauthenticated')],
  ['authentication failed, invalid user ID or password', refused('unauthenticated')],
  ['permission denied', refused('permission-denied')],
  ['leader changed', unknown('unavailable')],
  // A leader that has lost its lead, asked to renew (3.4.31 and 3.5.13 on).
  ['not a primary lessor', unknown('unavailable')],
  ['server stopped', unknown('unavailable')],
  ['request timed out', unknown('unavailable')],
  ['request timed out, possibly due to previous leader failure', unknown('unavailable')],
  ['request timed out, possibly due to connection lost', unknown('unavailable')],
  ['request timed out, waiting for the applied index took too long', unknown('unavailable')],
  ['watch canceled', unknown('unavailable')],
  ['request canceled', unknown('unavailable')],
  ['context deadline exceeded', unknown('timeout')],
]);

/** What to do about it, where the server's words alone do not say. */
const ADVICE: Partial<Record<EtcdErrorCode, string>> = {
  compacted: 'read or watch from a later revision',
  'no-space': "compact, defragment, then disarm the alarm, or raise the server's --quota-backend-bytes",
  'request-too-large': "send less in one request, or raise the server's --max-request-bytes",
  'too-many-operations': "send fewer operations in one transaction, or raise the server's --max-txn-ops",
  'duplicate-key': 'put each key at most once in a transaction',
};

/**
 * Texts after which a fresh token may help, whole: one that only resembles them is not etcd's. A missing token is told as an
 * empty user name. Errors made here name their endpoint behind the text.
 */
const TOKEN_TEXTS =
  /^etcdserver: (?:invalid auth token|revision of auth store is old|user name is empty)(?: \(from [^()]*\))?$/u;
const AUTH_OFF_TEXT = /^etcdserver: authentication is not enabled(?: \(from [^()]*\))?$/u;

/**
 * The error for a call that ended with a gRPC status other than OK.
 *
 * @param status the gRPC status number.
 * @param message the server's own words (`grpc-message`, decoded).
 */
export function serverError(status: number, message: string, context: ServerErrorContext = {}): EtcdError {
  const text = withoutRpcPrefix(message).text;
  const known = knownText(text) ?? learnerText(status, text) ?? sizeText(status, text, context) ?? byStatus(status);
  return build(known, status, text, context);
}

/**
 * The error for a watch that the server cancelled.
 *
 * @param reason `cancel_reason`; empty from servers before 3.4 and, by rule, after a compaction.
 */
export function watchCancelError(reason: string, context: ServerErrorContext = {}): EtcdError {
  const { text, status } = withoutRpcPrefix(reason);
  if (context.compactRevision !== undefined && context.compactRevision !== 0n) {
    const said = text === '' ? 'required revision has been compacted' : text;
    return build(refused('compacted'), GrpcStatus.OUT_OF_RANGE, said, context);
  }
  if (text === '')
    return build(refused('server-error'), undefined, 'the watch was cancelled without a reason', context);
  const known = knownText(text) ?? (status === undefined ? refused('server-error') : byStatus(status));
  return build(known, status, text, context);
}

/**
 * Whether a fresh token may help: the token is unknown or expired, was made before the last change of users and roles, or
 * is missing. A wrong password is none of these.
 *
 * @param error an error made here, or a server's text.
 */
export function isTokenError(error: EtcdError | string): boolean {
  if (typeof error !== 'string') return error.code === 'unauthenticated' && TOKEN_TEXTS.test(error.message);
  return TOKEN_TEXTS.test(withoutRpcPrefix(error).text);
}

/** Whether a login was answered with that the cluster has no authentication: calls need no token. */
export function isAuthOff(error: EtcdError): boolean {
  return error.grpcStatus === GrpcStatus.FAILED_PRECONDITION && AUTH_OFF_TEXT.test(error.message);
}

/** Whether these are etcd's own words and nothing else, as far as can be told; a text that only resembles them proves nothing. */
export function isServerText({ message }: EtcdError, words: string): boolean {
  const text = `etcdserver: ${words}`;
  return message === text || message.startsWith(`${text} (from `);
}

/**
 * Whether the member refused because it is a learner, which serves next to nothing: the call was not run, and another member
 * may take it.
 */
export function isLearnerRefusal(error: EtcdError): boolean {
  return error.outcome === 'refused' && isServerText(error, LEARNER_WORDS);
}

/** What a caller knows of its call beside what the transport that read the error did. */
export type CallContext = Pick<ServerErrorContext, 'leaseId' | 'repeatable' | 'requestBytes'>;

/** The same error, of a call of which more is known. */
export function inContext(error: EtcdError, context: CallContext): EtcdError {
  const { message, grpcStatus, endpoint, cause } = error;
  if (error.code === 'message-too-large') {
    const known = grpcStatus === undefined ? undefined : sizeText(grpcStatus, message, context);
    if (known?.code === 'request-too-large')
      return build(known, grpcStatus, message.replace(/ \(from [^)]*\)$/u, ''), { ...context, endpoint, cause });
  }
  const outcome = error.outcome ?? 'unknown';
  const retryable = isTransient(error.code) && (context.repeatable === true || outcome !== 'unknown');
  const isOfLease = error.code === 'lease-not-found' || error.code === 'lease-exists';
  const init: EtcdErrorInit = { code: error.code, grpcStatus, outcome, retryable, endpoint, cause };
  if (isOfLease && context.leaseId !== undefined) return new LeaseError(message, context.leaseId, init);
  if (error instanceof CompactedError || (error.outcome === outcome && error.retryable === retryable)) return error;
  return new EtcdError(message, init);
}

function build(known: KnownText, status: number | undefined, text: string, context: ServerErrorContext): EtcdError {
  const outcome = context.outcome ?? known.outcome;
  const words = text === '' ? `gRPC status ${String(status ?? GrpcStatus.UNKNOWN)} without a message` : text;
  const advice = ADVICE[known.code];
  const from = context.endpoint === undefined ? '' : ` (from ${context.endpoint})`;
  const message = advice === undefined ? words + from : `${words}${from}: ${advice}`;
  const init: EtcdErrorInit = {
    code: known.code,
    grpcStatus: status,
    outcome,
    retryable: isTransient(known.code) && (context.repeatable === true || outcome !== 'unknown'),
    endpoint: context.endpoint,
    cause: context.cause,
  };
  if (known.code === 'compacted') return new CompactedError(message, context.compactRevision ?? 0n, init);
  if (context.leaseId !== undefined && (known.code === 'lease-not-found' || known.code === 'lease-exists')) {
    return new LeaseError(message, context.leaseId, init);
  }
  return new EtcdError(message, init);
}

function isTransient(code: EtcdErrorCode): boolean {
  return code === 'unavailable' || code === 'no-leader' || code === 'too-many-requests' || code === 'timeout';
}

/**
 * The known text that ends the message: alone, or behind one of the names that etcd's packages put in front. Behind anything
 * else the same words mean something else (`dial unix …: connect: permission denied`).
 */
function knownText(text: string): KnownText | undefined {
  const words = /(?:^|etcdserver: |mvcc: |auth: )((?:(?!etcdserver: |mvcc: |auth: ).)*)$/su.exec(text)?.[1];
  return words === undefined ? undefined : KNOWN_TEXTS.get(words);
}

/** Said in front of every handler: as FailedPrecondition from 3.6 on, as Unavailable before. */
const LEARNER_WORDS = 'rpc not supported for learner';

/** Whatever the status, nothing was begun. */
function learnerText(status: number, text: string): KnownText | undefined {
  return text === `etcdserver: ${LEARNER_WORDS}` ? refused(byStatus(status).code) : undefined;
}

/** gRPC's own complaints about sizes; both grpc-go and grpc-js name the two numbers. */
function sizeText(status: number, text: string, context: ServerErrorContext): KnownText | undefined {
  if (status !== GrpcStatus.RESOURCE_EXHAUSTED) return undefined;
  const match = /larger than max \((\d+) vs\.? (\d+)\)/u.exec(text);
  if (match === null) return /larger than max/u.test(text) ? unknown('message-too-large') : undefined;
  const isOurs = context.requestBytes !== undefined && Number(match[1]) === context.requestBytes;
  return isOurs ? refused('request-too-large') : unknown('message-too-large');
}

/**
 * Statuses by which a server says that it did nothing are `refused`. The others are given by proxies, time-outs and broken
 * connections as well, so the request may have been applied.
 */
function byStatus(status: number): KnownText {
  switch (status) {
    case GrpcStatus.INVALID_ARGUMENT:
    case GrpcStatus.NOT_FOUND:
    case GrpcStatus.ALREADY_EXISTS:
    case GrpcStatus.FAILED_PRECONDITION:
    case GrpcStatus.OUT_OF_RANGE:
      return refused('server-error');
    case GrpcStatus.PERMISSION_DENIED:
      return refused('permission-denied');
    case GrpcStatus.UNAUTHENTICATED:
      return refused('unauthenticated');
    case GrpcStatus.UNIMPLEMENTED:
      return refused('unimplemented');
    case GrpcStatus.RESOURCE_EXHAUSTED:
      return unknown('too-many-requests');
    case GrpcStatus.UNAVAILABLE:
    case GrpcStatus.CANCELLED:
    case GrpcStatus.ABORTED:
      return unknown('unavailable');
    case GrpcStatus.DEADLINE_EXCEEDED:
      return unknown('timeout');
    default:
      return unknown('server-error');
  }
}

const RPC_PREFIX = /^rpc error: code = (\w+) desc = /u;

/** The status names as grpc-go prints them. */
const STATUS_BY_NAME: ReadonlyMap<string, number> = new Map([
  ['Canceled', GrpcStatus.CANCELLED],
  ['Unknown', GrpcStatus.UNKNOWN],
  ['InvalidArgument', GrpcStatus.INVALID_ARGUMENT],
  ['DeadlineExceeded', GrpcStatus.DEADLINE_EXCEEDED],
  ['NotFound', GrpcStatus.NOT_FOUND],
  ['AlreadyExists', GrpcStatus.ALREADY_EXISTS],
  ['PermissionDenied', GrpcStatus.PERMISSION_DENIED],
  ['ResourceExhausted', GrpcStatus.RESOURCE_EXHAUSTED],
  ['FailedPrecondition', GrpcStatus.FAILED_PRECONDITION],
  ['Aborted', GrpcStatus.ABORTED],
  ['OutOfRange', GrpcStatus.OUT_OF_RANGE],
  ['Unimplemented', GrpcStatus.UNIMPLEMENTED],
  ['Internal', GrpcStatus.INTERNAL],
  ['Unavailable', GrpcStatus.UNAVAILABLE],
  ['DataLoss', GrpcStatus.DATA_LOSS],
  ['Unauthenticated', GrpcStatus.UNAUTHENTICATED],
]);

function withoutRpcPrefix(message: string): { text: string; status: number | undefined } {
  let text = message;
  let status: number | undefined;
  for (let match = RPC_PREFIX.exec(text); match !== null; match = RPC_PREFIX.exec(text)) {
    status = STATUS_BY_NAME.get(match[1] ?? '') ?? status;
    text = text.slice(match[0].length);
  }
  return { text, status };
}
