/** A lease bench as the client's process runs it: grants, then a window of renewals with nothing else to do. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Parent } from './client-process.js';
import { loadLeaseClient } from './clients/lease-clients.js';
import { Meter, peakRssMiB, rssMiB } from './figures.js';
import type { ClientTask } from './messages.js';

export async function runLeaseTask(
  task: Extract<ClientTask, { readonly kind: 'lease' }>,
  parent: Parent,
): Promise<void> {
  const client = await loadLeaseClient(task.client);
  await client.connect(task.endpoint);
  const granting = new Meter();
  const granted = await client.grant(task.leases, task.ttlSeconds);
  parent.send({ kind: 'granted', figures: granting.read(), granted });
  await parent.next('start');
  const before = await client.counts();
  const meter = new Meter();
  await sleep(task.windowSeconds * 1_000);
  const figures = meter.read();
  const after = await client.counts();
  parent.send({
    kind: 'kept',
    figures,
    keepAlives: after.keepAlives - before.keepAlives,
    lost: after.lost,
    rssMiB: rssMiB(),
    peakRssMiB: peakRssMiB(),
  });
  // The leases are counted on the server before they may end.
  await parent.next('leave');
  await client.close();
}
