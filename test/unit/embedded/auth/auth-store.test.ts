import { beforeEach, describe, expect, it } from 'vitest';
import { AuthStore } from '../../../../src/embedded/auth/auth-store.js';
import { hashPassword, matchesPassword } from '../../../../src/embedded/auth/passwords.js';
import { TokenTable } from '../../../../src/embedded/auth/token-table.js';
import { ManualClock } from '../../../../src/embedded/clock.js';

let tokens: TokenTable;
let auth: AuthStore;
const addUser = (name: string): void => auth.addUser({ name, noPassword: false, password: undefined });
const permission = (key: string, rangeEnd = '', type = 0): { type: number; key: string; rangeEnd: string } => ({
  type,
  key,
  rangeEnd,
});
/** How far the auth revision moves. */
const bumps = (run: () => void): number => {
  const before = auth.revision;
  run();
  return auth.revision - before;
};
const enable = (): void => {
  addUser('root');
  auth.grantRole('root', 'root');
  auth.enable();
};

beforeEach(() => {
  tokens = new TokenTable(new ManualClock());
  auth = new AuthStore(tokens);
});

describe('turning authentication on and off', () => {
  it('needs a user root, with the role root, which need not exist', () => {
    expect(() => auth.enable()).toThrow('etcdserver: root user does not exist');
    addUser('root');
    expect(() => auth.enable()).toThrow('etcdserver: root user does not have root role');
    auth.grantRole('root', 'root');
    expect(() => auth.role('root')).toThrow('etcdserver: role name not found');
    auth.enable();
    expect(auth.enabled).toBe(true);
  });

  it('counts as a change when turned off, not when turned on, nor when it is so already', () => {
    expect(auth.revision).toBe(1);
    expect(bumps(() => auth.disable())).toBe(0);
    addUser('root');
    auth.grantRole('root', 'root');
    expect(bumps(() => auth.enable())).toBe(0);
    expect(bumps(() => auth.enable())).toBe(0);
    const token = tokens.issue('root', 1);
    expect(bumps(() => auth.disable())).toBe(1);
    expect(tokens.use(token)).toBeUndefined();
  });

  it('keeps root while it is on, and gives it up while it is off', () => {
    enable();
    auth.addRole('root');
    expect(() => auth.deleteUser('root')).toThrow('etcdserver: invalid auth management');
    expect(() => auth.deleteRole('root')).toThrow('etcdserver: invalid auth management');
    expect(() => auth.revokeRole('root', 'root')).toThrow('etcdserver: invalid auth management');
    expect(() => auth.revokeRole('root', 'other')).toThrow('etcdserver: role is not granted to the user');
    auth.disable();
    auth.revokeRole('root', 'root');
    auth.deleteRole('root');
    auth.deleteUser('root');
    expect(auth.userNames()).toEqual([]);
  });
});

describe('users', () => {
  it('have names that are not empty and not taken, listed in order of their bytes', () => {
    expect(() => addUser('')).toThrow('etcdserver: user name is empty');
    for (const name of ['b', 'a', '\u{1F600}', '\uFFFD', 'B']) addUser(name);
    expect(() => addUser('a')).toThrow('etcdserver: user name already exists');
    expect(auth.userNames()).toEqual(['B', 'a', 'b', '\uFFFD', '\u{1F600}']);
  });

  it('lose their tokens with their password and with themselves, not with a role', () => {
    auth.addRole('r');
    addUser('a');
    auth.grantRole('a', 'r');
    const first = tokens.issue('a', 1);
    auth.revokeRole('a', 'r');
    expect(tokens.use(first)?.name).toBe('a');
    expect(bumps(() => auth.changePassword('a', undefined, ''))).toBe(1);
    expect(tokens.use(first)).toBeUndefined();
    const second = tokens.issue('a', 2);
    auth.deleteUser('a');
    expect(tokens.use(second)).toBeUndefined();
  });

  it('take a hash instead of a password, if it is base64, unless they have no password at all', () => {
    addUser('a');
    auth.addUser({ name: 'n', noPassword: true, password: undefined });
    expect(() => auth.changePassword('a', undefined, '!!')).toThrow('password was given for no password user');
    expect(() => auth.changePassword('x', undefined, '!!')).toThrow('etcdserver: user name not found');
    auth.changePassword('n', undefined, '!!');
    auth.changePassword('a', undefined, 'AAAA');
    expect(auth.user('a').password).toEqual({ kind: 'opaque' });
  });
});

describe('roles', () => {
  it('are granted when both exist, the user looked at first; again changes nothing', () => {
    expect(() => auth.grantRole('u', 'r')).toThrow('etcdserver: user name not found');
    addUser('u');
    expect(() => auth.grantRole('u', 'r')).toThrow('etcdserver: role name not found');
    expect(() => auth.addRole('')).toThrow('etcdserver: role name is empty');
    auth.addRole('r');
    expect(() => auth.addRole('r')).toThrow('etcdserver: role name already exists');
    expect(bumps(() => auth.grantRole('u', 'r'))).toBe(1);
    expect(bumps(() => auth.grantRole('u', 'r'))).toBe(0);
    auth.addRole('a');
    auth.grantRole('u', 'a');
    expect(auth.user('u').roles).toEqual(['a', 'r']);
  });

  it('are taken from their users when they are deleted, in one change', () => {
    for (const name of ['r', 's']) auth.addRole(name);
    for (const name of ['u', 'v']) {
      addUser(name);
      auth.grantRole(name, 'r');
    }
    auth.grantRole('u', 's');
    expect(bumps(() => auth.deleteRole('r'))).toBe(1);
    expect([auth.user('u').roles, auth.user('v').roles]).toEqual([['s'], []]);
    expect(() => auth.deleteRole('r')).toThrow('etcdserver: role name not found');
  });

  it('take permissions: one must be given, for a range with keys, and the role must exist, in this order', () => {
    expect(() => auth.grantPermission('r', undefined)).toThrow('etcdserver: permission not given');
    expect(() => auth.grantPermission('r', permission('b', 'a'))).toThrow('etcdserver: invalid auth management');
    expect(() => auth.grantPermission('r', permission('a'))).toThrow('etcdserver: role name not found');
  });

  it("replace a permission's type only where it is the first of its key, as etcd does", () => {
    auth.addRole('r');
    auth.grantPermission('r', permission('b', 'd', 1));
    auth.grantPermission('r', permission('b', 'c', 1));
    auth.grantPermission('r', permission('a'));
    auth.grantPermission('r', permission('b', 'd', 2));
    auth.grantPermission('r', permission('b', 'c', 2));
    expect(auth.role('r').permissions).toEqual([
      permission('a'),
      permission('b', 'd', 2),
      permission('b', 'c', 1),
      permission('b', 'c', 2),
    ]);
    auth.revokePermission('r', 'b', 'c');
    expect(auth.role('r').permissions).toEqual([permission('a'), permission('b', 'd', 2)]);
    expect(() => auth.revokePermission('r', 'b', 'c')).toThrow('permission is not granted to the role');
    expect(() => auth.revokePermission('x', 'b', 'c')).toThrow('etcdserver: role name not found');
  });

  it("count at once for a user's permissions", () => {
    auth.addRole('r');
    addUser('u');
    auth.grantRole('u', 'r');
    const mayRead = (): boolean => auth.permissionsOf(auth.user('u')).mayRead('k', '');
    expect(mayRead()).toBe(false);
    auth.grantPermission('r', permission('k'));
    expect(mayRead()).toBe(true);
    auth.revokePermission('r', 'k', '');
    expect(mayRead()).toBe(false);
  });
});

describe('passwords', () => {
  it('are compared by their hash, which differs each time', async () => {
    const [one, other] = [await hashPassword('secret'), await hashPassword('secret')];
    expect(one).not.toEqual(other);
    expect(JSON.stringify(one)).not.toContain('secret');
    expect(await matchesPassword(one, 'secret')).toBe(true);
    expect(await matchesPassword(one, 'Secret')).toBe(false);
    expect(await matchesPassword({ kind: 'opaque' }, '')).toBe(false);
  });

  it('may have 72 bytes, as bcrypt has it', async () => {
    await expect(hashPassword('ü'.repeat(36))).resolves.toBeDefined();
    await expect(hashPassword(`${'ü'.repeat(36)}x`)).rejects.toThrow('bcrypt: password length exceeds 72 bytes');
  });
});
