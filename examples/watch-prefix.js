// Watches one prefix: every change, in order, each exactly once, also through a lost connection.
//   ETCD_ENDPOINTS=http://127.0.0.1:2379 node examples/watch-prefix.js
// @ts-check
import { connect } from 'etcd-vigil';

const prefix = 'example/watch-prefix/';
const etcd = await connect({ endpoints: process.env['ETCD_ENDPOINTS'] ?? 'http://127.0.0.1:2379' });
try {
  const watcher = etcd.watch({ prefix }, { prevKv: true });
  // From this moment on nothing is missed.
  const { startRevision } = await watcher.ready;
  console.log(`watching ${prefix} from revision ${startRevision}`);

  await etcd.kv.put(`${prefix}a`, 'one');
  await etcd.kv.put(`${prefix}a`, 'two');
  await etcd.kv.delete(`${prefix}a`);

  let seen = 0;
  // A batch is what arrived together: whole revisions. `break` cancels the watch.
  reading: for await (const batch of watcher) {
    for (const event of batch) {
      const before = event.prevKv === undefined ? 'nothing' : `'${event.prevKv.value.string()}'`;
      const now = event.type === 'put' ? `'${event.value.string()}'` : 'deleted';
      console.log(`revision ${event.modRevision}: ${event.key.string()} was ${before}, is ${now}`);
      seen += 1;
      if (seen === 3) break reading;
    }
  }
} finally {
  await etcd.close();
}
