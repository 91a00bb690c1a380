/**
 * The check of what callers of the fault kit give. Caller's thread; pure.
 */
import { EtcdError } from '../../wire/errors.js';
import type { CallAction, ConnectionAction, Fault, FaultMoment, ServerAction } from './fault.js';

const MOMENTS: readonly FaultMoment[] = ['call', 'applied', 'request', 'answer', 'created', 'events', 'fragment'];
const ON_CALLS: readonly CallAction['kind'][] = ['refuse', 'delay', 'cut', 'stall', 'go-away'];
const ON_SERVER: readonly ServerAction['kind'][] = [
  ...(['compact', 'expire-tokens', 'bump-auth-revision', 'advance-clock'] as const),
  ...(['roll-back', 'no-leader', 'leader-back'] as const),
];
const ON_CONNECTIONS: readonly ConnectionAction['kind'][] = ['cut-connections', 'go-away-all'];
const STATUS_CODES = 16;

/** @throws EtcdError `invalid-argument`. */
export function checkFault(fault: Fault): Fault {
  if (typeof fault !== 'object' || (fault as unknown) === null) throw invalid('a fault must be an object');
  const { rpc, at, action, endpoint, skip, times } = fault;
  if (typeof rpc !== 'string' || !(rpc === '*' || /^\w+\/\w+$/u.test(rpc)))
    throw invalid("rpc must be a method such as 'KV/Put', or '*'");
  if (!MOMENTS.includes(at)) throw invalid(`at must be one of ${MOMENTS.join(', ')}`);
  if (endpoint !== undefined && typeof endpoint !== 'string') throw invalid('endpoint must be a text');
  checkCount(skip, 'skip', 0);
  if (times !== Infinity) checkCount(times, 'times', 1);
  const kind = checkKind(action, [...ON_CALLS, ...ON_SERVER]);
  checkNumbers(action);
  if (kind === 'delay' && at !== 'call' && at !== 'applied') throw invalid("a delay is at 'call' or 'applied'");
  return { rpc, at, action, endpoint, skip, times };
}

/** @throws EtcdError `invalid-argument`. */
export function checkAction(action: ServerAction | ConnectionAction): ServerAction | ConnectionAction {
  checkKind(action, [...ON_SERVER, ...ON_CONNECTIONS]);
  checkNumbers(action);
  return action;
}

function checkKind(action: unknown, known: readonly string[]): string {
  const kind: unknown = typeof action === 'object' && action !== null && 'kind' in action ? action.kind : undefined;
  if (typeof kind === 'string' && known.includes(kind)) return kind;
  throw invalid(`the action's kind must be one of ${known.join(', ')}`);
}

function checkNumbers(action: Fault['action'] | ConnectionAction): void {
  switch (action.kind) {
    case 'refuse':
      if (!Number.isInteger(action.code) || action.code < 1 || action.code > STATUS_CODES)
        throw invalid('code must be a gRPC status, a whole number from 1 to 16');
      if (typeof action.text !== 'string') throw invalid('text must be a text');
      return;
    case 'delay':
    case 'advance-clock':
      if (!Number.isFinite(action.byMs) || action.byMs < 0) throw invalid('byMs must be milliseconds, 0 or more');
      return;
    case 'cut':
      if (!['call', 'connection'].includes(action.what)) throw invalid("what must be 'call' or 'connection'");
      return;
    case 'compact':
      checkCount(action.revision, 'revision', 0);
      return;
    case 'roll-back':
      if (!Number.isSafeInteger(action.revision)) throw invalid('revision must be a whole number');
      return;
    default:
  }
}

function checkCount(value: number | undefined, name: string, least: number): void {
  if (value !== undefined && (!Number.isSafeInteger(value) || value < least))
    throw invalid(`${name} must be a whole number from ${least} on`);
}

function invalid(message: string): EtcdError {
  return new EtcdError(`FaultKit: ${message}`, { code: 'invalid-argument', outcome: 'not-sent' });
}
