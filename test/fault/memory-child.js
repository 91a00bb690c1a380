/**
 * The process whose memory is measured: an engine with one watch that nobody reads until it is told to. Plain JavaScript,
 * run with --expose-gc; talks with memory-scenario.ts over IPC.
 */
import { connect } from 'etcd-vigil';

/**
 * @typedef {object} Instructions
 * @property {string} endpoint
 * @property {string} prefix
 * @property {number} shards
 * @property {'pause' | 'fail'} onLag
 * @property {'unread' | 'blocked'} mode `blocked`: the main thread runs a loop for `blockMs` once events come.
 * @property {number} blockMs
 */

const [text = ''] = process.argv.slice(2);
/** @type {Instructions} */
const { endpoint, prefix, shards, onLag, mode, blockMs } = JSON.parse(text);

const collect = () => {
  globalThis.gc?.();
  globalThis.gc?.();
};

const etcd = await connect({ endpoints: endpoint, shards });
let events = 0;
let last = 0n;
let blocked = false;
/** @type {number | undefined} The peak before reading, where reading begins by itself. */
let unreadPeak;
/** @type {string[]} */
const problems = [];
/** @param {import('etcd-vigil').WatchBatch} batch */
const take = (batch) => {
  let previous = 0n;
  for (const event of batch) {
    events += 1;
    const revision = event.modRevision;
    // Each revision of the load is a transaction of its own: none may be missing, come twice or come apart.
    if (revision !== previous && revision !== last + 1n && last !== 0n) problems.push(`${last} then ${revision}`);
    if (revision === last && previous === 0n) problems.push(`${revision} came in two batches`);
    previous = revision;
    last = revision;
  }
  if (mode === 'blocked' && !blocked) {
    blocked = true;
    const until = performance.now() + blockMs;
    while (performance.now() < until);
    unreadPeak = process.memoryUsage.rss(); // what piled up behind the block; from here on it is read
  }
};
const watcher = etcd.watch({ prefix }, mode === 'blocked' ? { onBatch: take } : { onLag });
await watcher.ready;
collect();
const baseline = process.memoryUsage.rss();
let peak = baseline;
const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 50);
/** @param {object} message */
const tell = (message) =>
  process.send?.({
    ...message,
    baseline,
    peak,
    unreadPeak: unreadPeak ?? peak,
    events,
    last: String(last),
    problems: problems.slice(0, 5),
  });

void watcher.ended.then((end) =>
  tell({ kind: 'ended', reason: end.reason, code: end.reason === 'failed' ? end.error.code : undefined }),
);
/** @param {{ kind: 'figures' | 'read' | 'close', until: string }} message */
const obey = async ({ kind, until }) => {
  if (kind === 'figures') {
    const { queuedBytes, laggingWatchers } = await etcd.stats();
    tell({ kind: 'figures', queuedBytes, laggingWatchers });
  } else if (kind === 'read') {
    const target = BigInt(until);
    if (mode === 'unread') {
      try {
        for await (const batch of watcher) {
          take(batch);
          if (last >= target) break;
        }
      } catch (error) {
        // The loop throws what ended the watch, after everything before it; `ended` tells the same.
        if (onLag !== 'fail') throw error;
      }
    } else while (last < target) await new Promise((resolve) => setTimeout(resolve, 20));
    tell({ kind: 'read' });
  } else {
    clearInterval(sampling);
    await etcd.close();
    process.disconnect();
  }
};
// memory-scenario.ts sends nothing else.
process.on('message', (message) => void obey(/** @type {Parameters<typeof obey>[0]} */ (message)));
tell({ kind: 'ready' });
