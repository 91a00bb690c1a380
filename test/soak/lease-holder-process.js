// Holds leases in a process of its own, so that its memory and CPU are the engine's: endpoint, leases, TTL, seconds, and
// how long to wait before CPU is measured (V8 collects what the start has left in the first 40 s, leases or none).
// @ts-check
import { connect } from 'etcd-vigil';

const [endpoint = '', leases = '1000', ttlSeconds = '15', seconds = '60', warmUpSeconds = '0'] = process.argv.slice(2);
const etcd = await connect({ endpoints: endpoint, shards: 1 });
const many = await etcd.leases.grantMany(Number(leases), { ttlSeconds: Number(ttlSeconds), timeoutMs: 600_000 });
/** @type {string[]} */
const ends = [];
many.onEnded(({ reason }) => ends.push(reason));
await new Promise((resolve) => setTimeout(resolve, Number(warmUpSeconds) * 1_000));
const cpu = process.cpuUsage();
const loop = performance.eventLoopUtilization();
await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1_000));
const { user, system } = process.cpuUsage(cpu);
const mainBusy = performance.eventLoopUtilization(loop).utilization;
const alive = many.aliveCount;
const known = new Set();
for await (const leaseId of etcd.leases.list()) known.add(leaseId);
const missing = Array.from({ length: many.size }, (_, index) => many.leaseIdAt(index)).filter((id) => !known.has(id));
console.log(
  JSON.stringify({
    alive,
    ends: ends.length,
    missing: missing.length,
    rssBytes: process.resourceUsage().maxRSS * 1_024, // the peak, granting included
    mainBusy,
    cpuMs: (user + system) / 1e3,
  }),
);
many.release();
await etcd.close();
