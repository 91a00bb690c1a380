/**
 * Reaches one member for watching: connects, asks its status, and makes sure that its store is not an older one than was
 * seen before. The caller rotates through the endpoints and waits between attempts; this tries one member once.
 */
import type { ConnectionSettings, Endpoint } from '../wire/connection-settings.js';
import { EtcdError, otherCluster } from '../wire/errors.js';
import type { ConnectionHandlers, GrpcConnection, Metadata, OpenConnection } from '../grpc/grpc-connection.js';
import { linearizableHeader, memberStatus, refusesStatus } from './member-status.js';
import type { ResponseHeader } from '../wire/response-header.js';
import type { MemberStatus } from './member-status.js';
import type { StoreGuard, StoreKnowledge } from './store-guard.js';

/** A member that answered. */
export interface ReachedMember {
  readonly connection: GrpcConnection;
  readonly version: string;
  /** The store is not the one seen before: whatever was watched has ended with it. */
  readonly storeReset: boolean;
}

/** What a member is reached with. */
export interface ReachContext {
  /** The newest settings. */
  readonly settings: ConnectionSettings;
  readonly openConnection: OpenConnection;
  /** Headers of every call, such as the token. */
  readonly metadata: () => Metadata;
}

export interface ReachOptions {
  readonly context: ReachContext;
  /** The context's, or what its caller makes of them. */
  readonly settings: ConnectionSettings;
  readonly endpoint: Endpoint;
  readonly guard: StoreGuard;
  /** A key that this user may read, for a linearizable read where one is needed. */
  readonly probeKey: Uint8Array;
  readonly handlers: ConnectionHandlers;
  /** Told at once, so that an attempt can be given up by closing it. */
  readonly opened: (connection: GrpcConnection) => void;
}

/** Rejects with a coded error, its connection closed, where the member cannot be used now. */
export async function reachMember(options: ReachOptions): Promise<ReachedMember> {
  const { context, endpoint } = options;
  const connection = context.openConnection(endpoint, options.settings, options.handlers);
  options.opened(connection);
  try {
    await connection.ready();
    const known = options.guard.knowledge();
    const status = await statusOrHeader(connection, options);
    if (status.isLearner) {
      throw new EtcdError(`${endpoint.text} is a learner, which serves no watches`, {
        code: 'unavailable',
        endpoint: endpoint.text,
        retryable: true,
      });
    }
    if (options.guard.identify(endpoint.text, status.header.clusterId, context.settings) === 'foreign') {
      throw otherCluster(endpoint.text);
    }
    const storeReset = await checkStore(connection, status.header, known, options);
    return { connection, version: status.version, storeReset };
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function statusOrHeader(connection: GrpcConnection, options: ReachOptions): Promise<MemberStatus> {
  const { context } = options;
  const timeoutMs = context.settings.connectTimeoutMs;
  try {
    return await memberStatus(connection, timeoutMs, context.metadata());
  } catch (error) {
    if (!refusesStatus(error)) throw error;
    const header = await linearizableHeader(connection, options.probeKey, timeoutMs, context.metadata());
    return { header, version: '', leaderId: 0n, isLearner: false };
  }
}

/** `known` is what was known before the member was asked for `memberHeader`. */
async function checkStore(
  connection: GrpcConnection,
  memberHeader: ResponseHeader,
  known: StoreKnowledge,
  options: ReachOptions,
): Promise<boolean> {
  const { guard, context, probeKey } = options;
  const verdict = guard.judgeMember(memberHeader, known);
  if (verdict === 'suspicious') return confirmStore(connection, { guard, context, probeKey });
  return settle(guard, verdict, memberHeader);
}

/**
 * Asks a member that shows less than is known for a linearizable read: it has come as far afterwards, or the store is not the
 * one that was seen before, which is what it resolves to.
 */
export async function confirmStore(
  connection: GrpcConnection,
  { guard, context, probeKey }: Pick<ReachOptions, 'guard' | 'context' | 'probeKey'>,
): Promise<boolean> {
  const timeoutMs = context.settings.connectTimeoutMs;
  for (;;) {
    const known = guard.knowledge();
    const header = await linearizableHeader(connection, probeKey, timeoutMs, context.metadata());
    const verdict = guard.judgeQuorum(header, known);
    if (verdict !== 'suspicious') return settle(guard, verdict, header);
  }
}

function settle(guard: StoreGuard, verdict: 'forward' | 'reset', header: ResponseHeader): boolean {
  if (verdict === 'reset') guard.restart(header);
  else guard.note(header);
  return verdict === 'reset';
}
