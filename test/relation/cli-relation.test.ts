/** `vigil relation` and the shell charm over it, within hooks: what is printed, saved and published, and the exit codes. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JujuModel, readConnectionFile } from '../../src/main/relation/index.js';
import { vigilRun } from '../integration/cli-process.js';
import { TestCertificates } from '../support/certificates.js';
import { bindMounts } from './bind-mounts.js';
import { FakeAgent } from './fake-tools/fake-agent.js';

const vigil = fileURLToPath(new URL('../../dist/main/cli/vigil.js', import.meta.url));
const docker = fileURLToPath(new URL('../../examples/charm/docker', import.meta.url));

let agent: FakeAgent;
let certificates: TestCertificates;
let folder: string;
let pem: { readonly key: string; readonly cert: string; readonly ca: string };

beforeAll(async () => {
  agent = await FakeAgent.start();
  certificates = TestCertificates.create();
  folder = mkdtempSync(join(tmpdir(), 'vigil-relation-'));
  const pair = certificates.issue('client');
  pem = { ...TestCertificates.text(pair), ca: readFileSync(certificates.caFile, 'utf8') };
  writeFileSync(join(folder, 'vigil'), `#!/bin/sh\nexec "${process.execPath}" "${vigil}" "$@"\n`);
  chmodSync(join(folder, 'vigil'), 0o755);
});
afterAll(async () => {
  await agent.close();
  certificates.close();
  rmSync(folder, { recursive: true, force: true });
});

function related(): { model: JujuModel; relation: number; publish: () => void } {
  const model = new JujuModel({ publishAddresses: false });
  model.deploy('etcd');
  model.deploy('app');
  const relation = model.relate('etcd:db', 'app:etcd');
  const publish = (): void => {
    model.publish(relation, 'etcd/0', {
      connection_string: 'https://10.0.0.1:2379,https://10.0.0.2:2379',
      version: '3.5.18',
      client_key: pem.key,
      client_cert: pem.cert,
      client_ca: pem.ca,
    });
  };
  return { model, relation, publish };
}

/** Runs a shell script in a hook of a unit; gives what it printed. */
async function inHook(model: JujuModel, unit: string, script: string): Promise<string> {
  const path = join(folder, 'script');
  writeFileSync(path, `#!/bin/sh\nPATH="${folder}:$PATH"\n${script}\n`);
  chmodSync(path, 0o755);
  await model.settle();
  model.fire(unit, 'update-status');
  await model.run(agent.overProgram(path, folder), unit);
  return agent.outputs.at(-1)?.stdout ?? '';
}

describe('vigil relation', () => {
  it('shows where etcd is, and the key only when asked', async () => {
    const { model, publish } = related();
    expect(await inHook(model, 'app/0', 'vigil relation show; echo "exit $?"')).toBe('exit 1\n');
    publish();
    const shown = await inHook(model, 'app/0', 'vigil relation show --scheme etcd; vigil relation show --json');
    const [text, json = ''] = shown.split('\n');
    expect(text).toBe('etcds://10.0.0.1:2379,etcds://10.0.0.2:2379');
    expect(JSON.parse(json)).toEqual({
      endpoint: 'etcd',
      flags: ['etcd.available', 'etcd.connected', 'etcd.tls.available'],
      connectionString: 'https://10.0.0.1:2379,https://10.0.0.2:2379',
      version: '3.5.18',
    });
    expect(await inHook(model, 'app/0', 'vigil relation show --json --secrets')).toContain('client_key');
  });

  it('saves files and connection files', async () => {
    const { model, publish } = related();
    const [key, file] = [join(folder, 'client.key'), join(folder, 'etcd.json')];
    const save = `vigil relation save --key ${key} --cert ${folder}/client.crt --ca ${folder}/ca.crt`;
    expect(await inHook(model, 'app/0', `${save}; echo "exit $?"`)).toBe('exit 1\n');
    expect(existsSync(key)).toBe(false);
    publish();
    const output = await inHook(model, 'app/0', `${save}; ${save} --file ${file} --json`);
    expect(output).toBe('changed\n{"endpoint":"etcd","changed":true}\n');
    expect(readFileSync(key, 'utf8')).toBe(pem.key);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await readConnectionFile(file)).toMatchObject({ state: 'available', tls: { keyFile: key } });
  });

  it('publishes from files, and takes back', async () => {
    const { model, relation } = related();
    for (const [name, text] of Object.entries(pem)) writeFileSync(join(folder, `${name}.pem`), text);
    const files = ['key', 'cert', 'ca'].map((name) => `--${name} ${folder}/${name}.pem`).join(' ');
    const provide = `vigil relation provide --endpoints https://10.0.0.9:2379 --etcd-version 3.5.18 ${files}`;
    expect(await inHook(model, 'etcd/0', `${provide}; ${provide} --json`)).toBe(
      'db:0\n{"endpoint":"db","changed":[]}\n',
    );
    expect(Object.fromEntries(model.bag(relation, 'etcd/0'))).toEqual({
      connection_string: 'https://10.0.0.9:2379',
      version: '3.5.18',
      client_key: pem.key,
      client_cert: pem.cert,
      client_ca: pem.ca,
    });
    await inHook(model, 'etcd/0', 'vigil relation provide --retract');
    expect(model.bag(relation, 'etcd/0').size).toBe(0);
  });

  it('is refused outside of a hook, and when used wrongly', async () => {
    const outside = await vigilRun(['relation', 'show'], { PATH: '/usr/bin:/bin' });
    expect([outside.code, outside.stderr]).toEqual([2, expect.stringContaining('[hook-tool-missing]')]);
    expect((await vigilRun(['relation', 'save'])).code).toBe(2);
    expect((await vigilRun(['relation', 'provide', '--key', 'x'])).code).toBe(2);
  });
});

/** The shell charm, which has written its files into a folder of this name. */
async function shellCharm(name: string): Promise<{
  readonly model: JujuModel;
  readonly relation: number;
  readonly composeFile: string;
  /** Runs the hooks that wait. */
  readonly settle: () => Promise<unknown>;
}> {
  const { model, relation, publish } = related();
  const place = join(folder, name);
  const env = { VIGIL: join(folder, 'vigil'), DOCKER_FOLDER: place };
  const charms = { app: agent.overProgram(join(docker, 'dispatch'), docker, env) };
  // Its first hooks are not of interest here.
  await model.settle();
  publish();
  await model.settle(charms);
  return { model, relation, composeFile: join(place, 'compose.yaml'), settle: () => model.settle(charms) };
}

it('the shell charm renders the connection string into a compose file, and takes it away again', async () => {
  const { model, relation, settle, composeFile } = await shellCharm('docker');
  const compose = readFileSync(composeFile, 'utf8');
  expect(compose).toContain('command: -internal etcds://10.0.0.1:2379,etcds://10.0.0.2:2379\n');
  expect(compose).not.toContain('http');
  model.removeRelation(relation);
  await settle();
  expect(existsSync(composeFile)).toBe(false);
  expect(model.unit('app/0').status).toMatchObject({ status: 'blocked' });
});

it('a container of the shell charm sees the next key, certificate and authorities without being made anew', async () => {
  const { model, relation, settle, composeFile } = await shellCharm('rotated');
  const compose = readFileSync(composeFile, 'utf8');
  const container = bindMounts(compose);
  try {
    const names = ['client.key', 'client.crt', 'ca.crt'];
    const seen = (): string[] => names.map((name) => container.read(`/etc/etcd/${name}`));
    expect(seen()).toEqual([pem.key, pem.cert, pem.ca]);
    const next = TestCertificates.text(certificates.issue('client'));
    model.publish(relation, 'etcd/0', { client_key: next.key, client_cert: next.cert, client_ca: pem.ca + pem.ca });
    await settle();
    expect(seen()).toEqual([next.key, next.cert, pem.ca + pem.ca]);
    // The compose file is the same, so that nothing makes the container anew.
    expect(readFileSync(composeFile, 'utf8')).toBe(compose);
  } finally {
    container.close();
  }
});
