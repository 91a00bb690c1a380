/** `vigil lease …` on a real etcd, as a child process. */
import { describe, expect, it } from 'vitest';
import { suiteEtcd } from '../support/suite-etcd.js';
import { jsonLines, VigilProcess, vigilRun, type Finished } from './cli-process.js';

describe('vigil lease', () => {
  const etcd = suiteEtcd();
  const vigil = (...args: readonly string[]): Promise<Finished> =>
    vigilRun(['lease', ...args], { ETCD_ENDPOINTS: etcd().endpoint });

  it('grants a lease with a given id, shows it with its keys, lists and revokes it', async () => {
    expect(await vigil('grant', '60', '--id', '0x7b')).toMatchObject({ code: 0, stdout: '123\n', stderr: '' });
    const put = await vigilRun(['put', 'lease/key', 'v', '--lease', '123'], { ETCD_ENDPOINTS: etcd().endpoint });
    expect(put.code).toBe(0);
    const [shown] = jsonLines((await vigil('ttl', '123', '--keys', '--json')).stdout);
    expect(shown).toMatchObject({
      leaseId: '123',
      leaseIdHex: '7b',
      grantedTtlSeconds: 60,
      keys: [{ key: 'lease/key' }],
    });
    expect((await vigil('ttl', '123')).stdout).toMatch(/^\d+ s left of 60 s\n$/);
    expect((await vigil('list')).stdout.split('\n')).toContain('123');
    expect(await vigil('revoke', '123')).toMatchObject({ code: 0, stdout: 'revoked 123\n' });
    expect((await vigil('list')).stdout.split('\n')).not.toContain('123');
    expect(await vigil('ttl', '123')).toMatchObject({ code: 1, stdout: '', stderr: 'vigil: no such lease\n' });
  });

  it('tells a lease that is not there with its code', async () => {
    for (const args of [
      ['revoke', '999'],
      ['keep-alive', '999'],
      ['keep-alive', '999', '--once'],
    ]) {
      const { code, stderr } = await vigil(...args);
      expect({ code, told: stderr.includes('[lease-not-found]') }, args.join(' ')).toEqual({ code: 1, told: true });
    }
  });

  it('renews a lease of somebody else until it is stopped, and leaves it alive', async () => {
    await vigil('grant', '60', '--id', '77');
    const run = new VigilProcess(['lease', 'keep-alive', '77', '--interval', '1s', '--endpoints', etcd().endpoint]);
    await run.until('renewed, 60 s left\nrenewed, 60 s left\n');
    run.child.kill('SIGINT');
    expect(await run.finished).toMatchObject({ code: 130, stderr: '' });
    expect((await vigil('keep-alive', '77', '--once', '--json')).stdout).toBe(
      '{"leaseId":"77","leaseIdHex":"4d","ttlSeconds":60}\n',
    );
  });

  it('ends with exit code 1 when the lease that it renews is revoked', async () => {
    await vigil('grant', '60', '--id', '78');
    const run = new VigilProcess(['lease', 'keep-alive', '78', '--interval', '1s', '--endpoints', etcd().endpoint]);
    await run.until('renewed');
    await vigil('revoke', '78');
    const { code, stderr } = await run.finished;
    expect(code).toBe(1);
    expect(stderr).toContain('the lease has ended: lost');
  });

  it('holds many leases, and revokes them when its time is over', async () => {
    const { code, stdout, stderr } = await vigil('hold', '300', '--ttl', '5', '--seconds', '2', '--json');
    expect(code).toBe(0);
    expect(stderr).toBe('vigil: 300 leases revoked, 0 lost\n');
    expect(jsonLines(stdout).at(-1)).toMatchObject({ held: 300, lost: 0 });
  });

  it('revokes what it holds on Ctrl-C', async () => {
    const before = (await vigil('list')).stdout;
    const run = new VigilProcess(['lease', 'hold', '50', '--endpoints', etcd().endpoint]);
    await run.until('50 held');
    run.child.kill('SIGINT');
    expect(await run.finished).toMatchObject({ code: 130, stderr: 'vigil: 50 leases revoked, 0 lost\n' });
    expect((await vigil('list')).stdout.split('\n').sort()).toEqual(before.split('\n').sort());
  });

  it.each([
    [['grant', 'long'], 'whole number from 1'],
    [['grant', '10', '--id', 'zz'], 'lease id'],
    [['hold', '0'], 'from 1 to 1000000'],
    [['ttl'], 'missing required argument'],
    [['revoke'], 'missing required argument'],
    [['frob'], "unknown command 'frob'"],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await vigil(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
