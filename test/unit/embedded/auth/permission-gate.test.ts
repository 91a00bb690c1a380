import { beforeEach, describe, expect, it } from 'vitest';
import type { AuthUser } from '../../../../src/embedded/auth/auth-gate.js';
import { AuthStore } from '../../../../src/embedded/auth/auth-store.js';
import { PermissionGate } from '../../../../src/embedded/auth/permission-gate.js';
import { TokenTable } from '../../../../src/embedded/auth/token-table.js';
import { ManualClock } from '../../../../src/embedded/clock.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const anonymous = { token: undefined, certificateName: undefined };

let tokens: TokenTable;
let auth: AuthStore;
let gate: PermissionGate;
const login = (name: string): AuthUser | undefined =>
  gate.user({ token: tokens.issue(name, 1), certificateName: undefined });

beforeEach(() => {
  tokens = new TokenTable(new ManualClock());
  auth = new AuthStore(tokens);
  gate = new PermissionGate(auth, tokens);
  for (const name of ['root', 'alice']) auth.addUser({ name, noPassword: false, password: undefined });
  auth.grantRole('root', 'root');
  auth.addRole('r');
  auth.grantRole('alice', 'r');
  auth.grantPermission('r', { type: 0, key: 'read', rangeEnd: '' });
  auth.grantPermission('r', { type: 1, key: 'write', rangeEnd: '' });
  auth.enable();
});

describe('who calls', () => {
  it('is asked only while authentication is on', () => {
    auth.disable();
    expect(gate.user({ token: 'garbage', certificateName: undefined })).toBeUndefined();
    gate.checkWrite(undefined, bytes('anything'));
    gate.checkAdmin(undefined);
  });

  it('is told by the token, and a token that is not known is not made good by a certificate', () => {
    expect(login('alice')).toEqual({ name: 'alice', revision: auth.revision });
    for (const token of ['', 'garbage', 'abcdefghijklmnop.7'])
      expect(() => gate.user({ token, certificateName: 'alice' })).toThrow('etcdserver: invalid auth token');
  });

  it("is told by the certificate's name where there is no token, whether such a user exists or not", () => {
    const alice = gate.user({ token: undefined, certificateName: 'alice' });
    gate.checkRead(alice, bytes('read'));
    const stranger = gate.user({ token: undefined, certificateName: 'stranger' });
    expect(() => gate.checkRead(stranger, bytes('read'))).toThrow('etcdserver: permission denied');
    expect(() => gate.checkAdmin(stranger)).toThrow('etcdserver: user name not found');
  });

  it('may stay unsaid, and may then do nothing', () => {
    expect(gate.user(anonymous)).toBeUndefined();
    expect(() => gate.checkRead(undefined, bytes('read'))).toThrow('etcdserver: user name is empty');
    expect(() => gate.checkAdmin(undefined)).toThrow('etcdserver: user name is empty');
  });
});

describe('what a caller may', () => {
  it('is what its roles allow, everything for root', () => {
    const alice = login('alice');
    gate.checkRead(alice, bytes('read'));
    gate.checkWrite(alice, bytes('write'), null);
    expect(() => gate.checkWrite(alice, bytes('read'))).toThrow('etcdserver: permission denied');
    expect(() => gate.checkRead(alice, bytes('read'), bytes('reae'))).toThrow('etcdserver: permission denied');
    expect(() => gate.checkAdmin(alice)).toThrow('etcdserver: permission denied');
    gate.checkWrite(login('root'), bytes('anything'), bytes('\0'));
    gate.checkAdmin(login('root'));
  });

  it('is not told to a token of an older auth revision; administrators are not asked for it', () => {
    const tokensOf = { alice: tokens.issue('alice', 1), root: tokens.issue('root', 2) };
    auth.outdateTokens();
    const user = (token: string): AuthUser | undefined => gate.user({ token, certificateName: undefined });
    const stale = 'etcdserver: revision of auth store is old';
    expect(() => gate.checkRead(user(tokensOf.alice), bytes('read'))).toThrow(stale);
    expect(() => gate.checkRead(user(tokensOf.root), bytes('read'))).toThrow(stale);
    gate.checkAdmin(user(tokensOf.root));
    gate.checkRead(login('alice'), bytes('read'));
  });

  it('in a transaction is asked for every comparison and for the operations of both branches', () => {
    const alice = login('alice');
    const check = (txn: Parameters<PermissionGate['checkTxn']>[1]): (() => void) => {
      return () => gate.checkTxn(alice, txn);
    };
    const read = { key: bytes('read') };
    const write = { key: bytes('write') };
    expect(
      check({ compare: [read], success: [{ requestPut: write }], failure: [{ requestRange: read }] }),
    ).not.toThrow();
    expect(check({ compare: [write] })).toThrow('etcdserver: permission denied');
    expect(check({ failure: [{ requestPut: read }] })).toThrow('etcdserver: permission denied');
    expect(check({ success: [{ requestDeleteRange: write }] })).not.toThrow();
    expect(check({ success: [{ requestDeleteRange: { ...write, prevKv: true } }] })).toThrow(
      'etcdserver: permission denied',
    );
  });
});
