/** The charms of examples/charm, each run from its `dispatch` under hook tools, from install to relation-broken and remove. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JujuModel } from '../../src/main/relation/index.js';
import { FakeAgent } from '../relation/fake-tools/fake-agent.js';
import { TestCertificates } from '../support/certificates.js';
import { EtcdProcess } from '../support/etcd.js';
import { eventually } from '../support/poll.js';
import { prefixEnd, RawEtcd } from '../support/raw-etcd.js';

const charmDir = (name: string): string => fileURLToPath(new URL(`../../examples/charm/${name}`, import.meta.url));

let certificates: TestCertificates;
let etcd: EtcdProcess;
let raw: RawEtcd;
let agent: FakeAgent;
let folder: string;

beforeAll(async () => {
  certificates = TestCertificates.create();
  agent = await FakeAgent.start();
  folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-charm-'));
  const tls = { ...certificates.issue('server'), clientCaFile: certificates.caFile };
  etcd = await EtcdProcess.start({ tls, unixSocket: true });
  raw = new RawEtcd(`unix:${etcd.socketPath}`);
  install('client-1');
});
afterAll(async () => {
  // Of a test that failed half-way: the service outlives the hooks that started it.
  try {
    process.kill(Number(readFileSync(join(folder, 'keeper-0', 'service.pid'), 'utf8')), 'SIGKILL');
  } catch {
    // It has ended, as it should.
  }
  raw.close();
  await etcd.close();
  await agent.close();
  certificates.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What the operator puts on the provider's unit. */
function install(commonName: string): void {
  const { certFile, keyFile } = certificates.issue(commonName);
  copyFileSync(certFile, join(folder, 'client.crt'));
  copyFileSync(keyFile, join(folder, 'client.key'));
  copyFileSync(certificates.caFile, join(folder, 'ca.crt'));
}

async function keys(): Promise<string[]> {
  const { kvs } = await raw.range('keeper/', prefixEnd('keeper/'));
  expect(kvs.every(({ leaseId }) => leaseId !== 0n)).toBe(true);
  return kvs.map(({ key }) => Buffer.from(key).toString());
}

describe('the example charms', () => {
  it('keep a lease for each unit through everything that Juju does', async () => {
    const env = { KEEPER_FOLDER: folder };
    const charms = {
      keeper: agent.overProgram(join(charmDir('keeper'), 'dispatch'), charmDir('keeper'), env),
      elsewhere: agent.overProgram(join(charmDir('provider'), 'dispatch'), charmDir('provider')),
    };
    const model = new JujuModel();
    model.deploy('elsewhere', { config: { endpoints: '', version: '', credentials: '' } });
    model.deploy('keeper');
    await model.settle(charms);
    expect(model.unit('keeper/0').status).toMatchObject({ status: 'blocked', message: 'relate etcd' });
    expect(model.unit('elsewhere/0').status).toMatchObject({ status: 'blocked' });

    const first = model.relate('keeper:etcd', 'elsewhere:db');
    await model.settle(charms);
    expect(model.unit('keeper/0').status).toMatchObject({ status: 'waiting' });
    model.setConfig('elsewhere', { endpoints: etcd.endpoint, version: '3.5.0', credentials: folder });
    await model.settle(charms);
    expect(model.unit('keeper/0').status).toMatchObject({ status: 'active', message: 'etcd 3.5.0' });
    const own = ['keeper/keeper/0'];
    await eventually(async () => (await keys()).length === own.length);
    expect(await keys()).toEqual(own);
    const owned = join(folder, 'keeper-0');
    for (const name of ['etcd.json', 'client.key', 'client.crt', 'ca.crt'])
      expect(statSync(join(owned, name)).mode & 0o777).toBe(0o600);

    // Another certificate: the service takes it over, and its lease stays the same.
    const before = (await raw.range('keeper/', prefixEnd('keeper/'))).kvs.map(({ leaseId }) => leaseId);
    install('client-2');
    model.fire('elsewhere/0', 'update-status');
    await model.settle(charms);
    await eventually(() => readFileSync(join(owned, 'service.log'), 'utf8').includes('settings-changed'));

    // Broken, and made again: the service goes on.
    model.removeRelation(first);
    await model.settle(charms);
    expect(model.unit('keeper/0').status).toMatchObject({ status: 'blocked', message: 'relate etcd' });
    await eventually(() => readFileSync(join(owned, 'service.log'), 'utf8').includes('settings-withdrawn'));
    model.relate('keeper:etcd', 'elsewhere:db');
    await model.settle(charms);
    await eventually(() => readFileSync(join(owned, 'service.log'), 'utf8').includes('settings-restored'));
    expect((await raw.range('keeper/', prefixEnd('keeper/'))).kvs.map(({ leaseId }) => leaseId)).toEqual(before);

    // A unit that goes takes its key along.
    model.removeUnit('keeper/0');
    await model.settle(charms);
    expect(await keys()).toEqual([]);

    const key = readFileSync(join(folder, 'client.key'), 'utf8').split('\n')[1] ?? 'none';
    const said = JSON.stringify([agent.outputs, agent.calls.map(({ tool, args }) => [tool, args])]);
    expect(said).not.toContain(key);
  });
});
