/** `vigil demo` on a real etcd; all else about it is tested on the embedded server (test/embedded/cli). */
import { connect } from 'etcd-vigil';
import { describe, expect, it } from 'vitest';
import { suiteEtcd } from '../support/suite-etcd.js';
import { vigilRun } from './cli-process.js';

describe('vigil demo on a given etcd', () => {
  const etcd = suiteEtcd();

  it('passes its check, touches no key but its own, and deletes those', async () => {
    const { endpoint, version } = etcd();
    const client = await connect({ endpoints: endpoint });
    try {
      await client.kv.put('vigil-demo/other', 'mine');
      await client.kv.put('zz', 'mine, too');
      const content = async (): Promise<unknown> =>
        (await client.kv.range({ all: true })).kvs.map((kv) => [kv.key.string(), kv.modRevision]);
      const before = await content();
      const { code, stdout } = await vigilRun(['demo', '--seconds', '1', '--leases', '200', '--endpoints', endpoint]);
      expect(code).toBe(0);
      expect(stdout).toContain(`on etcd ${version}`);
      expect(stdout).toContain('check passed');
      const left = [];
      for await (const leaseId of client.leases.list()) left.push(leaseId);
      expect(left).toEqual([]);
      expect(await content()).toEqual(before);
    } finally {
      await client.close();
    }
  });
});
