/**
 * etcd's Auth service: whom each call asks for, in which order, and headers. Server thread. Passwords are hashed before
 * anything is looked at, as in etcd: what a call changes, it changes at once.
 */
import { etcdserverpb as rpc, type authpb } from '../../generated/etcd.js';
import type { AuthGate } from '../auth/auth-gate.js';
import { noPasswordUser, type AuthStore } from '../auth/auth-store.js';
import { hashPassword, matchesPassword } from '../auth/passwords.js';
import type { Permission } from '../auth/range-permissions.js';
import type { TokenTable } from '../auth/token-table.js';
import { longFromNumber } from '../long.js';
import type { RaftIndex } from '../maintenance/raft-index.js';
import type { ResponseHeaders } from '../response-header.js';
import { failure } from '../rpc-failure.js';
import { keyOf, keyTextOf } from '../store/stored-value.js';
import { unary, type CallContext, type Service, type UnaryMethod } from './service.js';

/** What the service works on. */
export interface AuthParts {
  readonly auth: AuthStore;
  readonly gate: AuthGate;
  readonly tokens: TokenTable;
  readonly headers: ResponseHeaders;
  readonly raft: RaftIndex;
}

type Header = rpc.ResponseHeader.$Properties;

/** The service `etcdserverpb.Auth`. */
export function authService(parts: AuthParts): Service {
  const { auth, gate, headers, raft } = parts;

  const checkAdmin = (call: CallContext): void => {
    const user = gate.user(call);
    raft.advance();
    gate.checkAdmin(user);
  };
  /** A call for administrators whose answer is a header. */
  const change = <Request>(
    request: { decode(bytes: Uint8Array): Request },
    response: { encode(message: { header?: Header | null }): { finish(): Uint8Array } },
    run: (request: Request) => void,
  ): UnaryMethod =>
    unary(request, response, (decoded, call) => {
      checkAdmin(call);
      run(decoded);
      return { header: headers.now() };
    });

  const status = (_: rpc.AuthStatusRequest, call: CallContext): rpc.AuthStatusResponse.$Properties => {
    checkAdmin(call);
    return { header: headers.now(), enabled: auth.enabled, authRevision: longFromNumber(auth.revision) };
  };

  const addUser = async (
    { name, password, options }: rpc.AuthUserAddRequest,
    call: CallContext,
  ): Promise<rpc.AuthUserAddResponse.$Properties> => {
    const noPassword = options?.noPassword === true;
    // A hash that the client gives is overwritten, as in etcd 3.5.
    const hash = noPassword ? undefined : await hashPassword(password);
    checkAdmin(call);
    auth.addUser({ name, noPassword, password: hash });
    return { header: headers.now() };
  };

  const changePassword = async (
    { name, password, hashedPassword }: rpc.AuthUserChangePasswordRequest,
    call: CallContext,
  ): Promise<rpc.AuthUserChangePasswordResponse.$Properties> => {
    const hash = password === '' ? undefined : await hashPassword(password);
    checkAdmin(call);
    auth.changePassword(name, hash, hashedPassword);
    return { header: headers.now() };
  };

  /** Users may look at themselves, and at the roles that they have. */
  const checkAdminUnless = (call: CallContext, isOwn: (callerName: string) => boolean): void => {
    const user = gate.user(call);
    raft.advance();
    try {
      gate.checkAdmin(user);
    } catch (error) {
      if (!isOwn(user?.name ?? '')) throw error;
    }
  };

  const getUser = ({ name }: rpc.AuthUserGetRequest, call: CallContext): rpc.AuthUserGetResponse.$Properties => {
    checkAdminUnless(call, (callerName) => callerName === name);
    return { header: headers.now(), roles: [...auth.user(name).roles] };
  };

  const getRole = ({ role }: rpc.AuthRoleGetRequest, call: CallContext): rpc.AuthRoleGetResponse.$Properties => {
    checkAdminUnless(call, (callerName) => auth.findUser(callerName)?.roles.includes(role) === true);
    return { header: headers.now(), perm: auth.role(role).permissions.map(permissionMessage) };
  };

  const listUsers = (_: rpc.AuthUserListRequest, call: CallContext): rpc.AuthUserListResponse.$Properties => {
    checkAdmin(call);
    return { header: headers.now(), users: auth.userNames() };
  };

  const listRoles = (_: rpc.AuthRoleListRequest, call: CallContext): rpc.AuthRoleListResponse.$Properties => {
    checkAdmin(call);
    return { header: headers.now(), roles: auth.roleNames() };
  };

  return {
    name: 'etcdserverpb.Auth',
    methods: {
      AuthEnable: change(rpc.AuthEnableRequest, rpc.AuthEnableResponse, () => {
        auth.enable();
      }),
      AuthDisable: change(rpc.AuthDisableRequest, rpc.AuthDisableResponse, () => {
        auth.disable();
      }),
      AuthStatus: unary(rpc.AuthStatusRequest, rpc.AuthStatusResponse, status),
      Authenticate: unary(rpc.AuthenticateRequest, rpc.AuthenticateResponse, (request) => authenticate(parts, request)),
      UserAdd: unary(rpc.AuthUserAddRequest, rpc.AuthUserAddResponse, addUser),
      UserGet: unary(rpc.AuthUserGetRequest, rpc.AuthUserGetResponse, getUser),
      UserList: unary(rpc.AuthUserListRequest, rpc.AuthUserListResponse, listUsers),
      UserDelete: change(rpc.AuthUserDeleteRequest, rpc.AuthUserDeleteResponse, ({ name }) => {
        auth.deleteUser(name);
      }),
      UserChangePassword: unary(rpc.AuthUserChangePasswordRequest, rpc.AuthUserChangePasswordResponse, changePassword),
      UserGrantRole: change(rpc.AuthUserGrantRoleRequest, rpc.AuthUserGrantRoleResponse, ({ user, role }) => {
        auth.grantRole(user, role);
      }),
      UserRevokeRole: change(rpc.AuthUserRevokeRoleRequest, rpc.AuthUserRevokeRoleResponse, ({ name, role }) => {
        auth.revokeRole(name, role);
      }),
      RoleAdd: change(rpc.AuthRoleAddRequest, rpc.AuthRoleAddResponse, ({ name }) => {
        auth.addRole(name);
      }),
      RoleGet: unary(rpc.AuthRoleGetRequest, rpc.AuthRoleGetResponse, getRole),
      RoleList: unary(rpc.AuthRoleListRequest, rpc.AuthRoleListResponse, listRoles),
      RoleDelete: change(rpc.AuthRoleDeleteRequest, rpc.AuthRoleDeleteResponse, ({ role }) => {
        auth.deleteRole(role);
      }),
      RoleGrantPermission: change(
        rpc.AuthRoleGrantPermissionRequest,
        rpc.AuthRoleGrantPermissionResponse,
        ({ name, perm }) => {
          auth.grantPermission(name, perm ? permissionOf(perm) : undefined);
        },
      ),
      RoleRevokePermission: change(
        rpc.AuthRoleRevokePermissionRequest,
        rpc.AuthRoleRevokePermissionResponse,
        ({ role, key, rangeEnd }) => {
          auth.revokePermission(role, keyTextOf(key), keyTextOf(rangeEnd));
        },
      ),
    },
  };
}

/** Looks at no token: this is where tokens come from. */
async function authenticate(
  { auth, tokens, headers, raft }: AuthParts,
  { name, password }: rpc.AuthenticateRequest,
): Promise<rpc.AuthenticateResponse.$Properties> {
  for (;;) {
    if (!auth.enabled) throw failure('authNotEnabled');
    const user = auth.findUser(name);
    if (user === undefined) throw failure('authFailed');
    if (user.noPassword) throw noPasswordUser();
    const { revision } = auth;
    const matches = user.password !== undefined && (await matchesPassword(user.password, password));
    if (!matches) throw failure('authFailed');
    // The password, the user or the whole of authentication may have changed while it was compared.
    if (auth.revision === revision) return { header: headers.now(), token: tokens.issue(name, raft.advance()) };
  }
}

function permissionOf(message: authpb.Permission.$Properties): Permission {
  const { permType, key, rangeEnd } = message;
  return { type: permType ?? 0, key: key ? keyTextOf(key) : '', rangeEnd: rangeEnd ? keyTextOf(rangeEnd) : '' };
}

function permissionMessage({ type, key, rangeEnd }: Permission): authpb.Permission.$Properties {
  // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- kept as it was granted, known to etcd or not
  return { permType: type, key: keyOf(key), rangeEnd: keyOf(rangeEnd) };
}
