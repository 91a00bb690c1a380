/** The methods that the server has, by the short names of their services: what a fault may name. Pure. */

const METHODS: Readonly<Record<string, string>> = {
  KV: 'Range Put DeleteRange Txn Compact',
  Watch: 'Watch',
  Lease: 'LeaseGrant LeaseRevoke LeaseKeepAlive LeaseTimeToLive LeaseLeases',
  Cluster: 'MemberAdd MemberRemove MemberUpdate MemberList MemberPromote',
  Maintenance: 'Alarm Status Defragment Hash HashKV Snapshot MoveLeader Downgrade',
  Auth:
    'AuthEnable AuthDisable AuthStatus Authenticate UserAdd UserGet UserList UserDelete UserChangePassword UserGrantRole ' +
    'UserRevokeRole RoleAdd RoleGet RoleList RoleDelete RoleGrantPermission RoleRevokePermission',
  Lock: 'Lock Unlock',
  Election: 'Campaign Proclaim Leader Observe Resign',
  Health: 'Check Watch',
};

/** Such as `KV/Put`. */
export const SERVED_METHODS: readonly string[] = Object.entries(METHODS).flatMap(([service, methods]) =>
  methods.split(' ').map((method) => `${service}/${method}`),
);
