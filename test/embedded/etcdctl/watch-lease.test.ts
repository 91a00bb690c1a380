/** etcdctl's watches, leases and tools against the embedded server: one test a command. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/poll.js';
import { startEmbedded } from '../differential/embedded-server.js';
import { embeddedWithEtcdctl, etcdctlFor, following } from './etcdctl-fixture.js';

const { ctl } = embeddedWithEtcdctl();

/** A command that keeps running; ends with the test. */
function started(...args: string[]): { child: ReturnType<ReturnType<typeof ctl>['start']>; printed: () => string } {
  const child = ctl().start(args);
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, printed: following(child) };
}

async function until(printed: () => string, text: string): Promise<void> {
  await eventually(() => printed().includes(text), { what: JSON.stringify(text) });
}

describe('etcdctl watch', () => {
  it('from a revision, a prefix, with --prev-kv', async () => {
    await ctl().put('w/1', 'x');
    const { printed } = started('watch', 'w/', '--prefix', '--rev=2', '--prev-kv');
    await until(printed, 'PUT\nw/1\nx\n');
    await ctl().put('w/1', 'y');
    await ctl().del('w/1');
    await until(printed, 'DELETE\nw/1\ny\nw/1\n\n');
    expect(printed()).toBe('PUT\nw/1\nx\nPUT\nw/1\nx\nw/1\ny\nDELETE\nw/1\ny\nw/1\n\n');
  });

  it('runs a command for each event', async () => {
    await ctl().put('w', 'x');
    const { printed } = started('watch', 'w', '--rev=2', '--', 'sh', '-c', 'echo told of $ETCD_WATCH_KEY');
    await until(printed, 'told of "w"\n');
  });

  it('--interactive: several watches on one stream, cancelling one, progress', async () => {
    await ctl().put('a', '1');
    const { child, printed } = started('watch', '--interactive');
    child.stdin.write('watch a --rev=2\nwatch b c --rev=2\n');
    await until(printed, 'PUT\na\n1\n');
    await ctl().put('bb', '2');
    await until(printed, 'PUT\nbb\n2\n');
    child.stdin.write('progress\n');
    await until(printed, 'progress notify: 3\n');
    await ctl().put('a', '3');
    await until(printed, 'PUT\na\n3\n');
  });

  it('ends when its revision was compacted', async () => {
    for (const value of ['1', '2', '3']) await ctl().put('a', value);
    await ctl().compact(4n);
    await expect(ctl().run(['watch', 'a', '--rev=2'])).rejects.toThrow('watch is canceled by the server');
  });
});

describe('etcdctl lease', () => {
  it('grant, timetolive --keys, list, revoke', async () => {
    const granted = await ctl().run(['lease', 'grant', '100']);
    const id = /^lease ([0-9a-f]+) granted with TTL\(100s\)\n$/.exec(granted)?.[1] ?? '';
    await ctl().run(['put', 'a', '1', `--lease=${id}`]);
    expect(await ctl().run(['lease', 'timetolive', id, '--keys'])).toMatch(
      new RegExp(
        String.raw`^lease ${id} granted with TTL\(100s\), remaining\((?:99|100)s\), attached keys\(\[a\]\)\n$`,
      ),
    );
    expect(await ctl().run(['lease', 'list'])).toBe(`found 1 leases\n${id}\n`);
    expect(await ctl().run(['lease', 'revoke', id])).toBe(`lease ${id} revoked\n`);
    expect(await ctl().run(['get', 'a'])).toBe('');
    expect(await ctl().run(['lease', 'timetolive', id])).toBe(`lease ${id} already expired\n`);
    await expect(ctl().run(['lease', 'revoke', id])).rejects.toThrow('requested lease not found');
  });

  it('keep-alive, once and until the lease is gone', async () => {
    const id = (await ctl().grantLease(3)).toString(16).padStart(16, '0');
    expect(await ctl().run(['lease', 'keep-alive', '--once', id])).toBe(`lease ${id} keepalived with TTL(3)\n`);
    const { child, printed } = started('lease', 'keep-alive', id);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await until(printed, `keepalived with TTL(3)\nlease ${id} keepalived with TTL(3)\n`);
    await ctl().run(['lease', 'revoke', id]);
    await ended;
    expect(printed()).toContain(`lease ${id} expired or revoked.\n`);
  });
});

describe('etcdctl endpoint health', () => {
  it('of the endpoint given, of the cluster, as JSON', async () => {
    const healthy = /"health":true/;
    expect(await ctl().run(['endpoint', 'health', '-w', 'json'])).toMatch(healthy);
    expect(await ctl().run(['endpoint', 'health', '--cluster', '-w', 'json'])).toMatch(healthy);
  });
});

describe('etcdctl check perf', () => {
  // It runs for a minute, whatever it is asked for: the whole of it is a soak test.
  it('writes under its prefix as fast as it means to', async () => {
    started('check', 'perf', '--load=s', '--prefix=perf/');
    await eventually(async () => (await ctl().get('perf/', '--prefix', '--keys-only')).length >= 300, {
      what: '300 keys of check perf',
    });
  });
});

describe('etcdctl make-mirror', () => {
  it('copies what is there and follows what changes, to another server and another prefix', async () => {
    for (let index = 0; index < 30; index += 1) await ctl().put(`m/${String(index)}`, 'before');
    const target = await startEmbedded();
    try {
      const mirror = etcdctlFor(target);
      started('make-mirror', target.address, '--prefix=m/', '--dest-prefix=copy/');
      await eventually(async () => (await mirror.get('copy/', '--prefix')).length === 30, { what: 'the copies' });
      await ctl().put('m/1', 'after');
      await ctl().del('m/2');
      await eventually(async () => (await mirror.get('copy/1'))[0]?.value === 'after', { what: 'the change' });
      await eventually(async () => (await mirror.get('copy/2')).length === 0, { what: 'the deletion' });
    } finally {
      await target.close();
    }
  });
});
