/** Which method each path of etcd's JSON gateway stands for. Pure. */
import { methods } from '../../generated/fields.js';

/** A method that can be called with JSON. */
export interface GatewayRoute {
  /** Its gRPC path, such as `/etcdserverpb.KV/Range`. */
  readonly method: string;
  readonly request: string;
  readonly response: string;
  readonly streamsRequests: boolean;
  readonly streamsAnswers: boolean;
}

const SERVICES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'etcdserverpb.KV': {
    'kv/range': 'Range',
    'kv/put': 'Put',
    'kv/deleterange': 'DeleteRange',
    'kv/txn': 'Txn',
    'kv/compaction': 'Compact',
  },
  'etcdserverpb.Watch': { watch: 'Watch' },
  'etcdserverpb.Lease': {
    'lease/grant': 'LeaseGrant',
    'lease/revoke': 'LeaseRevoke',
    'lease/keepalive': 'LeaseKeepAlive',
    'lease/timetolive': 'LeaseTimeToLive',
    'lease/leases': 'LeaseLeases',
    'kv/lease/revoke': 'LeaseRevoke',
    'kv/lease/timetolive': 'LeaseTimeToLive',
    'kv/lease/leases': 'LeaseLeases',
  },
  'etcdserverpb.Cluster': {
    'cluster/member/add': 'MemberAdd',
    'cluster/member/remove': 'MemberRemove',
    'cluster/member/update': 'MemberUpdate',
    'cluster/member/list': 'MemberList',
    'cluster/member/promote': 'MemberPromote',
  },
  'etcdserverpb.Maintenance': {
    'maintenance/alarm': 'Alarm',
    'maintenance/status': 'Status',
    'maintenance/defragment': 'Defragment',
    'maintenance/hash': 'Hash',
    'maintenance/hashkv': 'HashKV',
    'maintenance/snapshot': 'Snapshot',
    'maintenance/transfer-leadership': 'MoveLeader',
    'maintenance/downgrade': 'Downgrade',
  },
  'etcdserverpb.Auth': {
    'auth/enable': 'AuthEnable',
    'auth/disable': 'AuthDisable',
    'auth/status': 'AuthStatus',
    'auth/authenticate': 'Authenticate',
    'auth/user/add': 'UserAdd',
    'auth/user/get': 'UserGet',
    'auth/user/list': 'UserList',
    'auth/user/delete': 'UserDelete',
    'auth/user/changepw': 'UserChangePassword',
    'auth/user/grant': 'UserGrantRole',
    'auth/user/revoke': 'UserRevokeRole',
    'auth/role/add': 'RoleAdd',
    'auth/role/get': 'RoleGet',
    'auth/role/list': 'RoleList',
    'auth/role/delete': 'RoleDelete',
    'auth/role/grant': 'RoleGrantPermission',
    'auth/role/revoke': 'RoleRevokePermission',
  },
  'v3lockpb.Lock': { 'lock/lock': 'Lock', 'lock/unlock': 'Unlock' },
  'v3electionpb.Election': {
    'election/campaign': 'Campaign',
    'election/proclaim': 'Proclaim',
    'election/leader': 'Leader',
    'election/observe': 'Observe',
    'election/resign': 'Resign',
  },
};

/** By path, such as `/v3/kv/range`. */
export const GATEWAY_ROUTES: ReadonlyMap<string, GatewayRoute> = new Map(
  Object.entries(SERVICES).flatMap(([service, paths]) =>
    Object.entries(paths).flatMap(([path, name]) => {
      const method = `/${service}/${name}`;
      const row = methods[method];
      if (row === undefined) return [];
      const [request, response, streamsRequests, streamsAnswers] = row;
      return [[`/v3/${path}`, { method, request, response, streamsRequests, streamsAnswers }] as const];
    }),
  ),
);
