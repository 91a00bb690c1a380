// A watch whose stream is cut, compared with the ledger of the server: docs/guide/testing.md.
import { connect } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { FaultKit, findLosses } from 'etcd-vigil/testing';

const server = await EmbeddedEtcd.start();
const kit = FaultKit.of(server);
const etcd = await connect({ endpoints: server.endpoints, shards: 'inline' });

await kit.startLedger();
// The fourth answer with events is the last of its stream.
const cut = await kit.inject({ rpc: 'Watch/Watch', at: 'events', skip: 3, action: { kind: 'cut', what: 'call' } });

const watcher = etcd.watch({ prefix: 'jobs/' });
await watcher.ready;
for (let n = 0; n < 20; n += 1) await etcd.kv.put(`jobs/${n % 5}`, String(n));

const seen = [];
for await (const batch of watcher) {
  for (const event of batch) seen.push({ type: event.type, revision: event.modRevision, key: event.key });
  if (seen.length >= 20) break;
}
console.log(findLosses(await kit.ledger(), seen, { prefix: 'jobs/' }));
console.log('cut', await cut.strikes(), 'time');

await etcd.close();
await server.close();
