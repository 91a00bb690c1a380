/** `vigil` as a user of a cluster with authentication. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { AuthAdmin } from '../support/auth-admin.js';
import { EtcdProcess } from '../support/etcd.js';
import { ownerOf } from '../support/lease-scenario.js';
import { vigilRun, VigilProcess } from './cli-process.js';

it('reads, writes and watches as the user of the flags or of the environment, and says a wrong password', async (test) => {
  const own = ownerOf(test);
  const server = own(await EtcdProcess.start());
  await new AuthAdmin(server.endpoint).enable([{ name: 'app', password: 'plain-secret-1', prefixes: ['app/'] }]);
  const folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-cli-'));
  test.onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'password');
  writeFileSync(file, 'plain-secret-1\n');
  const env = { ETCD_ENDPOINTS: server.endpoint };
  const asFile = ['--user', 'app', '--password-file', file];

  expect(await vigilRun(['put', 'app/a', '1', ...asFile], env)).toMatchObject({ code: 0 });
  const variables = { ...env, ETCDCTL_USER: 'app', ETCDCTL_PASSWORD: 'plain-secret-1' };
  const read = await vigilRun(['get', 'app/a', '--json'], variables);
  expect(read).toMatchObject({ code: 0 });
  expect(read.stdout).toContain('app/a');

  const watch = new VigilProcess(['watch', 'app/', '--prefix', '--rev', '1', '--json', ...asFile], env);
  await watch.until('app/a');
  watch.child.kill('SIGINT');
  expect(await watch.finished).toMatchObject({ code: 130 });

  const denied = await vigilRun(['put', 'other', '1'], variables);
  expect(denied).toMatchObject({ code: 1 });
  expect(denied.stderr).toContain('[permission-denied]');
  const wrong = await vigilRun(['get', 'app/a'], { ...env, ETCDCTL_USER: 'app:wrong-secret-2' });
  expect(wrong.code).not.toBe(0);
  expect(wrong.stderr).toMatch(/^vigil: [^\n]+ \[unauthenticated\]\n$/);
  expect(JSON.stringify([denied, wrong])).not.toMatch(/secret/u);
  const unasked = await vigilRun(['get', 'app/a', '--user', 'app'], env);
  expect(unasked).toMatchObject({ code: 2 });
  expect(unasked.stderr).toContain('--password-file');
});
