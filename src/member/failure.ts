/**
 * What a failure means for what comes next: the one list that watch lanes, lease lanes and unary calls go by. Pure.
 *
 * It answers two questions. {@link remedyFor}: where may the same be tried again? {@link wroteNothing}: is it certain that
 * the request was not applied? What is repeated follows from both: a call that changes nothing goes by the first alone, a
 * write needs the second as well, because a write repeated after it was applied is the commonest defect of etcd clients.
 */
import type { EtcdError, EtcdErrorCode } from '../wire/errors.js';
import { isLearnerRefusal, isTokenError } from '../wire/server-errors.js';

/** Where the same request may be tried again. */
export type Remedy =
  /** This member cannot serve it now: another one, or this one after a pause. */
  | 'elsewhere'
  /** The member asks for fewer requests: after a pause, anywhere. */
  | 'later'
  /** With another token; without one for which to try, never. */
  | 'new-token'
  /**
   * An answer that would be the same for ever if it came from etcd, but that proxies and members that start give in passing, too.
   * A caller is told; a stream that is to stay open goes on trying until it has lasted (see persistence.ts).
   */
  | 'doubtful'
  /** The answer would be the same. */
  | 'never';

/** By code; one that is missing here does not compile. */
const REMEDIES: Readonly<Record<EtcdErrorCode, Remedy>> = {
  unavailable: 'elsewhere',
  'no-leader': 'elsewhere',
  'connect-failed': 'elsewhere',
  timeout: 'elsewhere',
  // Asked before anything was sent; the others may well be of the right cluster.
  'cluster-mismatch': 'elsewhere',
  // The connection was given up on this side, for another one.
  closed: 'elsewhere',
  'too-many-requests': 'later',
  'malformed-response': 'doubtful',
  'message-too-large': 'doubtful',
  'protocol-error': 'doubtful',
  'permission-denied': 'doubtful',
  unauthenticated: 'doubtful',
  unimplemented: 'doubtful',
  'server-error': 'doubtful',
  'invalid-argument': 'never',
  aborted: 'never',
  compacted: 'never',
  'future-revision': 'never',
  reset: 'never',
  lagging: 'never',
  'callback-failed': 'never',
  'revision-too-large': 'never',
  'shard-failed': 'never',
  'lease-not-found': 'never',
  'lease-exists': 'never',
  'lease-ended': 'never',
  'no-space': 'never',
  'request-too-large': 'never',
  'duplicate-key': 'never',
  'too-many-operations': 'never',
  'hook-tool-missing': 'never',
  'hook-tool-failed': 'never',
  'relation-not-found': 'never',
  'relation-not-ready': 'never',
  'not-leader': 'never',
  'secret-not-found': 'never',
  'secret-denied': 'never',
  'invalid-credentials': 'never',
  'file-failed': 'never',
  internal: 'never',
};

/** Where a request that failed so may be tried again. */
export function remedyFor(error: EtcdError): Remedy {
  if (isTokenError(error)) return 'new-token';
  return isLearnerRefusal(error) ? 'elsewhere' : REMEDIES[error.code];
}

/** Whether what failed so may well be served when it is tried again, without anybody being told. */
export function mayPass(error: EtcdError): boolean {
  const remedy = remedyFor(error);
  return remedy === 'elsewhere' || remedy === 'later';
}

/**
 * Whether the request provably was not applied: it never left (`not-sent`: no connection, REFUSED_STREAM, a GOAWAY below the
 * stream), or the server said so before or instead of applying it (`refused`). Everything else that looks like
 * "unavailable" (a broken connection, `request timed out`, `leader changed`, a server that stops, a proxy's 503) may come
 * after raft has the proposal.
 */
export function wroteNothing(error: EtcdError): boolean {
  return error.outcome === 'not-sent' || error.outcome === 'refused';
}

/**
 * Whether a call may be made again on some member without its caller being asked. A member that asks for fewer requests gets no
 * more of them, and how long to wait for an answer is the caller's choice: both are told.
 *
 * @param isRepeatable the call changes nothing, or changes nothing more when it is repeated.
 */
export function mayRepeat(error: EtcdError, isRepeatable: boolean): boolean {
  if (error.code === 'timeout' || remedyFor(error) !== 'elsewhere') return false;
  return isRepeatable || wroteNothing(error);
}
