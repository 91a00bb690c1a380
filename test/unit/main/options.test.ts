import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { defaultShards, resolveConnectOptions, type ConnectOptions } from '../../../src/main/connect-options.js';
import { WatchGroup } from '../../../src/main/watch/watch-group.js';
import { Watcher } from '../../../src/main/watch/watcher.js';
import { WatchRouter } from '../../../src/main/watch/watch-router.js';
import { RecordingLink } from './watch/batches.js';

const endpoints = 'http://127.0.0.1:2379';
const folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-options-'));
afterAll(() => rmSync(folder, { recursive: true }));

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

describe('connect', () => {
  const refused: [what: string, options: unknown, message: RegExp][] = [
    ['no options', undefined, /options must be an object, not undefined/u],
    ['no endpoints', {}, /endpoints must be/u],
    ['an empty list', { endpoints: [] }, /endpoints must name at least one/u],
    ['an endpoint with a path', { endpoints: 'http://a:1/x' }, /has a path/u],
    ['an unknown option', { endpoints, shard: 2 }, /unknown option 'shard'; did you mean 'shards'\?/u],
    ['an option named as what every object has', { endpoints, toString: 2 }, /unknown option 'toString'/u],
    ['an option named __proto__', JSON.parse('{"__proto__":{"shards":2}}'), /unknown option '__proto__'/u],
    ['an unknown option far from any', { endpoints, zzzzzzzzz: 2 }, /unknown option 'zzzzzzzzz'; known are endpoints/u],
    ['no shards', { endpoints, shards: 0 }, /shards must be a whole number from 1 to 64, or 'inline', not 0/u],
    ['half a shard', { endpoints, shards: 1.5 }, /shards must be/u],
    ['too many shards', { endpoints, shards: 65 }, /shards must be/u],
    ['another word', { endpoints, shards: 'auto' }, /shards must be .* not 'auto'/u],
    ['another transport', { endpoints, transport: 'http3' }, /transport must be 'http2' or 'grpc-js', not 'http3'/u],
    ['pings that etcd punishes', { endpoints, pingIntervalMs: 4_999 }, /pingIntervalMs must be .* from 5000/u],
    ['a time limit of nothing', { endpoints, connectTimeoutMs: 0 }, /connectTimeoutMs must be .* from 1 to/u],
    ['a time limit in text', { endpoints, requestTimeoutMs: '5' }, /requestTimeoutMs .* not a value of type string/u],
    ['an empty name', { endpoints, name: '' }, /name must be a string that is not empty/u],
    ['a window beyond HTTP/2', { endpoints, streamWindowBytes: 2 ** 31 }, /streamWindowBytes must be/u],
    [
      'a connection window below the stream’s',
      { endpoints, streamWindowBytes: 1e6, connectionWindowBytes: 9e5 },
      /connectionWindowBytes must be at least streamWindowBytes \(1000000\)/u,
    ],
    ['a wait of minutes', { endpoints, flushIntervalMs: 60_000 }, /flushIntervalMs must be .* from 0 to 100/u],
    ['lazy as text', { endpoints, lazy: 'yes' }, /lazy must be true or false/u],
    ['another signal', { endpoints, signal: {} }, /signal must be an AbortSignal/u],
    ['tls without encryption', { endpoints, tls: {} }, /endpoint 'http:\/\/127.0.0.1:2379' is not encrypted/u],
    [
      'an unknown tls option',
      { endpoints: 'https://a:1', tls: { cafile: 'x' } },
      /tls: unknown option 'cafile'; did you mean 'caFile'/u,
    ],
    [
      'a certificate without key',
      { endpoints: 'https://a:1', tls: { cert: PEM } },
      /tls.cert is given without tls.key/u,
    ],
    ['text that is no PEM', { endpoints: 'https://a:1', tls: { ca: 'secret words' } }, /tls.ca holds no PEM block/u],
    [
      'both forms',
      { endpoints: 'https://a:1', tls: { ca: PEM, caFile: 'x' } },
      /tls.ca and tls.caFile are both given/u,
    ],
    [
      'a file that is not there',
      { endpoints: 'https://a:1', tls: { caFile: '/nowhere/ca.pem' } },
      /tls.caFile '\/nowhere\/ca.pem' cannot be read: ENOENT/u,
    ],
    ['a PEM that is none inside', { endpoints: 'https://a:1', tls: { ca: PEM } }, /tls.ca .* cannot be read/u],
  ];
  test.each(refused)('refuses %s', async (_what, options, message) => {
    const failing = resolveConnectOptions(options as ConnectOptions); // wrong on purpose
    await expect(failing).rejects.toMatchObject({ code: 'invalid-argument', outcome: 'not-sent' });
    await expect(failing).rejects.toThrow(message);
  });

  test('never repeats a secret in its messages', async () => {
    const file = join(folder, 'key.pem');
    writeFileSync(file, 'my-private-words');
    const failing = resolveConnectOptions({ endpoints: 'https://a:1', tls: { keyFile: file } });
    await expect(failing).rejects.toThrow(file);
    await expect(failing).rejects.not.toThrow(/my-private-words/u);
  });

  test('fills in what is not given', async () => {
    const resolved = await resolveConnectOptions({ endpoints: ['a:1', 'b:2'], name: undefined });
    expect(resolved.settings).toMatchObject({
      transport: 'http2',
      tls: undefined,
      connectTimeoutMs: 5_000,
      pingIntervalMs: 30_000,
      pingTimeoutMs: 10_000,
      streamWindowBytes: 4_194_304,
      connectionWindowBytes: 8_388_608,
      maxMessageBytes: 536_870_912,
    });
    expect(resolved.limits).toMatchObject({ creditBytes: 8_388_608, maxRevisionBytes: 268_435_456 });
    expect([1, 2, 4, 64].map((cores) => defaultShards(cores))).toEqual([1, 1, 3, 4]);
    expect(resolved.lazy).toBe(false);
  });

  test('lets events wait longer for each other inline, or as long as it is told', async () => {
    const intervalOf = async (options: Partial<ConnectOptions>): Promise<number> =>
      (await resolveConnectOptions({ endpoints: 'a:1', ...options })).limits.flushIntervalMs;
    expect(await intervalOf({ shards: 2 })).toBe(20);
    expect(await intervalOf({ shards: 'inline' })).toBe(50);
    expect(await intervalOf({ shards: 'inline', flushIntervalMs: 0 })).toBe(0);
  });
});

describe('watches and groups', () => {
  const link = new RecordingLink();
  const router = new WatchRouter([link]);
  const refused: [what: string, run: (wrong: never) => unknown, options: unknown, message: RegExp][] = [
    [
      'a start of 0',
      (wrong) => new Watcher(router, 'k', wrong, noLag),
      { startRevision: 0n },
      /watch: startRevision must be a bigint from 1n/u,
    ],
    [
      'a start that is a number',
      (wrong) => new Watcher(router, 'k', wrong, noLag),
      { startRevision: 7 },
      /startRevision must be a bigint/u,
    ],
    [
      'a start beyond all revisions',
      (wrong) => new Watcher(router, 'k', wrong, noLag),
      { startRevision: 2n ** 60n },
      /startRevision must be at most/u,
    ],
    [
      'another filter',
      (wrong) => new Watcher(router, 'k', wrong, noLag),
      { events: 'puts' },
      /events must be 'all' or 'put' or 'delete', not 'puts'/u,
    ],
    [
      'a budget of nothing',
      (wrong) => new Watcher(router, 'k', wrong, noLag),
      { budgetBytes: 0 },
      /budgetBytes must be .* from 1024/u,
    ],
    [
      'a misspelt option',
      (wrong) => new Watcher(router, 'k', wrong, noLag),
      { prevKV: true },
      /unknown option 'prevKV'; did you mean 'prevKv'/u,
    ],
    ['an empty key', (wrong) => new Watcher(router, wrong, {}, noLag), '', /must not be empty/u],
    [
      'a range that is none',
      (wrong) => new Watcher(router, wrong, {}, noLag),
      { from: 'b', to: 'a' },
      /range.from must be below/u,
    ],
    ['no range', (wrong) => new Watcher(router, wrong, {}, noLag), 5, /range must be/u],
    [
      'a callback that is none',
      (wrong) => new WatchGroup(router, wrong, noLag),
      { onBatch: 'x' },
      /watchGroup: onBatch must be a function/u,
    ],
    [
      'a policy that is none',
      (wrong) => new WatchGroup(router, wrong, noLag),
      { onLag: 'drop' },
      /onLag must be 'pause' or 'fail'/u,
    ],
    [
      'a label out of range',
      (wrong) => new WatchGroup(router, {}, noLag).add('k', wrong),
      { watchId: 2n ** 63n },
      /add: watchId must be a bigint from/u,
    ],
    [
      'an option of another call',
      (wrong) => new WatchGroup(router, {}, noLag).add('k', wrong),
      { onBatch: () => undefined },
      /add: unknown option 'onBatch'/u,
    ],
  ];
  test.each(refused)('refuse %s, and nothing is sent', async (_what, run, options, message) => {
    expect(() => run(options as never)).toThrow(message);
    await new Promise((resolve) => setImmediate(resolve));
    expect(link.sent).toEqual([]);
    expect(router.size).toBe(0);
  });
});

function noLag(): void {
  throw new Error('nothing lags here');
}
