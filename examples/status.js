// What the engine tells of itself: changes of state as they happen, and figures.
//   node examples/status.js     on an etcd inside the process, or on that of ETCD_ENDPOINTS
// @ts-check
import { connect, connection } from 'etcd-vigil';
import { endpoints } from './support/endpoints.js';

// Lazy: nothing is contacted before it is needed, so that the loop below sees everything.
await connect({ endpoints, name: 'main', lazy: true });

// Anywhere in the process:
const etcd = connection('main');

const listening = (async () => {
  for await (const status of etcd.status) {
    switch (status.type) {
      case 'connected':
        console.log(`shard ${status.shard} has a ${status.lane} stream to ${status.endpoint} (etcd ${status.version})`);
        break;
      case 'shard-ready':
        console.log(`shard ${status.shard} runs`);
        break;
      default:
        console.log(status.type);
    }
  }
})();

try {
  const watcher = etcd.watch({ prefix: 'example/status/' });
  await watcher.ready;
  const { shards, watchers } = await etcd.stats();
  console.log(`${watchers} watch on ${shards.length} shard(s)`);
  for (const { shard, state, stats } of shards) {
    if (stats === undefined) console.log(`shard ${shard}: ${state}`);
    else console.log(`shard ${shard}: ${stats.streams.live} live stream(s), ${stats.busyMs.toFixed(0)} ms of CPU`);
  }
} finally {
  await etcd.close();
}
// The last status is `closed`; then the loop ends.
await listening;
