// Watches one prefix: every change, in order, each exactly once, also through a lost connection.
//   node examples/watch-prefix.js     on an etcd inside the process, or on that of ETCD_ENDPOINTS
// @ts-check
import { connect } from 'etcd-vigil';
import { endpoints } from './support/endpoints.js';

const prefix = 'example/watch-prefix/';
const etcd = await connect({ endpoints });
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
