/**
 * Every status and text with which etcd 3.5 refuses a call, once. Pure. Clients tell etcd's errors apart by these texts, so
 * they are the server's API: none may be reworded.
 */
import { GrpcStatus } from '../wire/server-errors.js';

/** A gRPC status number with etcd's text. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
}

function refusal(status: number, text: string): Refusal {
  return { status, text };
}

const texts = {
  emptyKey: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: key is not provided'),
  keyNotFound: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: key not found'),
  valueProvided: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: value is provided'),
  leaseProvided: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: lease is provided'),
  tooManyOps: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: too many operations in txn request'),
  duplicateKey: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: duplicate key given in txn request'),
  invalidClientAPIVersion: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: invalid client api version'),
  invalidSortOption: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: invalid sort option'),
  compacted: refusal(GrpcStatus.OUT_OF_RANGE, 'etcdserver: mvcc: required revision has been compacted'),
  futureRev: refusal(GrpcStatus.OUT_OF_RANGE, 'etcdserver: mvcc: required revision is a future revision'),
  noSpace: refusal(GrpcStatus.RESOURCE_EXHAUSTED, 'etcdserver: mvcc: database space exceeded'),
  leaseNotFound: refusal(GrpcStatus.NOT_FOUND, 'etcdserver: requested lease not found'),
  leaseExist: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: lease already exists'),
  leaseTTLTooLarge: refusal(GrpcStatus.OUT_OF_RANGE, 'etcdserver: too large lease TTL'),
  watchCanceled: refusal(GrpcStatus.CANCELLED, 'etcdserver: watch canceled'),
  memberExist: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: member ID already exist'),
  peerURLExist: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: Peer URLs already exists'),
  memberNotEnoughStarted: refusal(
    GrpcStatus.FAILED_PRECONDITION,
    'etcdserver: re-configuration failed due to not enough started members',
  ),
  memberBadURLs: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: given member URLs are invalid'),
  memberNotFound: refusal(GrpcStatus.NOT_FOUND, 'etcdserver: member not found'),
  memberNotLearner: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: can only promote a learner member'),
  learnerNotReady: refusal(
    GrpcStatus.FAILED_PRECONDITION,
    'etcdserver: can only promote a learner member which is in sync with leader',
  ),
  tooManyLearners: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: too many learner members in cluster'),
  clusterIDMismatch: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: cluster ID mismatch'),
  requestTooLarge: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: request is too large'),
  requestTooManyRequests: refusal(GrpcStatus.RESOURCE_EXHAUSTED, 'etcdserver: too many requests'),
  rootUserNotExist: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: root user does not exist'),
  rootRoleNotExist: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: root user does not have root role'),
  userAlreadyExist: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: user name already exists'),
  userEmpty: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: user name is empty'),
  userNotFound: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: user name not found'),
  roleAlreadyExist: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: role name already exists'),
  roleNotFound: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: role name not found'),
  roleEmpty: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: role name is empty'),
  authFailed: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: authentication failed, invalid user ID or password'),
  permissionNotGiven: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: permission not given'),
  permissionDenied: refusal(GrpcStatus.PERMISSION_DENIED, 'etcdserver: permission denied'),
  roleNotGranted: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: role is not granted to the user'),
  permissionNotGranted: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: permission is not granted to the role'),
  authNotEnabled: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: authentication is not enabled'),
  invalidAuthToken: refusal(GrpcStatus.UNAUTHENTICATED, 'etcdserver: invalid auth token'),
  invalidAuthMgmt: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: invalid auth management'),
  authOldRevision: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: revision of auth store is old'),
  noLeader: refusal(GrpcStatus.UNAVAILABLE, 'etcdserver: no leader'),
  notLeader: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: not leader'),
  leaderChanged: refusal(GrpcStatus.UNAVAILABLE, 'etcdserver: leader changed'),
  notCapable: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: not capable'),
  stopped: refusal(GrpcStatus.UNAVAILABLE, 'etcdserver: server stopped'),
  timeout: refusal(GrpcStatus.UNAVAILABLE, 'etcdserver: request timed out'),
  timeoutDueToLeaderFail: refusal(
    GrpcStatus.UNAVAILABLE,
    'etcdserver: request timed out, possibly due to previous leader failure',
  ),
  timeoutDueToConnectionLost: refusal(
    GrpcStatus.UNAVAILABLE,
    'etcdserver: request timed out, possibly due to connection lost',
  ),
  timeoutWaitAppliedIndex: refusal(
    GrpcStatus.UNAVAILABLE,
    'etcdserver: request timed out, waiting for the applied index took too long',
  ),
  unhealthy: refusal(GrpcStatus.UNAVAILABLE, 'etcdserver: unhealthy cluster'),
  corrupt: refusal(GrpcStatus.DATA_LOSS, 'etcdserver: corrupt cluster'),
  notSupportedForLearner: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: rpc not supported for learner'),
  badLeaderTransferee: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: bad leader transferee'),
  wrongDowngradeVersionFormat: refusal(
    GrpcStatus.INVALID_ARGUMENT,
    'etcdserver: wrong downgrade target version format',
  ),
  invalidDowngradeTargetVersion: refusal(GrpcStatus.INVALID_ARGUMENT, 'etcdserver: invalid downgrade target version'),
  clusterVersionUnavailable: refusal(
    GrpcStatus.FAILED_PRECONDITION,
    'etcdserver: cluster version not found during downgrade',
  ),
  downgradeInProcess: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: cluster has a downgrade job in progress'),
  noInflightDowngrade: refusal(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: no inflight downgrade job'),
  canceled: refusal(GrpcStatus.CANCELLED, 'etcdserver: request canceled'),
  deadlineExceeded: refusal(GrpcStatus.DEADLINE_EXCEEDED, 'etcdserver: context deadline exceeded'),
} as const satisfies Record<string, Refusal>;

/** The name of one of etcd's refusals. */
export type ErrorName = keyof typeof texts;

/** etcd's refusals by name. */
export const ERROR_TEXTS: Readonly<Record<ErrorName, Refusal>> = texts;
