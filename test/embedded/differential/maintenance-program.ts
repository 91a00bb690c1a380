/** Every call of the Maintenance, Cluster and Health services, and what alarms refuse. */
import { bytes, id, message, type Fields, type RpcSession } from '../rpc-session.js';

const NOSPACE = 1;
const CORRUPT = 2;

/** Hashes, snapshots, alarms, downgrades. Downgrades that etcd 3.5 would begin take it 7 s each: left out. */
export async function maintenanceProgram(rpc: RpcSession): Promise<void> {
  const hash = (revision: number): Promise<Fields> => rpc.call('Maintenance/HashKV', { revision });
  await rpc.call('Maintenance/Status');
  await rpc.call('Maintenance/Hash');
  await hash(0);
  for (let written = 0; written < 10; written += 1)
    await rpc.call('KV/Put', { key: bytes(`a${String(written % 3)}`), value: bytes(`v${String(written)}`) });
  for (const revision of [0, 1, 2, 11, 12, -1]) await hash(revision);
  for (const revision of [3, 5, 8]) await rpc.call('KV/Compact', { revision, physical: true });
  for (const revision of [0, 1, 2, 3, 4, 5, 6, 8, 9, 11, 12, -1]) await hash(revision);
  await rpc.call('Maintenance/Hash');
  await rpc.call('Maintenance/Defragment');
  await rpc.call('Maintenance/Status');
  await alarms(rpc);
  await rpc.call('Maintenance/MoveLeader');
  await rpc.call('Maintenance/MoveLeader', { targetID: 5 });
  const versions = ['', 'x', '3.5.0', '3.5', '3.4', '3.4.0', '3.6', '3.3', '4.0', '3.4.1.1', 'v3.4', '3', '-1.2'];
  for (const version of [...versions, '2.5', '3.4.5-rc.1', '3.4.5+x', '3.4.x']) {
    await rpc.call('Maintenance/Downgrade', { version });
    await rpc.call('Maintenance/Downgrade', { action: 2, version });
    if (!version.startsWith('3.4') || version === '3.4.1.1')
      await rpc.call('Maintenance/Downgrade', { action: 1, version });
  }
  await rpc.call('Maintenance/Downgrade', { action: 5 });
  for (const service of ['', 'etcdserverpb.KV', 'none']) await rpc.call('Health/Check', { service });
}

async function alarms(rpc: RpcSession): Promise<void> {
  const set = (action: number, alarm: number, memberID = 0): Promise<Fields> =>
    rpc.call('Maintenance/Alarm', { action, alarm, memberID });
  const tryAll = async (): Promise<void> => {
    const key = bytes('a');
    const put = { requestPut: { key, value: bytes('v') } };
    await rpc.call('KV/Put', { key });
    await rpc.call('KV/Put');
    await rpc.call('KV/Put', { key, lease: 5555 });
    await rpc.call('KV/Range', { key });
    await rpc.call('KV/Txn', { success: [put] });
    await rpc.call('KV/Txn', { failure: [put] });
    await rpc.call('KV/Txn', { success: [{ requestRange: { key } }] });
    await rpc.call('KV/Txn', { success: [{ requestTxn: { success: [put] } }] });
    await rpc.call('KV/Txn', { success: [{ requestDeleteRange: { key } }] });
    await rpc.call('KV/DeleteRange', { key });
    await rpc.call('KV/Compact', { revision: 1 });
    await rpc.call('Lease/LeaseGrant', { TTL: 50, ID: 77 });
    await rpc.call('Lease/LeaseRevoke', { ID: 77 });
    await rpc.call('Lease/LeaseRevoke', { ID: 78 });
    await rpc.call('Lease/LeaseTimeToLive', { ID: 78 });
    await rpc.call('Auth/RoleGet', { role: 'x' });
    await rpc.call('Lock/Unlock', { key });
    await rpc.call('Maintenance/Status');
  };
  for (const alarm of [NOSPACE, CORRUPT]) {
    await set(1, alarm);
    await set(1, alarm);
    for (const listed of [0, NOSPACE, CORRUPT]) await set(0, listed);
    await tryAll();
    await set(2, alarm, 9);
    await set(2, alarm);
    await set(2, alarm);
    await tryAll();
  }
  await set(1, NOSPACE, 5);
  await rpc.call('Maintenance/Status');
  await set(1, NOSPACE, 6);
  await set(2, NOSPACE, 5);
  await set(0, 0);
  await tryAll();
  await set(2, NOSPACE, 6);
  await tryAll();
  await set(1, CORRUPT);
  await set(1, NOSPACE);
  await tryAll();
  await set(2, CORRUPT);
  await tryAll();
  await set(2, NOSPACE);
  await set(1, 0);
  await set(2, 0);
  await set(0, 0);
}

/** Members. Nothing that would leave the real server without a majority, but for its last call. */
export async function clusterProgram(rpc: RpcSession): Promise<void> {
  const add = (peerURLs: readonly string[], isLearner = false): Promise<Fields> =>
    rpc.call('Cluster/MemberAdd', { peerURLs, isLearner });
  const list = await rpc.silently('Cluster/MemberList');
  const [self] = ('fields' in list ? list.fields['members'] : []) as readonly Fields[]; // of one member
  const ownId = self?.['ID'];
  rpc.name(String(ownId), '(own id)');
  rpc.name(`"name":"${String(self?.['name'])}"`, '"name":"(own name)"');
  for (const url of self?.['clientURLs'] as readonly string[]) rpc.name(url, '(own endpoint)'); // texts
  for (const url of self?.['peerURLs'] as readonly string[]) rpc.name(url, '(own peer URL)'); // texts
  const ownPeerUrls = self?.['peerURLs'] as readonly string[]; // texts
  await rpc.call('Cluster/MemberList');
  await rpc.call('Cluster/MemberList', { linearizable: true });

  const learner = async (peerURLs: readonly string[]): Promise<void> => {
    // Refusals need no clean-up; what is taken is removed again.
    const answer = await rpc.silently('Cluster/MemberAdd', { peerURLs, isLearner: true });
    const added = 'fields' in answer ? message(answer.fields, 'member')['ID'] : undefined;
    const urls = 'fields' in answer ? message(answer.fields, 'member')['peerURLs'] : answer;
    rpc.entries.push({ call: `learner at ${JSON.stringify(peerURLs)}`, outcome: { fields: { urls } } });
    if (added !== undefined) await rpc.silently('Cluster/MemberRemove', { ID: id(added) });
  };
  await learner([]);
  for (const url of ['bad', 'http://x', 'ftp://x:1', 'http://x:1/path', 'http://x:1/', 'http://x:y', 'localhost:1', ''])
    await learner([url]);
  const good = ['http://:1', 'https://x:1', 'http://[::1]:5', 'http://u:p@h:1', 'http://x:1?q=1', 'http://x:99999'];
  for (const url of [...good, ' http://x:1']) await learner([url]);
  await learner(['http://b:1', 'http://a:1']);
  await learner(['http://b:1', 'http://b:1']);
  await learner(['http://b:1', 'bad']);

  await add(ownPeerUrls);
  await add(ownPeerUrls, true);
  for (const ID of [id(7), id(ownId)]) {
    await rpc.call('Cluster/MemberPromote', { ID });
    await rpc.call('Cluster/MemberRemove', { ID });
  }
  await rpc.call('Cluster/MemberUpdate', { ID: 7, peerURLs: ['bad'] });
  await rpc.call('Cluster/MemberUpdate', { ID: id(ownId), peerURLs: ['http://127.0.0.1:2', 'http://127.0.0.1:1'] });
  await rpc.call('Cluster/MemberUpdate', { ID: id(ownId) });
  const answer = await rpc.silently('Cluster/MemberAdd', { peerURLs: ['http://127.0.0.1:9999'], isLearner: true });
  const added = 'fields' in answer ? message(answer.fields, 'member')['ID'] : undefined;
  rpc.name(String(added), '(learner)');
  await add(['http://127.0.0.1:9998'], true);
  await rpc.call('Cluster/MemberPromote', { ID: id(added) });
  await rpc.call('Maintenance/MoveLeader', { targetID: id(added) });
  await rpc.call('Maintenance/MoveLeader', { targetID: id(ownId) });
  await rpc.call('Cluster/MemberUpdate', { ID: id(ownId), peerURLs: ['http://127.0.0.1:9999'] });
  await rpc.call('Cluster/MemberUpdate', { ID: id(added), peerURLs: ['http://127.0.0.1:7778'] });
  const members = ((await rpc.silently('Cluster/MemberList')) as { fields: Fields }).fields['members'] as Fields[]; // two
  rpc.entries.push({ call: 'URLs', outcome: { fields: { urls: members.map((member) => member['peerURLs']).sort() } } });
  await rpc.call('Cluster/MemberRemove', { ID: id(added) });
  await rpc.call('Cluster/MemberPromote', { ID: id(added) });
}
