/** etcd's Maintenance service: the order of checks, and headers. Server thread. */
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import { bigintFromLong } from '../../wire/int64.js';
import { GrpcStatus } from '../../wire/server-errors.js';
import type { AuthGate } from '../auth/auth-gate.js';
import type { Members } from '../cluster/members.js';
import { longFromId, longFromNumber, numberFromLong } from '../long.js';
import { AlarmType, type Alarm, type Alarms } from '../maintenance/alarms.js';
import { Downgrade, SERVER_VERSION, unknownMethod } from '../maintenance/downgrade.js';
import type { RaftIndex } from '../maintenance/raft-index.js';
import { snapshotChunks, snapshotContent } from '../maintenance/snapshot.js';
import { hashAll, hashKv } from '../maintenance/store-hash.js';
import { StoreSize } from '../maintenance/store-size.js';
import type { ResponseHeaders, ServerIdentity } from '../response-header.js';
import { failure, RpcFailure } from '../rpc-failure.js';
import type { KvStore } from '../store/kv-store.js';
import { stream, unary, type CallContext, type Service, type StreamCall } from './service.js';

/** What the service works on. */
export interface MaintenanceParts {
  readonly store: KvStore;
  readonly gate: AuthGate;
  readonly alarms: Alarms;
  readonly members: Members;
  readonly identity: ServerIdentity;
  readonly headers: ResponseHeaders;
  readonly raft: RaftIndex;
}

const { AlarmAction } = rpc.AlarmRequest;
const { DowngradeAction } = rpc.DowngradeRequest;

/** The service `etcdserverpb.Maintenance`. */
export function maintenanceService(parts: MaintenanceParts): Service {
  const { store, gate, alarms, members, identity, headers, raft } = parts;
  const size = new StoreSize(store);
  const downgrades = new Downgrade();

  const alarm = (
    { action, memberID, alarm: type }: rpc.AlarmRequest,
    call: CallContext,
  ): rpc.AlarmResponse.$Properties => {
    gate.user(call);
    raft.advance();
    const memberId = BigInt.asUintN(64, bigintFromLong(memberID));
    const answer = (found: readonly Alarm[]): rpc.AlarmResponse.$Properties => ({
      header: headers.now(),
      alarms: found.map((raised) => ({ memberID: longFromId(raised.memberId, true), alarm: raised.type })),
    });
    switch (action) {
      case AlarmAction.GET:
        return answer(alarms.list(type));
      case AlarmAction.ACTIVATE:
        return answer(alarms.raise(memberId, type));
      case AlarmAction.DEACTIVATE:
        return answer(alarms.lower(memberId, type));
      default:
        // A real etcd crashes here.
        throw unknownMethod();
    }
  };

  const status = (): rpc.StatusResponse.$Properties => ({
    header: headers.now(),
    version: SERVER_VERSION,
    dbSize: longFromNumber(size.bytes),
    dbSizeInUse: longFromNumber(size.bytes),
    leader: longFromId(identity.memberId, true),
    raftIndex: longFromNumber(raft.value),
    raftAppliedIndex: longFromNumber(raft.value),
    raftTerm: longFromNumber(identity.raftTerm),
    errors: alarms.list(AlarmType.NONE).map(describeAlarm),
  });

  const defragment = (_: rpc.DefragmentRequest, call: CallContext): rpc.DefragmentResponse.$Properties => {
    checkOperator(gate, call);
    size.recount();
    return {};
  };

  const hash = (_: rpc.HashRequest, call: CallContext): rpc.HashResponse.$Properties => {
    checkOperator(gate, call);
    return { header: headers.now(), hash: hashAll(store) };
  };

  const hashUpTo = ({ revision }: rpc.HashKVRequest, call: CallContext): rpc.HashKVResponse.$Properties => {
    checkOperator(gate, call);
    const answer = hashKv(store, numberFromLong(revision));
    return { header: headers.now(), hash: answer.hash, compactRevision: longFromNumber(answer.compactRevision) };
  };

  const snapshot = (call: StreamCall<rpc.SnapshotRequest, rpc.SnapshotResponse.$Properties>): void => {
    call.onRequest(() => {
      checkOperator(gate, call.context);
      sendSnapshot(call, store);
    });
  };

  const moveLeader = ({ targetID }: rpc.MoveLeaderRequest): rpc.MoveLeaderResponse.$Properties => {
    const target = BigInt.asUintN(64, bigintFromLong(targetID));
    // To itself: done already. To an added member, behind which nobody is: etcd waits until it gives up.
    if (target === identity.memberId) return {};
    throw failure(members.mayLead(target) ? 'timeout' : 'badLeaderTransferee');
  };

  const downgrade = ({ action, version }: rpc.DowngradeRequest): rpc.DowngradeResponse.$Properties => {
    switch (action) {
      case DowngradeAction.VALIDATE:
        return { header: headers.now(), version: downgrades.validate(version) };
      case DowngradeAction.ENABLE:
        return downgrades.enable(version);
      case DowngradeAction.CANCEL:
        return downgrades.cancel();
      default:
        throw unknownMethod();
    }
  };

  return {
    name: 'etcdserverpb.Maintenance',
    methods: {
      Alarm: unary(rpc.AlarmRequest, rpc.AlarmResponse, alarm),
      Status: unary(rpc.StatusRequest, rpc.StatusResponse, status),
      Defragment: unary(rpc.DefragmentRequest, rpc.DefragmentResponse, defragment),
      Hash: unary(rpc.HashRequest, rpc.HashResponse, hash),
      HashKV: unary(rpc.HashKVRequest, rpc.HashKVResponse, hashUpTo),
      Snapshot: stream(rpc.SnapshotRequest, rpc.SnapshotResponse, snapshot),
      MoveLeader: unary(rpc.MoveLeaderRequest, rpc.MoveLeaderResponse, moveLeader),
      Downgrade: unary(rpc.DowngradeRequest, rpc.DowngradeResponse, downgrade),
    },
  };
}

/** Administrators only. etcd forgets here to turn its refusals into those of its API. */
function checkOperator(gate: AuthGate, call: CallContext): void {
  try {
    gate.checkAdmin(gate.user(call));
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    const text = error.message.replace(/^etcdserver: /, 'auth: ').replace(/user name not found$/, 'user not found');
    throw new RpcFailure(GrpcStatus.UNKNOWN, text);
  }
}

function sendSnapshot(call: StreamCall<rpc.SnapshotRequest, rpc.SnapshotResponse.$Properties>, store: KvStore): void {
  const chunks = snapshotChunks(snapshotContent(store));
  const send = (): void => {
    for (;;) {
      const next = chunks.next();
      if (next.done === true) {
        call.end();
        return;
      }
      const { bytes, remainingBytes } = next.value;
      if (!call.write({ blob: bytes, remainingBytes: longFromNumber(remainingBytes) })) return;
    }
  };
  call.onDrain(send);
  send();
}

/** As Go prints the message. */
function describeAlarm({ memberId, type }: Alarm): string {
  const member = memberId === 0n ? '' : `memberID:${memberId} `;
  return `${member}alarm:${type === AlarmType.NOSPACE ? 'NOSPACE' : 'CORRUPT'} `;
}
