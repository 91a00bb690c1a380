/** The unary calls of the fake cluster. */
import { type EtcdError } from '../../../src/wire/errors.js';
import { GrpcStatus, serverError } from '../../../src/wire/server-errors.js';
import { bytesOf, int64Of, writeFields, type RawField } from '../../support/raw-protobuf.js';
import type { FakeCluster, FakeMember } from './fake-cluster.js';

export interface UnaryAnswer {
  readonly bytes: Uint8Array;
  readonly granted?: { readonly leaseId: bigint; readonly ttlSeconds: number };
}

export type Served = UnaryAnswer | EtcdError;

/** What a proposal without a leader is answered with in the end. */
const PROPOSAL_TIMEOUT_MS = 7_000;
const RETRY_MS = 100;

type Fields = readonly RawField[];

/** Carries a call out and answers it, in its time. */
export function serveUnary(
  cluster: FakeCluster,
  member: FakeMember,
  path: string,
  fields: Fields,
  isGone: () => boolean,
  answer: (served: Served) => void,
): void {
  const error = (status: number, text: string): EtcdError =>
    serverError(status, text, { endpoint: member.endpoint.text });
  if (path.endsWith('/Status')) {
    answer({ bytes: statusOf(cluster, member) });
    return;
  }
  const refusal = cluster.refusal(cluster.unaryRefusal, member);
  if (refusal !== undefined) {
    if (refusal.applied) apply(cluster, path, fields, error);
    answer(error(refusal.status, refusal.text));
    return;
  }
  const attempt = (leftMs: number): void => {
    if (isGone()) return;
    if (cluster.lessor.hasLeader) answer(apply(cluster, path, fields, error));
    else if (leftMs <= 0) answer(error(GrpcStatus.UNAVAILABLE, 'etcdserver: request timed out'));
    else cluster.time.after(RETRY_MS, () => attempt(leftMs - RETRY_MS));
  };
  attempt(PROPOSAL_TIMEOUT_MS);
}

function apply(
  { lessor, time, observer }: FakeCluster,
  path: string,
  fields: Fields,
  error: (status: number, text: string) => EtcdError,
): Served {
  const nowMs = time.trueMs;
  const notFound = (): EtcdError => error(GrpcStatus.NOT_FOUND, 'etcdserver: requested lease not found');
  const method = path.slice(path.lastIndexOf('/') + 1);
  switch (method) {
    case 'LeaseGrant': {
      const leaseId = int64Of(fields, 2);
      observer.arrived(path, leaseId);
      const lease = lessor.grant(leaseId, Number(int64Of(fields, 1)), nowMs);
      if (lease === undefined) return error(GrpcStatus.FAILED_PRECONDITION, 'etcdserver: lease already exists');
      const { ttlSeconds } = lease;
      const bytes = writeFields([
        [2, leaseId],
        [3, ttlSeconds],
      ]);
      return { bytes, granted: { leaseId, ttlSeconds } };
    }
    case 'LeaseRevoke': {
      const leaseId = int64Of(fields, 1);
      observer.arrived(path, leaseId);
      return lessor.revoke(leaseId, nowMs, 'revoked') ? { bytes: new Uint8Array(0) } : notFound();
    }
    case 'LeaseTimeToLive': {
      const lease = lessor.get(int64Of(fields, 1));
      const leftMs = (lease?.expiryMs ?? 0) - nowMs;
      return {
        bytes: writeFields([
          [2, int64Of(fields, 1)],
          [3, lease === undefined ? -1 : Math.ceil(leftMs / 1_000)],
          [4, lease?.ttlSeconds ?? 0],
        ]),
      };
    }
    case 'LeaseLeases':
      return { bytes: writeFields(lessor.ids.map((id) => [2, writeFields([[1, id]])] as const)) };
    case 'LeaseKeepAlive': {
      const leaseId = int64Of(fields, 1);
      const ttlSeconds = lessor.renew(leaseId, nowMs);
      return {
        bytes: writeFields([
          [2, leaseId],
          [3, ttlSeconds === 'wait' ? 0 : ttlSeconds],
        ]),
      };
    }
    case 'Put': {
      const [key, value] = [bytesOf(fields, 1), bytesOf(fields, 2)].map((bytes) => Buffer.from(bytes).toString());
      const isPut = lessor.put(key ?? '', value ?? '', int64Of(fields, 3), nowMs);
      return isPut ? { bytes: new Uint8Array(0) } : notFound();
    }
    default:
      return error(GrpcStatus.UNIMPLEMENTED, `no ${path} here`);
  }
}

function statusOf(cluster: FakeCluster, member: FakeMember): Uint8Array {
  const leaderId = cluster.lessor.hasLeader ? cluster.member(cluster.leader).memberId : 0n;
  const header = writeFields([
    [1, 77n],
    [2, member.memberId],
    [3, 5],
    [4, 2n],
  ]);
  return writeFields([
    [1, header],
    [2, '3.5.16'],
    [4, leaderId],
  ]);
}
