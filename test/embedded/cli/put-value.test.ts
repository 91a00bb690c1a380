/** What `vigil put` takes as the value on stdin, as a child process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { connect, type Etcd } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const vigil = fileURLToPath(new URL('../../../dist/main/cli/vigil.js', import.meta.url));

describe('vigil put with the value on stdin', () => {
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

  async function putFrom(path: string, key: string): Promise<{ code: unknown; stdout: string; stderr: string }> {
    const stdin = openSync(path, 'r');
    const child = spawn(process.execPath, [vigil, 'put', key, '-', '--endpoints', endpoint], {
      stdio: [stdin, 'pipe', 'pipe'],
    });
    closeSync(stdin);
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error('the pipes are missing');
    const [told, said, [code]] = await Promise.all([text(stdout), text(stderr), once(child, 'close')]);
    return { code: code as unknown, stdout: told, stderr: said };
  }

  it('refuses a directory with exit code 2 and leaves the key as it is', async () => {
    await etcd.kv.put('directory', 'kept');
    expect(await putFrom(tmpdir(), 'directory')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'vigil: the value cannot be read from stdin: it is a directory [invalid-argument]\n',
    });
    expect((await etcd.kv.get('directory'))?.value.string()).toBe('kept');
  });

  it('takes a file, and an empty one as an empty value', async () => {
    expect(await putFrom(fileURLToPath(import.meta.url), 'file')).toMatchObject({ code: 0, stderr: '' });
    expect((await etcd.kv.get('file'))?.value.string()).toContain('takes a file');
    expect(await putFrom('/dev/null', 'file')).toMatchObject({ code: 0, stderr: '' });
    expect((await etcd.kv.get('file'))?.value.length).toBe(0);
  });
});
