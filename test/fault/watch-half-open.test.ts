/**
 * Connections that stay open and carry nothing: noticed by unanswered PINGs. The tests wait for those, so they run at the
 * same time.
 */
import { connect, type ConnectOptions } from 'etcd-vigil';
import { describe, expect, it } from 'vitest';
import { EtcdProcess } from '../support/etcd.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { putMany } from '../support/load-writer.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, RawEtcd } from '../support/raw-etcd.js';
import { WatchFleet } from './watch-fleet.js';

const SHORT_PINGS = { pingIntervalMs: 5_000, pingTimeoutMs: 1_000 };

interface Case {
  readonly name: string;
  readonly options: Partial<ConnectOptions>;
  /** What happens to the first endpoint, and stays so until the test is over unless `thenRestored`. */
  readonly fault: (proxy: FaultProxy) => void;
  /** New connections through the first endpoint work again at once; otherwise only a second endpoint does. */
  readonly thenRestored: boolean;
}

const cases: readonly Case[] = [
  {
    name: 'default PINGs: a proxy that swallows bytes costs at most 45 s',
    options: {},
    fault: (proxy) => proxy.swallow(),
    thenRestored: true,
  },
  {
    name: 'short PINGs, http2: noticed in seconds',
    options: SHORT_PINGS,
    fault: (proxy) => proxy.swallow(),
    thenRestored: true,
  },
  {
    name: 'short PINGs, grpc-js: noticed in seconds',
    options: { ...SHORT_PINGS, transport: 'grpc-js' },
    fault: (proxy) => proxy.swallow(),
    thenRestored: true,
  },
  {
    name: 'swallowed towards the client only',
    options: SHORT_PINGS,
    fault: (proxy) => proxy.swallow('to-client'),
    thenRestored: true,
  },
  {
    name: 'swallowed for good: the second endpoint takes over',
    options: { ...SHORT_PINGS, connectTimeoutMs: 2_000 },
    fault: (proxy) => proxy.swallow(),
    thenRestored: false,
  },
  {
    name: 'held for good: the second endpoint takes over',
    options: { ...SHORT_PINGS, connectTimeoutMs: 2_000 },
    fault: (proxy) => proxy.hold(),
    thenRestored: false,
  },
];

describe('a half-open connection', () => {
  it.concurrent.each(cases)('$name', async ({ options, fault, thenRestored }) => {
    const server = await EtcdProcess.start();
    const proxy = await FaultProxy.start(server);
    const raw = new RawEtcd(server.address);
    const endpoints = thenRestored ? [proxy.endpoint] : [proxy.endpoint, server.endpoint];
    const etcd = await connect({ endpoints, shards: 1, ...options });
    try {
      const fleet = new WatchFleet(etcd);
      for (let index = 0; index < 50; index += 1) fleet.addKey(`open/${String(index)}`);
      const all = fleet.addPrefix('open/', prefixEnd('open/'));
      await fleet.group.ready();
      await putMany(server.address, 500, { prefix: 'open/', keys: 50 });
      const seen = fleet.recorder.count(all.watchId);
      fault(proxy);
      // Lost with the connection: what they would have brought must come again.
      await putMany(server.address, 200, { prefix: 'open/', keys: 50 });
      if (thenRestored) await proxy.restore();
      // TCP by itself would notice after a quarter of an hour: it is the PINGs that do, long before this wait ends.
      await eventually(() => fleet.recorder.count(all.watchId) >= seen + 200, { intervalMs: 50 });
      await fleet.verify(raw, await fleet.settle(raw));
      expect(fleet.living.length).toBe(51);
    } finally {
      await etcd.close();
      raw.close();
      await proxy.close();
      await server.close();
    }
  });
});
