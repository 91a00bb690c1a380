/** `vigil watch` on a real etcd, as a child process. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connect, type Etcd } from 'etcd-vigil';

import { suiteEtcd } from '../support/suite-etcd.js';
import { jsonLines, VigilProcess, vigilRun } from './cli-process.js';

describe('vigil watch', () => {
  const etcd = suiteEtcd();
  const client = async (): Promise<Etcd> => {
    const opened = await connect({ endpoints: etcd().endpoint, lazy: true });
    onTestFinished(() => opened.close());
    return opened;
  };
  const watch = (...args: readonly string[]): VigilProcess =>
    new VigilProcess(['watch', ...args, '--endpoints', etcd().endpoint]);

  it('prints one line an event and ends after --limit', async () => {
    const { kv } = await client();
    const run = watch('w/', '--prefix', '--limit', '3', '--prev-kv');
    await run.until('watching from revision');
    const first = (await kv.put('w/a', 'one')).header.revision;
    await kv.put('w/a', 'two\nlines');
    await kv.delete('w/a');
    const { code, stdout } = await run.finished;
    expect(code).toBe(0);
    expect(stdout).toBe(
      [
        `${String(first)}\tput\tw/a\tone`,
        `${String(first + 1n)}\tput\tw/a\ttwo\\nlines\t(was one)`,
        `${String(first + 2n)}\tdelete\tw/a\t(was two\\nlines)`,
        '',
      ].join('\n'),
    );
  });

  it('prints JSON lines, binary as base64, from a revision of the past', async () => {
    const { kv } = await client();
    const { header } = await kv.put(Uint8Array.of(0x6a, 0xff), Uint8Array.of(0xfe));
    await kv.put('j', 'text');
    await kv.delete('j');
    const run = watch('j', '--prefix', '--json', '--rev', String(header.revision), '--limit', '3');
    const { code, stdout } = await run.finished;
    expect(code).toBe(0);
    const rev = header.revision;
    expect(jsonLines(stdout)).toEqual([
      {
        type: 'put',
        keyBase64: 'av8=',
        valueBase64: '/g==',
        createRevision: String(rev),
        modRevision: String(rev),
        version: '1',
        lease: '0',
      },
      {
        type: 'put',
        key: 'j',
        value: 'text',
        createRevision: String(rev + 1n),
        modRevision: String(rev + 1n),
        version: '1',
        lease: '0',
      },
      { type: 'delete', key: 'j', modRevision: String(rev + 2n) },
    ]);
  });

  it('shows only the type that --filter names', async () => {
    const { kv } = await client();
    const { header } = await kv.put('f', '1');
    await kv.delete('f');
    await kv.put('f', '2');
    const from = String(header.revision);
    const puts = await watch('f', '--rev', from, '--filter', 'put', '--limit', '2', '--json').finished;
    expect(jsonLines(puts.stdout).map(({ value }) => value)).toEqual(['1', '2']);
    const deletes = await watch('f', '--rev', from, '--filter', 'delete', '--limit', '1', '--json').finished;
    expect(jsonLines(deletes.stdout)).toMatchObject([{ type: 'delete' }]);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends on %s without a complaint, with exit code %i', async (signal, expected) => {
    const run = watch('s');
    await run.until('watching from revision');
    run.child.kill(signal);
    const { code, stderr } = await run.finished;
    expect(code).toBe(expected);
    expect(stderr).toMatch(/^vigil: watching from revision \d+\n$/);
  });

  it('ends on SIGINT without a complaint while it is still connecting', async () => {
    const silent = createServer();
    const asked = once(silent, 'connection');
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void silent.close());
    // A server that listens on a port has an AddressInfo.
    const { port } = silent.address() as AddressInfo;
    const run = new VigilProcess(['watch', 's', '--endpoints', `http://127.0.0.1:${String(port)}`]);
    await asked;
    run.child.kill('SIGINT');
    expect(await run.finished).toMatchObject({ code: 130, stderr: '', stdout: '' });
  });

  it('ends with the code and the compact revision where the history is gone', async () => {
    const { kv } = await client();
    const { header } = await kv.put('c', '1');
    await kv.put('c', '2');
    await kv.compact(header.revision + 1n);
    const { code, stdout, stderr } = await watch('c', '--rev', String(header.revision)).finished;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('[compacted]');
    // It never watched, so it must not say so.
    expect(stderr).toMatch(/^vigil: [^\n]+\n$/);
    expect(stderr).toContain(`--rev ${String(header.revision + 1n)}`);
  });

  it('ends quietly when its reader goes away', async () => {
    const { kv } = await client();
    const run = watch('p');
    await run.until('watching from revision');
    run.child.stdout.destroy();
    for (let i = 0; run.child.exitCode === null && i < 200; i += 1) await kv.put('p', String(i));
    expect(await run.finished).toMatchObject({ code: 0 });
  });

  it('refuses what is wrong before it connects', async () => {
    const nowhere = ['--endpoints', 'http://127.0.0.1:1'];
    for (const args of [
      ['--filter', 'all'],
      ['--limit', '0'],
      ['--rev', 'x'],
      ['--shards', '0'],
      ['--range-end', 'a', '--prefix'],
    ]) {
      const { code, stderr } = await vigilRun(['watch', 'k', ...args, ...nowhere]);
      expect({ code, at: /^\s+at /m.test(stderr) }, args.join(' ')).toEqual({ code: 2, at: false });
    }
  });
});
