/** The life of a shard around its parts: what happens when one of them throws. */
import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import type { ShardInit, ShardReport } from '../../../src/wire/contract.js';
import { EtcdError } from '../../../src/wire/errors.js';
import { LeaseState } from '../../../src/wire/lease-state.js';
import { CommandLoop } from '../../../src/workers/command-loop.js';
import type { GrpcConnection, OpenConnection } from '../../../src/grpc/grpc-connection.js';

const { port1: main, port2: shard } = new MessageChannel();

afterEach(() => {
  main.close();
  shard.close();
});

const INIT: ShardInit = {
  shard: 0,
  auth: undefined,
  epoch: 1,
  settings: {
    endpoints: [{ kind: 'tcp', text: 'a:1', host: 'a', port: 1, tls: false }],
    tls: undefined,
    transport: 'http2',
    connectTimeoutMs: 1_000,
    pingIntervalMs: 30_000,
    pingTimeoutMs: 10_000,
    streamWindowBytes: 1 << 20,
    connectionWindowBytes: 1 << 20,
    maxMessageBytes: 1 << 20,
  },
  firstEndpoint: 0,
  warmMs: 0,
  limits: { creditBytes: 1e6, maxRevisionBytes: 1e6, flushBytes: 1e6, flushEvents: 1e3, flushIntervalMs: 5 },
  storeMark: undefined,
  leaseState: LeaseState.allocate(8).buffer,
};

it('an exception in a timer ends the shard with it, and `stopped` is its last word', async () => {
  const reports: ShardReport[] = [];
  main.on('message', (report: ShardReport) => reports.push(report));
  const failed = new EtcdError('nobody there', { code: 'connect-failed' });
  const dead: Pick<GrpcConnection, 'ready' | 'close'> = { ready: () => Promise.reject(failed), close: () => undefined };
  let opened = 0;
  const open: OpenConnection = () => {
    opened += 1;
    // The second attempt comes from a timer, after the first has failed.
    if (opened === 2) throw new TypeError('a bug');
    return dead as GrpcConnection; // nothing else of it is used before it is ready
  };
  const ended = new CommandLoop(shard, INIT, open, 'own').run();
  main.postMessage({ kind: 'grant', slots: Uint32Array.of(0), drawn: true, timeoutMs: 5_000, resumed: false });
  await expect(ended).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('a bug') as string });
  await expect.poll(() => reports.at(-1)?.kind).toBe('stopped');
});
