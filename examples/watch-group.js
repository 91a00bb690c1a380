// Watches thousands of ranges with one consumer. Adding them costs one write to the server; their streams run in worker threads.
//   node examples/watch-group.js     on an etcd inside the process, or on that of ETCD_ENDPOINTS
// @ts-check
import { connect, put } from 'etcd-vigil';
import { endpoints } from './support/endpoints.js';

const prefix = 'example/watch-group/';
const ranges = 2_000;
const etcd = await connect({ endpoints });
try {
  // Resolved by the callback below, when as many events have come as were written.
  let done = () => {};
  const complete = new Promise((/** @type {(value?: undefined) => void} */ resolve) => (done = resolve));

  let events = 0;
  /** @type {Set<bigint>} */
  const watches = new Set();
  const group = etcd.watchGroup({
    onBatch: (batch) => {
      for (const part of batch) {
        watches.add(part.watchId);
        for (const event of part.events) if (event.type === 'put') events += 1;
      }
      if (events >= ranges) done();
    },
    onEnd: (member, end) => {
      if (end.reason !== 'cancelled') console.error(`watch ${member.watchId} ended: ${end.error.code}`);
    },
  });

  const started = performance.now();
  for (let i = 0; i < ranges; i += 1) group.add({ prefix: `${prefix}${i}/` }, { watchId: BigInt(i) });
  await group.ready();
  console.log(`${group.size} watches created in ${(performance.now() - started).toFixed(0)} ms`);

  for (let from = 0; from < ranges; from += 100) {
    const puts = Array.from({ length: 100 }, (_, i) => put(`${prefix}${from + i}/key`, 'value'));
    await etcd.kv
      .txn()
      .then(...puts)
      .commit();
  }
  await complete;
  console.log(`${events} events of ${watches.size} watches`);

  // One of them is not needed any more; the others stay.
  await group.cancel(7n);
  console.log(`${group.size} watches are left`);

  await group.close();
  await etcd.kv.delete({ prefix });
} finally {
  await etcd.close();
}
