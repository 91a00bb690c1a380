/**
 * The users and roles of the auth store, in the order in which etcd lists them. Pure.
 */
import type { PasswordHash } from './passwords.js';
import type { Permission } from './range-permissions.js';

/** The user and the role that must exist while authentication is on. */
export const ROOT = 'root';

export interface User {
  readonly name: string;
  /** It logs in with a certificate only. */
  readonly noPassword: boolean;
  /** Undefined: no password matches. */
  readonly password: PasswordHash | undefined;
  /** In order. */
  readonly roles: readonly string[];
}

export interface Role {
  readonly name: string;
  /** In order of their keys; of one key, in the order in which they were granted. */
  readonly permissions: readonly Permission[];
}

/** Whether the user may do everything. */
export function hasRootRole(user: User): boolean {
  return user.roles.includes(ROOT);
}

/** Names in the order of their UTF-8 bytes. */
export function sortedNames(names: Iterable<string>): string[] {
  return [...names].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}

/** The role with one more permission, or with an old one's type changed. */
export function withPermission(role: Role, granted: Permission): Role {
  const at = role.permissions.findIndex(({ key }) => key >= granted.key);
  const old = role.permissions[at];
  // etcd looks at the first permission of that key only: another range of the same key is found there, and added again.
  if (old?.key === granted.key && old.rangeEnd === granted.rangeEnd)
    return { ...role, permissions: role.permissions.with(at, granted) };
  const permissions = [...role.permissions, granted];
  permissions.sort((one, other) => (one.key === other.key ? 0 : one.key < other.key ? -1 : 1));
  return { ...role, permissions };
}
