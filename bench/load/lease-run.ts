/** One run of a lease bench: one client, alone; etcd itself says at the end how many leases are left. */
import type { LeaseBench } from './benches.js';
import { Child, RunError } from './child.js';
import type { FromClient, ToClient } from './messages.js';
import { codec, RawClient } from './protocol.js';
import type { Row, RunContext } from './watch-run.js';

const GRANT_TIMEOUT_MS = 300_000;
const WINDOW_SLACK_MS = 120_000;

const clientScript = new URL('client-process.js', import.meta.url);
const leasesRequest = codec<unknown>('etcdserverpb.LeaseLeasesRequest');
const leasesResponse = codec<{ readonly leases: readonly unknown[] }>('etcdserverpb.LeaseLeasesResponse');

export async function runLease(bench: LeaseBench, context: RunContext): Promise<Row> {
  const { server, client: name } = context;
  const before = await leasesOn(server.endpoint);
  const client = new Child<ToClient, FromClient>(name, clientScript, context.execArgv);
  try {
    const { leases, ttlSeconds, windowSeconds } = bench;
    client.send({
      kind: 'task',
      task: { kind: 'lease', client: name, endpoint: server.endpoint, leases, ttlSeconds, windowSeconds },
    });
    const granted = await client.next('granted', GRANT_TIMEOUT_MS);
    client.send({ kind: 'start', events: 0 });
    const kept = await client.next('kept', windowSeconds * 1_000 + WINDOW_SLACK_MS);
    const alive = (await leasesOn(server.endpoint)) - before;
    client.send({ kind: 'leave' });
    const { figures, keepAlives } = kept;
    // A peer's loss is a figure; ours would be a bug, and no figure stands beside it.
    if (name.startsWith('vigil') && (granted.granted !== leases || alive !== leases))
      throw new RunError(`${name}: ${String(granted.granted)} of ${String(leases)} granted, ${String(alive)} alive`);
    return {
      granted: granted.granted,
      grantMs: granted.figures.wallMs,
      grantCpuUs: (granted.figures.cpuMs * 1_000) / leases,
      keepAlivesPerSecond: (keepAlives / figures.wallMs) * 1_000,
      ...(keepAlives === 0 ? {} : { cpuUsPerKeepAlive: (figures.cpuMs * 1_000) / keepAlives }),
      ...(figures.mainMs === undefined ? {} : { mainPercent: (figures.mainMs / figures.wallMs) * 100 }),
      lost: leases - alive,
      rssMiB: kept.peakRssMiB,
    };
  } finally {
    await client.leave();
  }
}

async function leasesOn(endpoint: string): Promise<number> {
  const client = new RawClient(endpoint);
  try {
    return (await client.unary('Lease/LeaseLeases', leasesRequest, leasesResponse, {})).leases.length;
  } finally {
    client.close();
  }
}
