/** Behind etcd's own grpc-proxy, which gives watch ids of its own, joins watches of one range and makes answers up for them. */
import { connect, type Etcd } from 'etcd-vigil';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StatusLog } from '../fault/status-log.js';
import { GrpcProxy } from '../support/grpc-proxy.js';
import { eventually } from '../support/poll.js';
import { suiteEtcd } from '../support/suite-etcd.js';

describe.each([1, 'inline'] as const)('watches behind a grpc-proxy, with shards %s', (shards) => {
  const server = suiteEtcd();
  let proxy: GrpcProxy;
  let etcd: Etcd;
  let status: StatusLog;

  beforeEach(async () => {
    proxy = await GrpcProxy.start(server());
    etcd = await connect({ endpoints: proxy.endpoint, shards });
    status = new StatusLog(etcd);
  });
  afterEach(async () => {
    await etcd.close();
    await proxy.close();
  });

  test('several of one range go on when the proxy is restarted, and so do the others', async () => {
    const { header } = await etcd.kv.put('same/a', '0');
    const start = { startRevision: header.revision + 1n };
    const seen = [0, 1, 2, 3].map((): string[] => []);
    const ends: string[] = [];
    const watchers = seen.map((values, index) =>
      etcd.watch(index === 3 ? { prefix: 'other/' } : { prefix: 'same/' }, {
        ...(index === 3 ? {} : start),
        onBatch: (batch) => void values.push(...Array.from(batch, ({ value }) => value.string())),
      }),
    );
    for (const { ended } of watchers) void ended.then(({ reason }) => ends.push(reason));
    await Promise.all(watchers.map(({ ready }) => ready));
    await proxy.stop();
    await eventually(() => status.has('disconnected'));
    await proxy.launch();
    await eventually(() => status.has('resumed'));
    await etcd.kv.put('same/a', '1', { timeoutMs: 60_000 });
    await etcd.kv.put('other/a', '1', { timeoutMs: 60_000 });
    await eventually(() => seen.every((values) => values.length > 0));
    expect(seen).toEqual([['1'], ['1'], ['1'], ['1']]);
    expect(ends).toEqual([]);
    expect(status.has('store-reset')).toBe(false);
  });

  test('progress is refused as unimplemented instead of timing out', async () => {
    const watcher = etcd.watch('k', { onBatch: () => undefined });
    await watcher.ready;
    await expect(watcher.progress({ timeoutMs: 120_000 })).rejects.toMatchObject({ code: 'unimplemented' });
  });
});
