/** Every call of the Auth service, its errors, and what permissions mean to the other services. */
import { bytes, type Fields, type RpcSession } from '../rpc-session.js';

const READ = 0;
const WRITE = 1;
const READWRITE = 2;
const longPassword = 'x'.repeat(73);

/** Before authentication is on: what users, roles and permissions are refused for, and what counts as a change. */
export async function authRecordsProgram(rpc: RpcSession): Promise<void> {
  const call = (method: string, request: object = {}): Promise<Fields> => rpc.call(`Auth/${method}`, request);
  const grant = (name: string, perm?: object): Promise<Fields> => call('RoleGrantPermission', { name, perm });
  await rpc.call('KV/Put', { key: bytes('init'), value: bytes('1') });
  await call('AuthStatus');
  await call('AuthEnable');
  await call('AuthDisable');
  await call('Authenticate', { name: 'root', password: 'x' });
  await call('UserAdd');
  await call('UserAdd', { name: '', password: longPassword });
  await call('UserAdd', { name: 'root', password: 'x' });
  await call('UserAdd', { name: 'root', password: longPassword });
  await call('UserAdd', { name: 'root' });
  await call('AuthStatus');
  await call('AuthEnable');
  await call('UserGet', { name: 'nobody' });
  await call('UserGet', { name: '' });
  await call('UserGet', { name: 'root' });
  await call('UserGrantRole', { user: 'root', role: 'root' });
  await call('UserGrantRole', { user: 'root', role: 'root' });
  await call('AuthStatus');
  await call('RoleGet', { role: 'root' });
  await call('RoleAdd');
  for (const name of ['r1', 'r1', 'root', 'a']) await call('RoleAdd', { name });
  await call('RoleGet', { role: 'root' });
  await call('RoleGet', { role: 'r1' });
  await call('UserGrantRole', { user: 'root', role: 'none' });
  await call('UserGrantRole', { user: 'none', role: 'none' });
  await call('UserGrantRole');
  await call('UserRevokeRole', { name: 'root', role: 'r1' });
  await call('UserRevokeRole');
  await call('AuthStatus');

  await grant('r1');
  await grant('none');
  await grant('none', { key: bytes('a') });
  await grant('none', { key: bytes('b'), rangeEnd: bytes('a') });
  await grant('r1', {});
  await grant('r1', { rangeEnd: bytes('\0') });
  await grant('r1', { key: bytes('b'), rangeEnd: bytes('a') });
  await grant('r1', { key: bytes('b'), rangeEnd: bytes('b') });
  await grant('r1', { key: bytes('b'), rangeEnd: bytes('\0') });
  await grant('r1', { key: bytes('b'), rangeEnd: bytes('d'), permType: WRITE });
  await grant('r1', { key: bytes('b'), rangeEnd: bytes('c'), permType: WRITE });
  await grant('r1', { key: bytes('b'), permType: 7 });
  await grant('r1', { key: bytes('a'), permType: READWRITE });
  await grant('r1', { key: bytes('b'), rangeEnd: bytes('d'), permType: READWRITE });
  await grant('r1', { key: bytes('b'), rangeEnd: bytes('\0'), permType: WRITE });
  await grant('r1', { key: bytes('\xff\x00'), rangeEnd: bytes('\xff\xff'), permType: READ });
  await grant('root', { key: bytes('a') });
  await call('RoleGet', { role: 'root' });
  await call('RoleGet', { role: 'r1' });
  await call('AuthStatus');
  await call('RoleRevokePermission', { role: 'none', key: bytes('a') });
  await call('RoleRevokePermission', { role: 'r1', key: bytes('zz') });
  await call('RoleRevokePermission', { role: 'r1', key: bytes('a'), rangeEnd: bytes('b') });
  await call('RoleRevokePermission', { role: 'r1', key: bytes('b'), rangeEnd: bytes('d') });
  await call('RoleGet', { role: 'r1' });

  await call('UserAdd', { name: 'u1', password: 'p', hashedPassword: 'abc' });
  await call('UserAdd', { name: 'u1', password: 'p' });
  await call('UserAdd', { name: 'u2', hashedPassword: '!!!' });
  await call('UserAdd', { name: 'u3', options: { noPassword: true }, password: longPassword });
  await call('UserAdd', { name: 'u4', options: { noPassword: true }, hashedPassword: '!!' });
  await call('UserAdd', { name: 'u5', options: {} });
  await call('UserAdd', { name: 'B', password: longPassword });
  await call('UserAdd', { name: 'B', password: 'x'.repeat(72) });
  await call('UserChangePassword', { name: 'none', password: 'x' });
  await call('UserChangePassword', { name: 'none', password: longPassword });
  await call('UserChangePassword', { name: 'none', hashedPassword: '!!!' });
  await call('UserChangePassword');
  await call('UserChangePassword', { name: 'u1', password: '' });
  await call('UserChangePassword', { name: 'u1', hashedPassword: '!!!' });
  await call('UserChangePassword', { name: 'u1', hashedPassword: 'AAA=' });
  await call('UserChangePassword', { name: 'u1', hashedPassword: 'AAA' });
  await call('UserChangePassword', { name: 'u3', password: 'x' });
  await call('UserChangePassword', { name: 'u3', hashedPassword: '!!!' });
  await call('UserDelete', { name: 'none' });
  await call('UserDelete');
  await call('RoleDelete', { role: 'none' });
  await call('RoleDelete');
  await call('UserList');
  await call('RoleList');
  await call('UserGrantRole', { user: 'u1', role: 'r1' });
  await call('UserGrantRole', { user: 'u1', role: 'a' });
  await call('UserGet', { name: 'u1' });
  await call('UserRevokeRole', { name: 'u1', role: 'a' });
  await call('UserGrantRole', { user: 'u3', role: 'r1' });
  await call('AuthStatus');
  await call('RoleDelete', { role: 'r1' });
  await call('UserGet', { name: 'u1' });
  await call('UserDelete', { name: 'u1' });
  await call('AuthStatus');
  await rpc.call('KV/Range', { key: bytes('init') }, { token: 'garbage' });
}

interface Callers {
  readonly root: string;
  readonly u1: string;
}

/** With authentication on: who may do what. */
export async function authCallersProgram(rpc: RpcSession): Promise<void> {
  const callers = await prepare(rpc);
  await authWhoMay(rpc, callers);
  await keysWhoMay(rpc, callers);
  await leasesWhoMay(rpc, callers);
  await operatorsWhoMay(rpc, callers);
  await tokensThatEnd(rpc, callers);
}

async function login(rpc: RpcSession, name: string, password: string): Promise<string> {
  const { token } = await rpc.call('Auth/Authenticate', { name, password });
  rpc.name(String(token), `(token of ${name})`);
  return String(token);
}

async function prepare(rpc: RpcSession): Promise<Callers> {
  for (const name of ['root', 'u1', 'u2']) await rpc.call('Auth/UserAdd', { name, password: `${name}-password` });
  await rpc.call('Auth/UserAdd', { name: 'u3', options: { noPassword: true } });
  await rpc.call('Auth/UserAdd', { name: 'u5' });
  await rpc.call('Auth/UserGrantRole', { user: 'root', role: 'root' });
  await rpc.call('Auth/RoleAdd', { name: 'root' });
  await rpc.call('Auth/RoleAdd', { name: 'r1' });
  await rpc.call('Auth/UserGrantRole', { user: 'u1', role: 'r1' });
  const granted = [
    { key: bytes('w'), rangeEnd: bytes('x'), permType: WRITE },
    { key: bytes('r'), rangeEnd: bytes('s'), permType: READ },
    { key: bytes('b'), permType: READWRITE },
    { key: bytes('wr'), permType: READ },
  ];
  for (const perm of granted) await rpc.call('Auth/RoleGrantPermission', { name: 'r1', perm });
  await rpc.call('KV/Put', { key: bytes('A'), value: bytes('secret') });
  await rpc.call('Auth/AuthEnable');
  await rpc.call('Auth/AuthEnable');
  for (const token of ['bad', 'bad.1', '', 'abcdefghijklmnop.1']) await rpc.call('Auth/AuthStatus', {}, { token });
  await rpc.call('Auth/AuthStatus');
  const callers = { root: await login(rpc, 'root', 'root-password'), u1: await login(rpc, 'u1', 'u1-password') };
  for (const [name, password] of [
    ['u1', 'wrong'],
    ['u1', ''],
    ['none', 'x'],
    ['u3', 'x'],
    ['u3', ''],
    ['', ''],
    ['u5', ''],
  ])
    await rpc.call('Auth/Authenticate', { name, password });
  await rpc.call('Auth/Authenticate', { name: 'root', password: 'root-password' }, { token: 'bad' });
  return callers;
}

async function authWhoMay(rpc: RpcSession, { root, u1 }: Callers): Promise<void> {
  for (const token of [root, u1, undefined, 'bad']) {
    await rpc.call('Auth/AuthStatus', {}, { token });
    await rpc.call('Auth/AuthEnable', {}, { token });
    await rpc.call('Auth/UserList', {}, { token });
    await rpc.call('Auth/RoleList', {}, { token });
    for (const name of ['u1', 'root', 'none', '']) await rpc.call('Auth/UserGet', { name }, { token });
    for (const role of ['r1', 'root', 'none', '']) await rpc.call('Auth/RoleGet', { role }, { token });
    await rpc.call('Auth/UserAdd', {}, { token });
    await rpc.call('Auth/UserAdd', { name: 'x', password: longPassword }, { token });
    await rpc.call('Auth/UserChangePassword', { name: 'none', password: longPassword }, { token });
    await rpc.call('Auth/UserChangePassword', { name: 'none', password: 'x' }, { token });
    await rpc.call('Auth/UserDelete', { name: 'root' }, { token });
    await rpc.call('Auth/UserGrantRole', { user: 'none', role: 'none' }, { token });
    await rpc.call('Auth/UserRevokeRole', { name: 'root', role: 'root' }, { token });
    await rpc.call('Auth/UserRevokeRole', { name: 'root', role: 'other' }, { token });
    await rpc.call('Auth/RoleAdd', {}, { token });
    await rpc.call('Auth/RoleDelete', { role: 'root' }, { token });
    await rpc.call('Auth/RoleGrantPermission', { name: 'none' }, { token });
    await rpc.call('Auth/RoleRevokePermission', { role: 'none' }, { token });
  }
  await rpc.call('Auth/AuthDisable', {}, { token: u1 });
  await rpc.call('Auth/AuthDisable');
}

async function keysWhoMay(rpc: RpcSession, { root, u1 }: Callers): Promise<void> {
  const ranges: readonly (readonly [string, string?])[] = [
    ['A'],
    ['b'],
    ['b', 'b'],
    ['b', 'B'],
    ['b', 'b\0'],
    ['b', 'c'],
    ['r', 's'],
    ['r', 't'],
    ['r', '\0'],
    ['r1', 'r2'],
    ['\0', '\0'],
    ['w'],
    ['wr'],
  ];
  for (const token of [u1, undefined, root]) {
    for (const [key, end = ''] of ranges) {
      const range = { key: bytes(key), rangeEnd: bytes(end) };
      await rpc.call('KV/Range', range, { token });
      await rpc.call('KV/Range', { ...range, serializable: true }, { token });
      if (token === root) continue;
      await rpc.call('KV/DeleteRange', range, { token });
      await rpc.call('KV/DeleteRange', { ...range, prevKv: true }, { token });
      await rpc.call('KV/Txn', { success: [{ requestRange: range }] }, { token });
      await rpc.call('KV/Txn', { failure: [{ requestDeleteRange: range }] }, { token });
    }
    for (const key of ['A', 'b', 'w', 'r', 'wr']) {
      await rpc.call('KV/Put', { key: bytes(key), value: bytes('v') }, { token });
      await rpc.call('KV/Put', { key: bytes(key), prevKv: true }, { token });
      await rpc.call('KV/Txn', { success: [{ requestPut: { key: bytes(key), prevKv: true } }] }, { token });
      await rpc.call('KV/Txn', { compare: [{ key: bytes(key), target: 0, version: 1 }] }, { token });
    }
    await rpc.call('KV/Put', {}, { token });
    await rpc.call('KV/Txn', { success: [{}] }, { token });
    await rpc.call('KV/Txn', { success: [{ requestDeleteRange: { key: bytes('w'), prevKv: true } }] }, { token });
    const inside = { success: [{ requestRange: { key: bytes('A') } }, { requestPut: { key: bytes('A1') } }] };
    await rpc.call('KV/Txn', { success: [{ requestTxn: inside }] }, { token });
  }
  for (const token of ['bad', '']) {
    await rpc.call('KV/Range', { key: bytes('A') }, { token });
    await rpc.call('KV/Range', { key: bytes('A'), serializable: true }, { token });
    await rpc.call('KV/Put', { key: bytes('A') }, { token });
    await rpc.call('KV/Put', {}, { token });
    await rpc.call('KV/DeleteRange', { key: bytes('A') }, { token });
    await rpc.call('KV/Txn', {}, { token });
    await rpc.call('KV/Compact', { revision: 2 }, { token });
  }
  const read = { key: bytes('r') };
  await rpc.call('KV/Range', read, { metadata: { authorization: u1 } });
  await rpc.call('KV/Range', read, { metadata: { authorization: `Bearer ${u1}` } });
  await rpc.call('KV/Range', read, { token: 'bad', metadata: { authorization: u1 } });
  await rpc.call('KV/Range', read, { token: u1, metadata: { authorization: 'bad' } });
  await rpc.call('KV/Compact', { revision: 2 }, { token: u1 });
  await rpc.call('KV/Compact', { revision: 2 });
}

async function leasesWhoMay(rpc: RpcSession, { root, u1 }: Callers): Promise<void> {
  await rpc.call('Lease/LeaseGrant', { TTL: 1000, ID: 77 }, { token: root });
  await rpc.call('Lease/LeaseGrant', { TTL: 1000, ID: 78 });
  await rpc.call('Lease/LeaseGrant', { TTL: 1000, ID: 79 }, { token: 'bad' });
  await rpc.call('KV/Put', { key: bytes('A'), lease: 77 }, { token: root });
  await rpc.call('KV/Put', { key: bytes('b'), lease: 77 }, { token: u1 });
  await rpc.call('KV/Put', { key: bytes('b'), lease: 77, prevKv: true }, { token: u1 });
  await rpc.call('KV/Put', { key: bytes('b'), lease: 78 }, { token: u1 });
  await rpc.call('KV/Put', { key: bytes('b'), lease: 999 }, { token: u1 });
  await rpc.call('KV/Put', { key: bytes('A'), lease: 999 }, { token: u1 });
  await rpc.call('KV/Txn', { success: [{ requestPut: { key: bytes('w'), lease: 77 } }] }, { token: u1 });
  for (const token of [u1, undefined, 'bad']) {
    for (const ID of [77, 999]) {
      await rpc.call('Lease/LeaseRevoke', { ID }, { token });
      const { fields = {} } = (await rpc.silently('Lease/LeaseTimeToLive', { ID }, { token })) as { fields?: Fields }; // or refused
      rpc.entries.push({ call: `grantedTTL of ${String(ID)}`, outcome: { fields: { is: fields['grantedTTL'] } } });
      await rpc.call('Lease/LeaseTimeToLive', { ID: 999, keys: true }, { token });
      if (token !== undefined && token !== 'bad') continue;
      await rpc.call('Lease/LeaseTimeToLive', { ID, keys: true }, { token });
    }
    await rpc.call('Lease/LeaseLeases', {}, { token });
  }
  await rpc.call('Lease/LeaseTimeToLive', { ID: 77, keys: true }, { token: u1 });
  await rpc.call('Lease/LeaseRevoke', { ID: 78 }, { token: u1 });
  await rpc.call('Lease/LeaseRevoke', { ID: 77 }, { token: root });
}

async function operatorsWhoMay(rpc: RpcSession, { root, u1 }: Callers): Promise<void> {
  for (const token of [u1, undefined, 'bad', root]) {
    for (const method of ['Status', 'Defragment', 'Hash', 'HashKV', 'MoveLeader', 'Alarm', 'Downgrade'])
      await rpc.call(`Maintenance/${method}`, {}, { token });
    for (const method of ['MemberAdd', 'MemberRemove', 'MemberUpdate', 'MemberPromote'])
      await rpc.call(`Cluster/${method}`, {}, { token });
    if (token !== root) await rpc.call('Cluster/MemberAdd', { peerURLs: ['http://x:1'] }, { token });
    if (token !== root) await rpc.call('Maintenance/Snapshot', {}, { token });
    await rpc.call('Lock/Lock', { name: bytes('A'), lease: 9 }, { token });
    await rpc.call('Lock/Lock', { name: bytes('w'), lease: 9 }, { token });
    await rpc.call('Lock/Unlock', { key: bytes('A/9') }, { token });
    await rpc.call('Lock/Unlock', {}, { token });
    await rpc.call('Election/Leader', { name: bytes('A') }, { token });
    await rpc.call('Election/Campaign', { name: bytes('A'), lease: 9 }, { token });
    if (token !== root) await rpc.call('Election/Observe', { name: bytes('A') }, { token });
    await rpc.call('Election/Proclaim', {}, { token });
    const leader = { name: bytes('A'), key: bytes('A/9'), rev: 5, lease: 9 };
    await rpc.call('Election/Proclaim', { leader }, { token });
    await rpc.call('Election/Resign', { leader }, { token });
    await rpc.call('Health/Check', {}, { token });
  }
}

async function tokensThatEnd(rpc: RpcSession, { root, u1 }: Callers): Promise<void> {
  const read = { key: bytes('r') };
  const u5 = await login(rpc, 'u5', '');
  await rpc.call('Auth/UserChangePassword', { name: 'u1', password: 'new' }, { token: root });
  await rpc.call('KV/Range', read, { token: u1 });
  await rpc.call('Auth/Authenticate', { name: 'u1', password: 'u1-password' });
  const again = await login(rpc, 'u1', 'new');
  await rpc.call('Auth/RoleGrantPermission', { name: 'r1', perm: { key: bytes('A') } }, { token: root });
  await rpc.call('KV/Range', { key: bytes('A') }, { token: again });
  await rpc.call('Auth/UserGrantRole', { user: 'u1', role: 'root' }, { token: root });
  await rpc.call('KV/Range', { key: bytes('zzz') }, { token: again });
  await rpc.call('Auth/UserRevokeRole', { name: 'u1', role: 'root' }, { token: root });
  await rpc.call('KV/Range', { key: bytes('zzz') }, { token: again });
  await rpc.call('Auth/RoleDelete', { role: 'r1' }, { token: root });
  await rpc.call('KV/Range', read, { token: again });
  await rpc.call('Auth/UserDelete', { name: 'u1' }, { token: root });
  await rpc.call('KV/Range', read, { token: again });
  await rpc.call('Auth/UserChangePassword', { name: 'u5', password: '' }, { token: root });
  await rpc.call('KV/Range', read, { token: u5 });
  await rpc.call('Auth/Authenticate', { name: 'u5', password: '' });
  await rpc.call('Auth/AuthStatus', {}, { token: root });
  await rpc.call('Auth/AuthDisable', {}, { token: root });
  await rpc.call('Auth/AuthStatus', {}, { token: root });
  await rpc.call('Auth/AuthDisable', {}, { token: 'bad' });
  await rpc.call('Auth/AuthStatus');
  await rpc.call('Auth/AuthEnable');
  await rpc.call('KV/Range', read, { token: root });
  await rpc.call('Auth/UserList', {}, { token: await login(rpc, 'root', 'root-password') });
}
