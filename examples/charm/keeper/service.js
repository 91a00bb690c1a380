// The service: keeps the unit's key in etcd under a lease, wherever etcd is. Run as `service.js CONNECTION_FILE KEY`.
import { connectFromFile } from 'etcd-vigil';

const [file, key] = process.argv.slice(2);
if (file === undefined || key === undefined) throw new Error('usage: service.js CONNECTION_FILE KEY');

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop.abort());

/** @param {string} text */
const log = (text) => console.log(`${new Date().toISOString()} ${text}`);

try {
  // Waits until the charm has written where etcd is, and follows it from then on.
  const etcd = await connectFromFile(file, { shards: 1, signal: stop.signal, lazy: true });
  void (async () => {
    for await (const change of etcd.status) log(change.type);
  })();
  const registration = await etcd.leases.register(key, JSON.stringify({ pid: process.pid }), { ttlSeconds: 10 });
  log(`registered as ${key}`);
  await new Promise((resolve) => {
    if (stop.signal.aborted) resolve(undefined);
    else stop.signal.addEventListener('abort', resolve);
  });
  await registration.close();
  await etcd.close();
} catch (error) {
  if (!stop.signal.aborted) throw error;
}
log('stopped');
