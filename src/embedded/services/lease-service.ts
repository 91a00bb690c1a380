/**
 * The gRPC service of leases. Server thread. Who may what is as in etcd 3.5: anybody may grant, renew, list, and read remaining
 * times; revoking takes the right to write all keys of the lease, asking for its keys the right to read them.
 */
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import { bigintFromLong } from '../../wire/int64.js';
import type { AuthGate } from '../auth/auth-gate.js';
import { KeepAliveStream } from '../lease/keep-alive-stream.js';
import type { Lessor } from '../lease/lessor.js';
import { longFromId, longFromNumber } from '../long.js';
import type { AlarmGate } from '../maintenance/alarms.js';
import type { ResponseHeaders } from '../response-header.js';
import { failure } from '../rpc-failure.js';
import { keyOf } from '../store/stored-value.js';
import { stream, unary, type CallContext, type Service, type StreamCall } from './service.js';

/** What the service stands on. */
export interface LeaseServiceParts {
  readonly lessor: Lessor;
  readonly gate: AuthGate;
  readonly alarms: AlarmGate;
  readonly headers: ResponseHeaders;
  /** The store's current one. */
  readonly revision: () => number;
}

export function leaseService(parts: LeaseServiceParts): Service {
  const { headers, lessor } = parts;
  return {
    name: 'etcdserverpb.Lease',
    methods: {
      LeaseGrant: unary(rpc.LeaseGrantRequest, rpc.LeaseGrantResponse, (request, call) => {
        parts.gate.user(call);
        parts.alarms.checkGrowth();
        const { id, ttlSeconds } = lessor.grant(bigintFromLong(request.ID), bigintFromLong(request.TTL));
        return { header: headers.now(), ID: longFromId(id), TTL: longFromNumber(ttlSeconds) };
      }),
      LeaseRevoke: unary(rpc.LeaseRevokeRequest, rpc.LeaseRevokeResponse, (request, call) => {
        revoke(parts, bigintFromLong(request.ID), call);
        return { header: headers.now() };
      }),
      LeaseTimeToLive: unary(rpc.LeaseTimeToLiveRequest, rpc.LeaseTimeToLiveResponse, (request, call) =>
        timeToLive(parts, request, call),
      ),
      LeaseLeases: unary(rpc.LeaseLeasesRequest, rpc.LeaseLeasesResponse, () => ({
        header: headers.now(),
        leases: lessor.list().map((id) => ({ ID: longFromId(id) })),
      })),
      LeaseKeepAlive: stream(rpc.LeaseKeepAliveRequest, rpc.LeaseKeepAliveResponse, (call) => {
        keepAlive(parts, call);
      }),
    },
  };
}

function revoke({ lessor, gate, alarms }: LeaseServiceParts, id: bigint, call: CallContext): void {
  const user = gate.user(call);
  alarms.checkChange();
  for (const key of lessor.keysOf(id)) gate.checkWrite(user, keyOf(key));
  lessor.revoke(id);
}

function timeToLive(
  { lessor, gate, headers }: LeaseServiceParts,
  request: rpc.LeaseTimeToLiveRequest,
  call: CallContext,
): rpc.LeaseTimeToLiveResponse.$Properties {
  const id = bigintFromLong(request.ID);
  if (request.keys && gate.enabled) {
    const user = gate.user(call);
    if (user === undefined) throw failure('userEmpty');
    for (const key of lessor.keysOf(id)) gate.checkRead(user, keyOf(key));
  }
  const state = lessor.timeToLive(id);
  const header = headers.now();
  if (state === undefined) return { header, ID: request.ID, TTL: longFromId(-1n) };
  return {
    header,
    ID: request.ID,
    TTL: longFromNumber(state.remainingSeconds),
    grantedTTL: longFromNumber(state.grantedSeconds),
    keys: request.keys ? state.keys.map(keyOf) : [],
  };
}

function keepAlive(
  { lessor, headers, revision }: LeaseServiceParts,
  call: StreamCall<rpc.LeaseKeepAliveRequest, rpc.LeaseKeepAliveResponse.$Properties>,
): void {
  const renewals = new KeepAliveStream(lessor, {
    revision,
    answer: (at, id, ttlSeconds) => {
      call.write({ header: headers.at(at), ID: longFromId(id), TTL: longFromNumber(ttlSeconds) });
    },
    end: () => {
      call.end();
    },
  });
  call.onRequest((request) => {
    renewals.request(bigintFromLong(request.ID));
  });
  call.onHalfClose(() => {
    renewals.halfClose();
  });
  call.onClosed(() => {
    renewals.close();
  });
}
