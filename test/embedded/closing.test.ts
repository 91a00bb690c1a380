import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { FaultKit } from 'etcd-vigil/testing';
import { TestCertificates } from '../support/certificates.js';

const CHILD = join(import.meta.dirname, '../support/closing-child.js');

it.each(['threads', 'inline'])(
  'a closed engine keeps no process alive, in whatever state it was closed: %s',
  async (mode) => {
    const certificates = TestCertificates.create();
    const [healthy, denying] = await Promise.all([EmbeddedEtcd.start(), EmbeddedEtcd.start()]);
    const mute = createServer(() => undefined).listen(0, '127.0.0.1');
    try {
      await FaultKit.of(denying).inject({
        rpc: 'Lease/LeaseGrant',
        at: 'call',
        action: { kind: 'refuse', code: 8, text: 'etcdserver: mvcc: database space exceeded' },
        times: Infinity,
      });
      const muteText = `http://127.0.0.1:${String((mute.address() as AddressInfo).port)}`;
      const args = [...healthy.endpoints, ...denying.endpoints, muteText, certificates.caFile, mode];
      const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      const exited = new Promise((resolve) => child.once('exit', resolve));
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
      expect(stderr).toBe('');
      const told = stdout.trim().split('\n');
      expect(told.filter((line) => !line.endsWith('"left":[]}'))).toEqual([]);
      expect(told.length).toBeGreaterThan(15);
      expect(await exited).toBe(0);
    } finally {
      mute.close();
      await Promise.all([healthy.close(), denying.close()]);
      certificates.close();
    }
  },
);
