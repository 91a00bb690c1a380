/** An engine that follows a connection file or a relation: first offer, changes, junk, withdrawn and back, another cluster. */
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectFromFile, connectFromRelation, type Etcd } from 'etcd-vigil';
import { writeConnectionFile, type EtcdConnectionInfo } from 'etcd-vigil/relation';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StatusLog } from '../fault/status-log.js';
import { EtcdCluster } from '../support/etcd-cluster.js';
import { EtcdProcess } from '../support/etcd.js';
import { eventually } from '../support/poll.js';

let cluster: EtcdCluster;
let other: EtcdProcess;
let folder: string;
let path: string;
const opened: Etcd[] = [];

beforeAll(async () => {
  [cluster, other] = await Promise.all([EtcdCluster.start(), EtcdProcess.start()]);
});
afterAll(async () => {
  await Promise.all([cluster.close(), other.close()]);
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-follow-'));
  path = join(folder, 'etcd.json');
});
afterEach(async () => {
  for (const etcd of opened.splice(0)) await etcd.close();
  rmSync(folder, { recursive: true, force: true });
});

function info(...endpoints: string[]): EtcdConnectionInfo {
  const source = { protocol: 'etcd', relationId: 'etcd:1', member: 'etcd/0' } as const;
  return { endpoints, version: '3.5.0', tls: undefined, isComplete: true, username: undefined, source };
}

async function following(): Promise<{ etcd: Etcd; status: StatusLog }> {
  const etcd = await connectFromFile(path, { shards: 'inline' });
  opened.push(etcd);
  return { etcd, status: new StatusLog(etcd) };
}

describe('a connection file', () => {
  it('is waited for, and followed when it is exchanged', async () => {
    const [first = '', second = ''] = cluster.endpoints;
    const waiting = following();
    writeFileSync(path, '{"format": "etcd-vi');
    await writeConnectionFile(path, undefined);
    expect(await writeConnectionFile(path, info(first))).toEqual({ changed: true });
    expect(await writeConnectionFile(path, info(first))).toEqual({ changed: false });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const { etcd, status } = await waiting;
    await etcd.kv.put('file', '1');
    await writeConnectionFile(path, info(second, first));
    await eventually(() => status.has('settings-changed'));
    expect(status.of('settings-changed')[0]).toMatchObject({
      source: 'connection-file',
      endpoints: [second, first],
      answered: [second, first],
    });
  });

  it('that is half-written, junk, newer or gone leaves the last good settings in use', async () => {
    await writeConnectionFile(path, info(...cluster.endpoints));
    const { etcd, status } = await following();
    const texts = [
      '{"format": "etcd-vigil/connection", "vers',
      'junk',
      '[]',
      '{"format": "etcd-vigil/connection", "version": 2}',
    ];
    for (const [index, text] of texts.entries()) {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
      await eventually(() => status.of('settings-refused').length > index);
      await etcd.kv.put('file', String(index));
    }
    rmSync(path);
    await eventually(() => status.of('settings-refused').at(-1)?.error.code === 'file-failed');
    expect(new Set(status.of('settings-refused').map(({ error }) => error.code))).toEqual(
      new Set(['invalid-argument', 'file-failed']),
    );
    await etcd.kv.put('file', 'gone');
    expect(status.has('settings-changed')).toBe(false);
  });

  it('that offers nothing is told, everything goes on, and what is back is told', async () => {
    await writeConnectionFile(path, info(...cluster.endpoints));
    const { etcd, status } = await following();
    const lease = await etcd.leases.grant({ ttlSeconds: 5 });
    await writeConnectionFile(path, undefined);
    await eventually(() => status.has('settings-withdrawn'));
    await etcd.kv.put('file', 'goes on');
    await writeConnectionFile(path, info(...cluster.endpoints));
    await eventually(() => status.has('settings-restored'));
    expect(lease.isAlive()).toBe(true);
  });

  it('of another cluster is refused', async () => {
    await writeConnectionFile(path, info(...cluster.endpoints));
    const { etcd, status } = await following();
    await writeConnectionFile(path, info(other.endpoint));
    await eventually(() => status.of('settings-refused').some(({ error }) => error.code === 'cluster-mismatch'));
    await etcd.kv.put('file', 'here');
  });

  it('is no longer watched once the engine is closed, or waiting is given up', async () => {
    const giveUp = new AbortController();
    const waiting = connectFromFile(path, { signal: giveUp.signal });
    giveUp.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' });
    await writeConnectionFile(path, info(...cluster.endpoints));
    const { etcd, status } = await following();
    await etcd.close();
    await writeConnectionFile(path, info(other.endpoint));
    expect(status.all.at(-1)?.type).toBe('closed');
  });
});

describe('a relation', () => {
  it('is followed from its first offer on', async () => {
    const [first = '', second = ''] = cluster.endpoints;
    let offered: EtcdConnectionInfo | undefined;
    let tell: (connection: EtcdConnectionInfo | undefined) => void = () => undefined;
    const offer = (connection: EtcdConnectionInfo | undefined): void => {
      offered = connection;
      tell(connection);
    };
    const requires = {
      connection: () => offered,
      onConnection: (listener: typeof tell) => {
        tell = listener;
        return () => {
          tell = () => undefined;
        };
      },
    };
    const waiting = connectFromRelation(requires, { shards: 'inline' });
    offer(info(first));
    const etcd = await waiting;
    opened.push(etcd);
    const status = new StatusLog(etcd);
    offer(info(second));
    await eventually(() => status.has('settings-changed'));
    // Half a bundle: connecting with it could only fail, so everything goes on with the last settings.
    offer({ ...info(first), isComplete: false });
    await eventually(() => status.has('settings-withdrawn'));
    expect(status.of('settings-changed')).toHaveLength(1);
    offer(info(second));
    await eventually(() => status.has('settings-restored'));
    offer(undefined);
    await eventually(() => status.of('settings-withdrawn').length === 2);
    await etcd.kv.put('relation', '1');
  });
});
