/** `vigil get|put|del` on a real etcd, as a child process. */
import { describe, expect, it } from 'vitest';
import { suiteEtcd } from '../support/suite-etcd.js';
import { jsonLines, VigilProcess, vigilRun, type Finished } from './cli-process.js';

describe('vigil get, put, del', () => {
  const etcd = suiteEtcd();
  const vigil = (args: readonly string[], stdin?: Uint8Array): Promise<Finished> =>
    vigilRun(args, { ETCD_ENDPOINTS: etcd().endpoint }, stdin);

  it('writes, reads and deletes a key', async () => {
    const put = await vigil(['put', 'kv/a', 'one']);
    expect(put).toMatchObject({ code: 0, stderr: '' });
    expect(put.stdout).toMatch(/^revision \d+\n$/);
    expect(await vigil(['get', 'kv/a'])).toMatchObject({ code: 0, stdout: 'one\n', stderr: '' });
    expect(await vigil(['put', 'kv/a', 'two', '--prev-kv'])).toMatchObject({ code: 0 });
    expect(await vigil(['del', 'kv/a'])).toMatchObject({ code: 0, stdout: '1\n' });
    expect(await vigil(['get', 'kv/a'])).toMatchObject({ code: 1, stdout: '', stderr: 'vigil: no such key\n' });
    expect(await vigil(['del', 'kv/a'])).toMatchObject({ code: 0, stdout: '0\n' });
  });

  it('reads a value from stdin byte by byte, and prints it so', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await vigil(['put', 'kv/bin', '-'], bytes);
    const [kv] = jsonLines((await vigil(['get', 'kv/bin', '--json'])).stdout);
    expect(kv).toMatchObject({ key: 'kv/bin', valueBase64: Buffer.from(bytes).toString('base64'), version: '1' });
    expect(kv).not.toHaveProperty('value');
  });

  it('takes binary keys as base64', async () => {
    const key = Buffer.from([0x6b, 0, 0xff]).toString('base64');
    const value = Buffer.from([0xfe]).toString('base64');
    expect(await vigil(['put', key, value, '--base64'])).toMatchObject({ code: 0 });
    const [kv] = jsonLines((await vigil(['get', key, '--base64', '--json'])).stdout);
    expect(kv).toMatchObject({ keyBase64: key, valueBase64: value });
    expect((await vigil(['get', Buffer.from('k\0').toString('base64'), '--base64', '--prefix'])).stdout).toBe(
      'k\\x00\\xff\t\\xfe\n',
    );
    expect(await vigil(['del', key, '--base64'])).toMatchObject({ stdout: '1\n' });
    expect(await vigil(['get', 'no base64', '--base64'])).toMatchObject({ code: 2 });
  });

  it('reads ranges with limits, orders, counts and old revisions', async () => {
    const revisions: string[] = [];
    for (const [key, value] of [
      ['r/1', 'b'],
      ['r/2', 'a'],
      ['r/3', 'c'],
    ] as const) {
      const [answer] = jsonLines((await vigil(['put', key, value, '--json'])).stdout);
      revisions.push(String(answer?.['revision']));
    }
    expect((await vigil(['get', 'r/', '--prefix'])).stdout).toBe('r/1\tb\nr/2\ta\nr/3\tc\n');
    expect((await vigil(['get', 'r/', '--prefix', '--limit', '2', '--keys-only'])).stdout).toBe('r/1\nr/2\n');
    expect((await vigil(['get', 'r/2', '--range-end', 'r/9', '--keys-only'])).stdout).toBe('r/2\nr/3\n');
    expect((await vigil(['get', 'r/2', '--from-key', '--keys-only'])).stdout).toContain('r/2\nr/3\n');
    expect((await vigil(['get', 'r/', '--prefix', '--sort-by', 'value', '--keys-only'])).stdout).toBe(
      'r/2\nr/1\nr/3\n',
    );
    expect(
      (await vigil(['get', 'r/', '--prefix', '--sort-by', 'key', '--order', 'descending', '--limit', '1'])).stdout,
    ).toBe('r/3\tc\n');
    expect((await vigil(['get', 'r/', '--prefix', '--count-only', '--json'])).stdout).toBe('{"count":"3"}\n');
    const old = revisions[1] ?? '';
    expect((await vigil(['get', 'r/', '--prefix', '--rev', old, '--serializable'])).stdout).toBe('r/1\tb\nr/2\ta\n');
    const [gone] = jsonLines((await vigil(['del', 'r/', '--prefix', '--prev-kv', '--json'])).stdout);
    expect(gone).toMatchObject({ deleted: '3', prevKvs: [{ key: 'r/1' }, { key: 'r/2' }, { key: 'r/3' }] });
  });

  it.each([
    [['get'], "missing required argument 'key'"],
    [['get', 'a', '--nope'], "unknown option '--nope'"],
    [['get', 'a', '--limit', 'many'], 'whole number from 1'],
    [['get', 'a', '--rev', '0'], 'a whole number from 1'],
    [['get', 'a', '--prefix', '--from-key'], 'only one of --prefix'],
    [['get', 'a', '--order', 'ascending'], '--order needs --sort-by'],
    [['get', ''], 'must not be empty'],
    [['put', 'a'], '[value] is missing'],
    [['put', 'a', 'b', '--ignore-value'], '--ignore-value takes no [value]'],
    [['put', 'a', 'b', '--lease', 'xyz'], 'lease id'],
    [['del', 'a', '--timeout', 'soon'], 'such as 500ms'],
    [['get', 'a', '--endpoints', 'ftp://x'], 'endpoint'],
    [['get', 'a', '--cert', 'only.pem'], '--cert is for TLS'],
    [['frobnicate'], "unknown command 'frobnicate'"],
  ])('refuses %j with exit code 2 and no stack trace', async (args, message) => {
    const { code, stdout, stderr } = await vigil(args);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('says which endpoint does not answer', async () => {
    const { code, stderr } = await vigil(['get', 'a', '--endpoints', 'http://127.0.0.1:1', '--timeout', '1s']);
    expect(code).toBe(2);
    expect(stderr).toContain('http://127.0.0.1:1');
    expect(stderr).toContain('[connect-failed]');
  });

  it('tells a refusal of the server with its code and exit code 1', async () => {
    const { code, stderr } = await vigil(['put', 'a', 'b', '--lease', '0x1234']);
    expect(code).toBe(1);
    expect(stderr).toContain('[lease-not-found]');
  });

  it('ends quietly when its reader has gone away', async () => {
    // More than a pipe holds, or nothing would be noticed.
    await Promise.all([1, 2, 3, 4].map((n) => vigil(['put', `pipe/${String(n)}`, '-'], Buffer.alloc(500_000, 'x'))));
    const run = new VigilProcess(['get', 'pipe/', '--prefix', '--endpoints', etcd().endpoint]);
    run.child.stdout.destroy();
    const { code, stderr } = await run.finished;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
