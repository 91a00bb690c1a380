/**
 * Users, roles, whether authentication is on, and the auth revision that counts changes of these. Server thread; pure. Who
 * may call which operation is the service's question; each operation checks the rest, in etcd's order.
 */
import { GrpcStatus } from '../../wire/server-errors.js';
import { failure, RpcFailure } from '../rpc-failure.js';
import { hasRootRole, ROOT, sortedNames, withPermission, type Role, type User } from './auth-records.js';
import { opaqueHash, type PasswordHash } from './passwords.js';
import { isGrantable, RangePermissions, type Permission } from './range-permissions.js';
import type { TokenTable } from './token-table.js';

/** What a new user is made from. */
export interface NewUser {
  readonly name: string;
  readonly noPassword: boolean;
  readonly password: PasswordHash | undefined;
}

/** A password was given for a user who has none, or a hash that is none; etcd has one text for both. */
export function noPasswordUser(): RpcFailure {
  const text = 'auth: authentication failed, password was given for no password user';
  return new RpcFailure(GrpcStatus.UNKNOWN, text);
}

export class AuthStore {
  readonly #tokens: TokenTable;
  readonly #users = new Map<string, User>();
  readonly #roles = new Map<string, Role>();
  /** Made when asked for, forgotten with each change. */
  readonly #permissions = new Map<string, RangePermissions>();
  #enabled = false;
  #revision = 1;

  constructor(tokens: TokenTable) {
    this.#tokens = tokens;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Does nothing when it is on already. */
  enable(): void {
    if (this.#enabled) return;
    const root = this.#users.get(ROOT);
    if (root === undefined) throw failure('rootUserNotExist');
    if (!hasRootRole(root)) throw failure('rootRoleNotExist');
    this.#enabled = true;
  }

  /** Ends all tokens. Does nothing when it is off already. */
  disable(): void {
    if (!this.#enabled) return;
    this.#enabled = false;
    this.#tokens.dropAll();
    this.#changed();
  }

  /**
   * For tests of clients: the revision moves on as with any change, and tokens issued so far are held to the old one, so that
   * calls with them fail with `etcdserver: revision of auth store is old`.
   */
  outdateTokens(): void {
    this.#tokens.holdTo(this.#revision);
    this.#changed();
  }

  findUser(name: string): User | undefined {
    return this.#users.get(name);
  }

  user(name: string): User {
    return this.#users.get(name) ?? refuse('userNotFound');
  }

  userNames(): string[] {
    return sortedNames(this.#users.keys());
  }

  addUser({ name, noPassword, password }: NewUser): void {
    if (name === '') throw failure('userEmpty');
    if (this.#users.has(name)) throw failure('userAlreadyExist');
    this.#users.set(name, { name, noPassword, password, roles: [] });
    this.#changed();
  }

  deleteUser(name: string): void {
    if (this.#enabled && name === ROOT) throw failure('invalidAuthMgmt');
    this.user(name);
    this.#users.delete(name);
    this.#tokens.dropUser(name);
    this.#changed();
  }

  /** Ends the user's tokens. A hash is what a client may give instead of a password, in base64. */
  changePassword(name: string, password: PasswordHash | undefined, givenHash: string): void {
    const user = this.user(name);
    let kept: PasswordHash | undefined;
    if (!user.noPassword) {
      kept = password;
      if (kept === undefined && givenHash !== '') {
        kept = opaqueHash(givenHash);
        if (kept === undefined) throw noPasswordUser();
      }
    }
    this.#users.set(name, { ...user, password: kept });
    this.#tokens.dropUser(name);
    this.#changed();
  }

  /** The role `root` may be granted before it exists. Granting a role again changes nothing. */
  grantRole(userName: string, roleName: string): void {
    const user = this.user(userName);
    if (roleName !== ROOT) this.role(roleName);
    if (user.roles.includes(roleName)) return;
    this.#users.set(userName, { ...user, roles: sortedNames([...user.roles, roleName]) });
    this.#changed();
  }

  revokeRole(userName: string, roleName: string): void {
    if (this.#enabled && userName === ROOT && roleName === ROOT) throw failure('invalidAuthMgmt');
    const user = this.user(userName);
    if (!user.roles.includes(roleName)) throw failure('roleNotGranted');
    this.#users.set(userName, without(user, roleName));
    this.#changed();
  }

  role(name: string): Role {
    return this.#roles.get(name) ?? refuse('roleNotFound');
  }

  roleNames(): string[] {
    return sortedNames(this.#roles.keys());
  }

  addRole(name: string): void {
    if (name === '') throw failure('roleEmpty');
    if (this.#roles.has(name)) throw failure('roleAlreadyExist');
    this.#roles.set(name, { name, permissions: [] });
    this.#changed();
  }

  /** Takes it from all users who have it. */
  deleteRole(name: string): void {
    if (this.#enabled && name === ROOT) throw failure('invalidAuthMgmt');
    this.role(name);
    this.#roles.delete(name);
    for (const user of this.#users.values())
      if (user.roles.includes(name)) this.#users.set(user.name, without(user, name));
    this.#changed();
  }

  grantPermission(roleName: string, permission: Permission | undefined): void {
    if (permission === undefined) throw failure('permissionNotGiven');
    if (!isGrantable(permission.key, permission.rangeEnd)) throw failure('invalidAuthMgmt');
    this.#roles.set(roleName, withPermission(this.role(roleName), permission));
    this.#changed();
  }

  /** Takes away all permissions for exactly this range. */
  revokePermission(roleName: string, key: string, rangeEnd: string): void {
    const role = this.role(roleName);
    const permissions = role.permissions.filter((kept) => kept.key !== key || kept.rangeEnd !== rangeEnd);
    if (permissions.length === role.permissions.length) throw failure('permissionNotGranted');
    this.#roles.set(roleName, { ...role, permissions });
    this.#changed();
  }

  /** What all roles of the user allow together. Roles that do not exist (`root`, before it was added) allow nothing. */
  permissionsOf(user: User): RangePermissions {
    let permissions = this.#permissions.get(user.name);
    if (permissions === undefined) {
      const granted = user.roles.flatMap((name) => this.#roles.get(name)?.permissions ?? []);
      permissions = new RangePermissions(granted);
      this.#permissions.set(user.name, permissions);
    }
    return permissions;
  }

  #changed(): void {
    this.#permissions.clear();
    this.#revision += 1;
  }
}

function without(user: User, roleName: string): User {
  return { ...user, roles: user.roles.filter((role) => role !== roleName) };
}

function refuse(name: 'userNotFound' | 'roleNotFound'): never {
  throw failure(name);
}
