/** etcd's Cluster service: the order of checks, and headers, which have no revision here. Server thread. */
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import { bigintFromLong } from '../../wire/int64.js';
import type { AuthGate } from '../auth/auth-gate.js';
import type { Member, Members } from '../cluster/members.js';
import { longFromId, type Long } from '../long.js';
import type { RaftIndex } from '../maintenance/raft-index.js';
import type { ResponseHeaders } from '../response-header.js';
import { unary, type CallContext, type Service } from './service.js';

/** What the service works on. */
export interface ClusterParts {
  readonly members: Members;
  readonly gate: AuthGate;
  readonly headers: ResponseHeaders;
  readonly raft: RaftIndex;
}

/** The service `etcdserverpb.Cluster`. */
export function clusterService({ members, gate, headers, raft }: ClusterParts): Service {
  const answer = (): { header: rpc.ResponseHeader.$Properties; members: rpc.Member.$Properties[] } => ({
    header: headers.at(0),
    members: members.list().map(memberMessage),
  });
  const change = (call: CallContext, run: () => void): void => {
    gate.checkAdmin(gate.user(call));
    run();
    raft.advance();
  };

  const add = ({ peerURLs, isLearner }: rpc.MemberAddRequest, call: CallContext): rpc.MemberAddResponse.$Properties => {
    const member = members.propose(peerURLs, isLearner);
    change(call, () => {
      members.add(member);
    });
    return { ...answer(), member: memberMessage(member) };
  };
  const remove = ({ ID }: rpc.MemberRemoveRequest, call: CallContext): rpc.MemberRemoveResponse.$Properties => {
    change(call, () => {
      members.remove(idOf(ID));
    });
    return answer();
  };
  const update = (
    { ID, peerURLs }: rpc.MemberUpdateRequest,
    call: CallContext,
  ): rpc.MemberUpdateResponse.$Properties => {
    change(call, () => {
      members.update(idOf(ID), peerURLs);
    });
    return answer();
  };
  const promote = ({ ID }: rpc.MemberPromoteRequest, call: CallContext): rpc.MemberPromoteResponse.$Properties => {
    change(call, () => {
      members.promote(idOf(ID));
    });
    return answer();
  };

  return {
    name: 'etcdserverpb.Cluster',
    methods: {
      MemberAdd: unary(rpc.MemberAddRequest, rpc.MemberAddResponse, add),
      MemberRemove: unary(rpc.MemberRemoveRequest, rpc.MemberRemoveResponse, remove),
      MemberUpdate: unary(rpc.MemberUpdateRequest, rpc.MemberUpdateResponse, update),
      MemberList: unary(rpc.MemberListRequest, rpc.MemberListResponse, answer),
      MemberPromote: unary(rpc.MemberPromoteRequest, rpc.MemberPromoteResponse, promote),
    },
  };
}

function idOf(field: Long): bigint {
  return BigInt.asUintN(64, bigintFromLong(field));
}

function memberMessage({ id, name, peerUrls, clientUrls, isLearner }: Member): rpc.Member.$Properties {
  return { ID: longFromId(id, true), name, peerURLs: [...peerUrls], clientURLs: [...clientUrls], isLearner };
}
