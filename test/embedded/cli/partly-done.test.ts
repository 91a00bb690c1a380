/** What a command tells where only a part of it can be done: a lease that is not there, a result that cannot be printed. */
import { connect, type Etcd } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vigilRun } from '../../integration/cli-process.js';
import { startVigil } from '../../integration/cli-streams.js';

describe('a command that is done in part', () => {
  let server: EmbeddedEtcd;
  let etcd: Etcd;
  let endpoint = '';

  beforeAll(async () => {
    server = await EmbeddedEtcd.start();
    endpoint = server.endpoints[0] ?? '';
    etcd = await connect({ endpoints: endpoint, shards: 'inline' });
  });
  afterAll(async () => {
    await etcd.close();
    await server.close();
  });

  it('revokes the leases that are there, and names the one that is not, with exit code 1', async () => {
    for (const leaseId of [201n, 203n]) (await etcd.leases.grant({ ttlSeconds: 600, leaseId })).release();
    const { code, stdout, stderr } = await vigilRun(['lease', 'revoke', '201', '999', '203', '--endpoints', endpoint]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'revoked 201\nrevoked 203\n' });
    expect(stderr).toMatch(/^vigil: [^\n]*lease 999\b[^\n]* \[lease-not-found\]\n$/);
  });

  it('says that the key is written, or deleted, where the disk of its output is full', async () => {
    const put = startVigil(['put', 'full', '1', '--endpoints', endpoint], { stdout: 'full' });
    expect((await put.ended).code).toBe(1);
    const revision = (await etcd.kv.get('full'))?.modRevision ?? 0n;
    expect(revision).toBeGreaterThan(0n);
    expect(put.text.stderr).toBe(
      `vigil: what was asked is done: the key was written in revision ${String(revision)}\nvigil: stdout cannot be written (ENOSPC)\n`,
    );
    const del = startVigil(['del', 'full', '--endpoints', endpoint], { stdout: 'full' });
    expect((await del.ended).code).toBe(1);
    expect(del.text.stderr).toContain(`1 key was deleted in revision ${String(revision + 1n)}`);
  });
});
