// Holds a lease with a key on it and a thousand more, then registers this process under a key that comes back by itself.
//   node examples/leases.js     on an etcd inside the process, or on that of ETCD_ENDPOINTS
// @ts-check
import { connect } from 'etcd-vigil';
import { endpoints } from './support/endpoints.js';

const prefix = 'example/leases/';
const etcd = await connect({ endpoints });
try {
  const lease = await etcd.leases.grant({ ttlSeconds: 5 });
  await etcd.kv.put(`${prefix}mine`, 'held', { lease });
  void lease.ended.then(({ reason }) => console.log(`the lease ended: ${reason}`));

  // A worker thread renews it: this loop may be busy for longer than the TTL.
  const until = performance.now() + 6_000;
  while (performance.now() < until);
  console.log(`after a busy loop of 6 s: alive ${lease.isAlive()}, ${Math.round(lease.remainingMs)} ms left`);

  const many = await etcd.leases.grantMany(1_000, { ttlSeconds: 10 });
  console.log(`${many.aliveCount} of ${many.size} more are alive`);
  await many.revoke();
  await lease.revoke();

  const registration = await etcd.leases.register(`${prefix}here`, String(process.pid), { ttlSeconds: 5 });
  const { leaseId = 0n } = registration;
  const back = new Promise((resolve) => registration.on((event) => event.type === 'registered' && resolve(event)));
  await etcd.leases.revoke(leaseId); // as if somebody else had
  await back;
  console.log(`registered again: ${(await etcd.kv.get(`${prefix}here`))?.value.string() === String(process.pid)}`);
  await registration.close();
} finally {
  await etcd.close();
}
