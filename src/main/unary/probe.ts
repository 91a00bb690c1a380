/**
 * Asks the members who they are, until one answers: what `connect()` waits for. Main thread.
 */
import type { TransportKind } from '../../wire/connection-settings.js';
import { EtcdError, toEtcdError } from '../../wire/errors.js';
import { bigintFromLong } from '../../wire/int64.js';
import { clearTimeout, hasFakeImmediate, setTimeout } from '../../wire/timers.js';
import type { CallOptions } from './call-scope.js';
import type { UnaryClient } from './unary-client.js';
import { kvMethods, maintenanceMethods } from './etcd-methods.js';

/** After the first answer, how long the others may take to be part of the result. */
const GRACE_MS = 250;

/** What one member said of itself, or why it said nothing. */
export type MemberReport =
  | {
      readonly kind: 'answered';
      readonly endpoint: string;
      /** Such as `3.5.21`; undefined where the member does not tell (without the permission, or not a real etcd). */
      readonly version: string | undefined;
      readonly clusterId: bigint;
      readonly memberId: bigint;
      /** Member id of the leader as this member sees it; 0n without one. */
      readonly leaderId: bigint;
    }
  | { readonly kind: 'failed'; readonly endpoint: string; readonly error: EtcdError };

/**
 * Asks all members at once and resolves soon after the first answer, with a report for each in the order of the settings.
 *
 * @throws EtcdError `connect-failed` when none answered in time, naming each with its cause; `aborted`, `closed`.
 */
export async function probe(
  client: UnaryClient,
  options: CallOptions & { readonly timeoutMs: number },
): Promise<MemberReport[]> {
  const endpoints = client.settings.endpoints.map((endpoint) => endpoint.text);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const reports = new Map<number, MemberReport>();
  try {
    const asked = endpoints.map(async (endpoint, member) => {
      const report = await ask(client, member, endpoint, { timeoutMs: options.timeoutMs, signal });
      reports.set(member, report);
      if (report.kind === 'failed') throw report.error;
    });
    await Promise.any(asked).catch(() => {
      throw connectFailed(Array.from(reports.values()), options.timeoutMs, client.settings.transport);
    });
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      Promise.allSettled(asked),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, GRACE_MS);
      }),
    ]);
    clearTimeout(timer);
    return endpoints.map(
      (endpoint, member) => reports.get(member) ?? { kind: 'failed', endpoint, error: tooLate(endpoint) },
    );
  } finally {
    stop.abort();
  }
}

async function ask(client: UnaryClient, member: number, endpoint: string, options: CallOptions): Promise<MemberReport> {
  const call = { ...options, member, repeatable: true, requireLeader: false };
  try {
    const status = await client.call(maintenanceMethods.status, {}, call);
    return {
      kind: 'answered',
      endpoint,
      version: status.version === '' ? undefined : status.version,
      clusterId: bigintFromLong(status.header?.clusterId),
      memberId: bigintFromLong(status.header?.memberId),
      leaderId: bigintFromLong(status.leader),
    };
  } catch (error) {
    if (!isRefusal(error)) return { kind: 'failed', endpoint, error: toEtcdError(error) };
  }
  // Status may need a permission, and servers that imitate etcd may not have it. A key nobody has costs next to nothing.
  try {
    const request = { key: new Uint8Array(1), serializable: true, countOnly: true };
    const { header } = await client.call(kvMethods.range, request, call);
    const [clusterId, memberId] = [bigintFromLong(header?.clusterId), bigintFromLong(header?.memberId)];
    return { kind: 'answered', endpoint, version: undefined, clusterId, memberId, leaderId: 0n };
  } catch (error) {
    // An etcd that refuses is there, which is what was asked; what it refuses shows where it is used.
    if (isRefusal(error))
      return { kind: 'answered', endpoint, version: undefined, clusterId: 0n, memberId: 0n, leaderId: 0n };
    return { kind: 'failed', endpoint, error: toEtcdError(error) };
  }
}

/**
 * Whether a gRPC server refuses the question as such: it has no such method, or not for this user. A proxy that says so by an
 * HTTP status is none; what it says leaves the fate of a request unknown.
 */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof EtcdError) || error.outcome !== 'refused') return false;
  return error.code === 'permission-denied' || error.code === 'unauthenticated' || error.code === 'unimplemented';
}

function connectFailed(reports: readonly MemberReport[], timeoutMs: number, transport: TransportKind): EtcdError {
  const failed = reports.filter((report) => report.kind === 'failed');
  const errors = failed.map((report) => report.error);
  const ended = errors.find(
    (error) => error.code === 'aborted' || error.code === 'closed' || error.code === 'invalid-argument',
  );
  if (ended !== undefined) return ended;
  const causes = failed.map((report) => `${report.endpoint}: ${rootMessage(report.error)}`);
  return new EtcdError(
    `no etcd member answered within ${String(timeoutMs)} ms (${causes.join('; ')}): ${advice(transport)}`,
    {
      code: 'connect-failed',
      outcome: 'not-sent',
      retryable: true,
      endpoint: failed.length === 1 ? failed[0]?.endpoint : undefined,
      cause: errors.length === 1 ? errors[0] : new AggregateError(errors, 'no etcd member answered'),
    },
  );
}

function advice(transport: TransportKind): string {
  return transport === 'grpc-js' && hasFakeImmediate()
    ? 'setImmediate is a fake one, of fake timers of a test: have them leave it real (guide: testing)'
    : 'check the option endpoints';
}

/** The cause below "no member served the call …". */
function rootMessage(error: EtcdError): string {
  return error.cause instanceof EtcdError ? error.cause.message : error.message;
}

function tooLate(endpoint: string): EtcdError {
  return new EtcdError(`${endpoint} did not answer as fast as another member`, { code: 'timeout', endpoint });
}
