/**
 * Reaches one member: connects, asks its status, and makes sure that it belongs to the cluster, serves what is wanted of it, and
 * that its store is not an older one than was seen before. Which member is tried when is the search's; this tries one once.
 */
import type { ConnectionSettings, Endpoint } from '../wire/connection-settings.js';
import { EtcdError, otherCluster, toEtcdError } from '../wire/errors.js';
import type { ConnectionHandlers, GrpcConnection, Metadata, OpenConnection } from '../grpc/grpc-connection.js';
import type { MemberAttempt } from './member-search.js';
import { linearizableHeader, memberStatus, NOTHING_TOLD, statusRefusal, type MemberStatus } from './member-status.js';
import type { ResponseHeader } from '../wire/response-header.js';
import type { StoreGuard, StoreKnowledge } from './store-guard.js';

/** A member that answered. */
export interface ReachedMember {
  readonly connection: GrpcConnection;
  readonly status: MemberStatus;
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

/** What is wanted of a member. */
export interface ReachWish {
  readonly context: ReachContext;
  /** The context's, or what its caller makes of them. */
  readonly settings: ConnectionSettings;
  readonly endpoint: Endpoint;
  /** How long an answer may take. */
  readonly answerTimeoutMs: number;
  /** Gets a token where there is none yet; before anything else is asked. */
  readonly logIn?: ((connection: GrpcConnection) => Promise<void>) | undefined;
  /** Which cluster it belongs to, judged with what it says. Without it every cluster will do. */
  readonly isForeign?: ((endpoint: string, clusterId: bigint) => boolean) | undefined;
  /** Why a member will not do, such as one without a leader; undefined where it will. */
  readonly refuse?: ((status: MemberStatus, endpoint: string) => EtcdError | undefined) | undefined;
  /** For those that have seen the store before and must not go on with an older one. */
  readonly store?: StoreQuestion | undefined;
  readonly handlers: ConnectionHandlers;
}

export interface StoreQuestion {
  readonly guard: StoreGuard;
  /** A key that this user may read, for a linearizable read where one is needed. */
  readonly probeKey: Uint8Array;
}

/** An attempt to reach a member, over a connection of its own. */
export interface ReachAttempt extends MemberAttempt<ReachedMember> {
  readonly connection: GrpcConnection;
}

/** Begins to reach a member. Where it cannot be used now, `found` rejects with a coded error, and the connection is closed. */
export function reachMember(wish: ReachWish): ReachAttempt {
  const { context, endpoint, settings, handlers } = wish;
  const connection = context.openConnection(endpoint, settings, handlers);
  const found = examine(connection, wish).catch((thrown: unknown) => {
    connection.close();
    throw toEtcdError(thrown, 'connect-failed');
  });
  return {
    connection,
    found,
    cancel: () => {
      connection.close();
    },
  };
}

async function examine(connection: GrpcConnection, wish: ReachWish): Promise<ReachedMember> {
  const { endpoint, store, isForeign, refuse } = wish;
  await connection.ready();
  await wish.logIn?.(connection);
  const known = store?.guard.knowledge();
  const status = await askStatus(connection, wish);
  if (isForeign?.(endpoint.text, status.header.clusterId) === true) throw otherCluster(endpoint.text);
  if (status.isLearner) throw unusable(endpoint.text, 'it is a learner, which serves neither watches nor leases');
  const refusal = refuse?.(status, endpoint.text);
  if (refusal !== undefined) throw refusal;
  const storeReset =
    store !== undefined && known !== undefined && (await checkStore(connection, status.header, known, wish, store));
  // It still answers, but opens no streams: it would be asked for some for ever.
  if (!connection.acceptsStreams) throw unusable(endpoint.text, 'it asked to go (GOAWAY) while it was looked at');
  return { connection, status, storeReset };
}

async function askStatus(connection: GrpcConnection, wish: ReachWish): Promise<MemberStatus> {
  const { context, answerTimeoutMs, store } = wish;
  try {
    return await memberStatus(connection, answerTimeoutMs, context.metadata());
  } catch (error) {
    const refusal = statusRefusal(error);
    if (refusal === undefined) throw error;
    const header = store === undefined ? undefined : await readableHeader(connection, wish, store.probeKey);
    return { ...NOTHING_TOLD, ...(header && { header }), isWithheld: refusal === 'withheld' };
  }
}

/** Which store it is, told by a read; undefined where this user may not read the key, of which nothing follows for others. */
async function readableHeader(
  connection: GrpcConnection,
  { context, answerTimeoutMs }: ReachWish,
  probeKey: Uint8Array,
): Promise<ResponseHeader | undefined> {
  try {
    return await linearizableHeader(connection, probeKey, answerTimeoutMs, context.metadata());
  } catch (error) {
    if (error instanceof EtcdError && error.code === 'permission-denied') return undefined;
    throw error;
  }
}

/** `known` is what was known before the member was asked for `memberHeader`. */
async function checkStore(
  connection: GrpcConnection,
  memberHeader: ResponseHeader,
  known: StoreKnowledge,
  { context, answerTimeoutMs }: ReachWish,
  store: StoreQuestion,
): Promise<boolean> {
  const verdict = store.guard.judgeMember(memberHeader, known);
  if (verdict === 'suspicious') return confirmStore(connection, store, context, answerTimeoutMs);
  return settle(store.guard, verdict, memberHeader);
}

/**
 * Asks a member that shows less than is known for a linearizable read: it has come as far afterwards, or the store is not the
 * one that was seen before, which is what it resolves to.
 */
export async function confirmStore(
  connection: GrpcConnection,
  { guard, probeKey }: StoreQuestion,
  { metadata }: Pick<ReachContext, 'metadata'>,
  timeoutMs: number,
): Promise<boolean> {
  for (;;) {
    const known = guard.knowledge();
    const header = await linearizableHeader(connection, probeKey, timeoutMs, metadata());
    const verdict = guard.judgeQuorum(header, known);
    if (verdict !== 'suspicious') return settle(guard, verdict, header);
  }
}

function settle(guard: StoreGuard, verdict: 'forward' | 'reset', header: ResponseHeader): boolean {
  if (verdict === 'reset') guard.restart(header);
  else guard.note(header);
  return verdict === 'reset';
}

/** The error of a member that answers and cannot serve. */
export function unusable(
  endpoint: string,
  reason: string,
  code: 'unavailable' | 'no-leader' = 'unavailable',
): EtcdError {
  return new EtcdError(`${endpoint} cannot be used: ${reason}`, {
    code,
    outcome: 'not-sent',
    endpoint,
    retryable: true,
  });
}
