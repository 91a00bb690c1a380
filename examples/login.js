// Turns authentication on, and works as a user who has no rights but on its own keys.
//   node examples/login.js     on an etcd inside the process; never on that of ETCD_ENDPOINTS, whose users are not ours
// @ts-check
import { connect, EtcdError } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';

const server = await EmbeddedEtcd.start();
const [endpoint = ''] = server.endpoints;
/** @param {unknown} error */
const codeOf = (error) => (error instanceof EtcdError ? error.code : String(error));

/**
 * Users and roles are set up over etcd's JSON gateway.
 * @param {string} path
 * @param {object} body
 */
async function admin(path, body) {
  const response = await fetch(`${endpoint}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

const base64 = (/** @type {string} */ text) => Buffer.from(text).toString('base64');
await admin('auth/user/add', { name: 'root', password: 'root-password' });
await admin('auth/user/grant', { user: 'root', role: 'root' });
await admin('auth/user/add', { name: 'app', password: 'app-password' });
await admin('auth/role/add', { name: 'app' });
const keys = { key: base64('app/'), range_end: base64('app0') };
await admin('auth/role/grant', { name: 'app', perm: { permType: 'READWRITE', ...keys } });
await admin('auth/user/grant', { user: 'app', role: 'app' });
await admin('auth/enable', {});

try {
  await connect({ endpoints: server.endpoints, auth: { username: 'app', password: 'wrong' } });
} catch (error) {
  console.log(`with a wrong password: ${codeOf(error)}`);
}

const etcd = await connect({ endpoints: server.endpoints, auth: { username: 'app', password: 'app-password' } });
try {
  const watcher = etcd.watch({ prefix: 'app/' });
  await watcher.ready;
  await etcd.kv.put('app/greeting', 'hello');
  for await (const batch of watcher) {
    for (const event of batch) console.log(`seen: ${event.key.string()} = ${event.value.string()}`);
    break;
  }
  const lease = await etcd.leases.grant({ ttlSeconds: 5 });
  console.log(`a lease is held: ${lease.isAlive()}`);
  await etcd.kv.put('other', 'x').catch((/** @type {unknown} */ error) => {
    console.log(`somebody else's key: ${codeOf(error)}`);
  });
} finally {
  await etcd.close();
  await server.close();
}
