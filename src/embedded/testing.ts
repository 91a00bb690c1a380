/**
 * The public names of `etcd-vigil/testing`: faults of an embedded server, and a ledger of its events, for tests.
 */
import '../wire/require-node.js';
export { FaultKit, type EndpointOptions, type InjectedFault } from './faults/fault-kit.js';
export type {
  CallAction,
  ConnectionAction,
  Fault,
  FaultAction,
  FaultMoment,
  LedgerEvent,
  ServerAction,
} from './faults/fault.js';
export { findLosses, type Losses, type LossScope, type SeenEvent } from './faults/find-losses.js';
export { randomFaults, WATCH_FAULTS, type RandomFaultsOptions } from './faults/random-faults.js';
export { EtcdError, type EtcdErrorCode } from '../wire/errors.js';
export type { KeyInput } from '../wire/key-range.js';
