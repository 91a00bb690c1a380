/**
 * Entry of a shard's thread in a bundle, where there is no file for piscina to load: scripts/thread-sources.js makes one text
 * of it, from which main starts the thread. An error ends the thread, which main is told by node:worker_threads.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { runShard, type ShardTask } from './shard.js';

void runShard(workerData as ShardTask).then(() => {
  parentPort?.postMessage('over');
});
