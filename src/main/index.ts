/** The public names of etcd-vigil, one by one. Nothing else of the package is public. */
import '../wire/require-node.js';
export { connect } from './connect.js';
export { connectFromFile } from './follow/connect-from-file.js';
export { connectFromRelation } from './follow/connect-from-relation.js';
export type { FollowOptions } from './follow/follower.js';
export type { TlsUse } from './follow/connection-offer.js';
export { connection } from './connection-registry.js';
export { Etcd } from './etcd.js';
export type { ConnectOptions } from './connect-options.js';
export type { AuthCredentials, AuthFunction, AuthOptions } from './auth/auth-options.js';
export type { ReconfigureOptions, ReconfigureResult } from './reconfigure-options.js';
export type { SettingsSource } from './settings-source.js';
export type { TlsOptions } from './tls-options.js';
export type { TransportKind } from '../wire/connection-settings.js';

export { Watcher } from './watch/watcher.js';
export { WatchGroup } from './watch/watch-group.js';
export { GroupWatch } from './watch/group-watch.js';
export { WatchBatch } from './watch/watch-batch.js';
export { GroupBatch, GroupPart } from './watch/group-batch.js';
export { EventSpan } from './watch/event-span.js';
export { WatchEvent } from './watch/watch-event.js';
export type { OnLag } from './watch/on-lag.js';
export type { WatchEnd } from './watch/watch-end.js';
export type { ProgressOptions } from './watch/progress-requests.js';
export type { GroupWatchOptions, WatchGroupOptions, WatchOptions, WatchRangeOptions } from './watch/watch-options.js';

export { Leases } from './lease/leases.js';
export { Lease } from './lease/lease.js';
export { LeaseCollection } from './lease/lease-collection.js';
export { LeaseSession } from './lease/lease-session.js';
export { Registration } from './lease/lease-registration.js';
export type { LeaseRenewal } from './lease/lease.js';
export type { LeaseEnd, LeaseEndCause } from './lease/lease-end.js';
export type { LeaseEndListener } from './lease/lease-rows.js';
export type { LeaseRef } from './lease/lease-link.js';
export type { LeaseTimeToLive } from './lease/lease-rpc.js';
export type {
  GrantManyOptions,
  GrantOptions,
  KeepAliveOptions,
  RegisterOptions,
  RevokeOptions,
  SessionOptions,
} from './lease/lease-options.js';
export type { SessionEvent, SessionListener } from './lease/lease-session.js';
export type { RegistrationEvent, RegistrationListener } from './lease/lease-registration.js';

export { Bytes } from './bytes.js';
export { Kv } from './kv/kv.js';
export { compare } from './kv/compare.js';
export type { Comparator, CompareTarget } from './kv/compare.js';
export { del, get, put, range } from './kv/operation.js';
export { Txn } from './kv/txn.js';
export { txn, TxnBuilder } from './kv/txn-builder.js';
export type { TxnStep, TxnSteps } from './kv/txn-builder.js';
export type { Comparison, Operation, OperationKind } from './kv/txn-types.js';
export type { TxnResponse, TxnResult } from './kv/txn-result.js';
export type { CompactResult, DeleteResult, KeyValue, PutResult, RangeResult, ResponseHeader } from './kv/key-value.js';
export type {
  CompactOptions,
  DeleteOptions,
  GetOptions,
  PutOptions,
  RangeFilters,
  RangeOptions,
  SortBy,
} from './kv/kv-options.js';
export type { LeaseInput } from './kv/lease-input.js';
export type { Page, PagesOptions } from './kv/pages.js';
export type { CallOptions } from './unary/call-scope.js';
export type { KeyInput, RangeInput } from '../wire/key-range.js';

export type { EngineStatus, ShardState } from './engine-status.js';
export type { EngineStats, ShardSummary } from './stats.js';
export type { Lane, ShardStats } from '../wire/contract.js';
export type { CallMessage } from './unary/call-observer.js';
export type { StatusMessage, WatchEndedMessage } from './diagnostics.js';

export { CompactedError, EtcdError, HookToolError, LeaseError } from '../wire/errors.js';
export type { EtcdErrorCode, EtcdErrorInit, Outcome } from '../wire/errors.js';
