/** etcdctl's commands on keys against the embedded server: one test a command. */
import { describe, expect, it } from 'vitest';
import { defaultEtcd } from '../../support/etcd-binary.js';
import { embeddedWithEtcdctl } from './etcdctl-fixture.js';

const { ctl } = embeddedWithEtcdctl();

const run = (...args: string[]): Promise<string> => ctl().run(args);

describe('etcdctl put', () => {
  it('writes, also from stdin and keys that look like flags', async () => {
    expect(await run('put', 'a', '1')).toBe('OK\n');
    expect(await ctl().run(['put', 'in'], 'from\nstdin')).toBe('OK\n');
    expect(await run('get', 'in', '--print-value-only')).toBe('from\nstdin\n');
    expect(await run('put', '--', '-k', '--v')).toBe('OK\n');
    expect(await run('get', '--', '-k')).toBe('-k\n--v\n');
  });

  it('--prev-kv prints what was there', async () => {
    await run('put', 'a', '1');
    expect(await run('put', 'a', '2', '--prev-kv')).toBe('OK\na\n1\n');
  });

  it('--ignore-value and --ignore-lease keep what is there', async () => {
    const leaseId = await ctl().grantLease(100);
    await ctl().put('a', '1', leaseId);
    await run('put', 'a', '2', '--ignore-lease');
    expect(await ctl().get('a')).toMatchObject([{ value: '2', leaseId, version: 2n }]);
    await run('put', 'a', '--ignore-value');
    expect(await ctl().get('a')).toMatchObject([{ value: '2', leaseId: 0n, version: 3n }]);
    await expect(run('put', 'none', '--ignore-value')).rejects.toThrow('etcdserver: key not found');
  });

  it('--lease attaches, and refuses a lease that is not there', async () => {
    const leaseId = await ctl().grantLease(100);
    await ctl().put('a', '1', leaseId);
    expect((await ctl().timeToLive(leaseId)).keys).toEqual(['a']);
    await expect(run('put', 'b', '1', '--lease=7b')).rejects.toThrow('requested lease not found');
  });
});

describe('etcdctl get', () => {
  const fill = async (): Promise<void> => {
    for (const [key, value] of ['a 1', 'b/1 x', 'b/2 y', 'b/3 w', 'c 1'].map((text) => text.split(' ')))
      await run('put', key ?? '', value ?? '');
    await run('put', 'b/1', 'xx');
  };

  it('one key, a range, --prefix, --from-key, every key', async () => {
    await fill();
    expect(await run('get', 'a')).toBe('a\n1\n');
    expect(await run('get', 'none')).toBe('');
    expect(await run('get', 'a', 'b/2', '--keys-only')).toBe('a\n\nb/1\n\n');
    expect(await run('get', 'b/', '--prefix', '--print-value-only')).toBe('xx\ny\nw\n');
    expect(await run('get', '--from-key', 'b/3')).toBe('b/3\nw\nc\n1\n');
    expect((await run('get', '', '--prefix', '--keys-only')).trim().split(/\n+/)).toHaveLength(5);
  });

  it('--limit, --order and --sort-by all five targets', async () => {
    await fill();
    const keys = async (...flags: string[]): Promise<string> =>
      (await ctl().get('b/', '--prefix', ...flags)).map(({ key }) => key.slice(2)).join('');
    expect(await keys('--limit=2')).toBe('12');
    expect(await keys('--order=DESCEND')).toBe('321');
    expect(await keys('--sort-by=KEY', '--order=DESCEND', '--limit=1')).toBe('3');
    expect(await keys('--sort-by=CREATE', '--order=DESCEND')).toBe('321');
    expect(await keys('--sort-by=MODIFY')).toBe('231');
    expect(await keys('--sort-by=VALUE')).toBe('312');
    expect(await keys('--sort-by=VERSION', '--order=DESCEND', '--limit=1')).toBe('1');
  });

  it('--rev and --consistency', async () => {
    await fill();
    expect(await run('get', 'b/1', '--rev=4', '--print-value-only')).toBe('x\n');
    expect(await run('get', 'b/1', '--consistency=s', '--print-value-only')).toBe('xx\n');
    await expect(run('get', 'a', '--rev=99')).rejects.toThrow('required revision is a future revision');
  });

  it('--write-out and --hex', async () => {
    await fill();
    expect(await run('get', 'a', '--hex')).toBe('\\x61\n\\x31\n');
    expect(await run('get', 'a', '-w', 'fields')).toMatch(
      /"Revision" : 7\n"RaftTerm" : \d+\n"Key" : "a"\n"CreateRevision" : 2\n"ModRevision" : 2\n"Version" : 1\n"Value" : "1"\n"Lease" : 0\n"More" : false\n"Count" : 1\n/,
    );
    expect(await run('get', 'a', '-w', 'protobuf')).toContain('a');
    expect(await ctl().json(['get', 'b/', '--prefix', '--limit=1'])).toMatchObject({ count: 3n, more: true });
  });

  it('--count-only, which etcdctl has from 3.5 on', async () => {
    await fill();
    const counted = run('get', 'b/', '--prefix', '--count-only', '-w', 'fields');
    if (defaultEtcd().versionParts[1] < 5) await expect(counted).rejects.toThrow('unknown flag');
    else expect(await counted).toContain('"Count" : 3');
  });
});

describe('etcdctl del', () => {
  it('one key, a range, --prefix, --from-key, --prev-kv', async () => {
    for (const key of ['a', 'b/1', 'b/2', 'c', 'd', 'e']) await run('put', key, `value of ${key}`);
    expect(await run('del', 'a', '--prev-kv')).toBe('1\na\nvalue of a\n');
    expect(await run('del', 'a')).toBe('0\n');
    expect(await run('del', 'b/', '--prefix')).toBe('2\n');
    expect(await run('del', 'c', 'd')).toBe('1\n');
    expect(await run('del', 'd', '--from-key')).toBe('2\n');
    expect(await run('get', '', '--prefix')).toBe('');
  });
});

describe('etcdctl txn', () => {
  it('compares, and does one of the two lists in one revision', async () => {
    await run('put', 'a', '1');
    const compares = ['value("a") = "1"', 'mod("a") > "1"', 'create("a") < "9"', 'version("a") != "0"'];
    const operations = ['put a 2', 'get a', 'del b'];
    const done = await ctl().run(['txn'], `${compares.join('\n')}\n\n${operations.join('\n')}\n\nput a no\n\n`);
    expect(done).toBe('SUCCESS\n\nOK\n\na\n2\n\n0\n');
    expect(await ctl().get('a')).toMatchObject([{ value: '2', modRevision: 3n }]);
    const otherwise = await ctl().run(['txn'], 'value("a") = "1"\n\nput a no\n\nput a 3\nput b 3\n\n');
    expect(otherwise).toBe('FAILURE\n\nOK\n\nOK\n');
    expect(await ctl().get('', '--prefix')).toMatchObject([{ modRevision: 4n }, { modRevision: 4n }]);
  });

  it('--interactive asks for the three lists', async () => {
    const printed = await ctl().run(['txn', '--interactive'], '\nput a 1\n\n\n');
    expect(printed).toMatch(/^compares:\n.*success requests[^]*failure requests[^]*SUCCESS\n\nOK\n$/);
  });

  it('is refused with a key put twice', async () => {
    await expect(ctl().run(['txn'], '\nput a 1\nput a 2\n\n\n')).rejects.toThrow('duplicate key given in txn request');
  });
});

describe('etcdctl compaction', () => {
  it('forgets the history, physically too', async () => {
    for (const value of ['1', '2', '3', '4']) await run('put', 'a', value);
    expect(await run('compaction', '3')).toBe('compacted revision 3\n');
    expect(await run('compact', '4', '--physical')).toBe('compacted revision 4\n');
    await expect(run('get', 'a', '--rev=3')).rejects.toThrow('required revision has been compacted');
    expect(await run('get', 'a', '--rev=4', '--print-value-only')).toBe('3\n');
    await expect(run('compaction', '4')).rejects.toThrow('required revision has been compacted');
    await expect(run('compaction', '99')).rejects.toThrow('required revision is a future revision');
  });
});
