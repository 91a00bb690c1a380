/** etcdctl, the one beside the etcd under test (3.4 and 3.5), against the embedded server: one test a command. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Etcdctl } from '../../support/etcdctl.js';
import { eventually } from '../../support/poll.js';
import { embeddedWithEtcdctl, following } from './etcdctl-fixture.js';

const fixture = embeddedWithEtcdctl();
let ctl: Etcdctl;

beforeEach(() => {
  ctl = fixture.ctl();
});

describe('etcdctl', () => {
  it('user add, get, list, passwd, grant-role, revoke-role, delete', async () => {
    await ctl.run(['role', 'add', 'reader']);
    expect(await ctl.run(['user', 'add', 'alice:secret'])).toContain('User alice created');
    await ctl.run(['user', 'grant-role', 'alice', 'reader']);
    expect(await ctl.run(['user', 'get', 'alice'])).toMatch(/User: alice\s+Roles: reader/);
    expect(await ctl.run(['user', 'list'])).toBe('alice\n');
    expect(await ctl.run(['user', 'passwd', 'alice', '--interactive=false'], 'other\n')).toContain('Password updated');
    await ctl.run(['user', 'revoke-role', 'alice', 'reader']);
    await ctl.run(['user', 'delete', 'alice']);
    await expect(ctl.run(['user', 'get', 'alice'])).rejects.toThrow('etcdserver: user name not found');
  });

  it('role add, grant-permission, get, list, revoke-permission, delete', async () => {
    await ctl.run(['role', 'add', 'r']);
    await ctl.run(['role', 'grant-permission', 'r', 'readwrite', 'a', 'b']);
    await ctl.run(['role', 'grant-permission', 'r', '--prefix=true', 'read', 'p/']);
    expect(await ctl.run(['role', 'get', 'r'])).toMatch(/KV Read:\s+\[a, b\)[^]*p\/[^]*KV Write:\s+\[a, b\)/);
    await ctl.run(['role', 'revoke-permission', 'r', 'a', 'b']);
    expect(await ctl.run(['role', 'list'])).toBe('r\n');
    await ctl.run(['role', 'delete', 'r']);
    await expect(ctl.run(['role', 'get', 'r'])).rejects.toThrow('etcdserver: role name not found');
  });

  it('auth enable and disable, with --user', async () => {
    await expect(ctl.run(['auth', 'enable'])).rejects.toThrow('root user does not exist');
    await ctl.enableAuth('rootpw', [
      { name: 'alice', password: 'secret', grants: [{ permission: 'readwrite', prefix: 'a/' }] },
    ]);
    const alice = ctl.as('alice:secret');
    await alice.put('a/1', 'v');
    expect(await alice.get('a/1')).toHaveLength(1);
    await expect(alice.put('b', 'v')).rejects.toThrow('permission denied');
    await expect(ctl.put('a/1', 'v')).rejects.toThrow('user name is empty');
    await expect(ctl.as('alice:wrong').put('a/1', 'v')).rejects.toThrow('authentication failed');
    await ctl.as('root:rootpw').run(['auth', 'disable']);
    await ctl.put('b', 'v');
  });

  it('member list, add --learner, update, remove', async () => {
    expect(await ctl.run(['member', 'list'])).toContain(
      `started, default, http://localhost:2380, ${fixture.server().endpoint}`,
    );
    const added = await ctl.run(['member', 'add', 'other', '--learner', '--peer-urls=http://127.0.0.1:9']);
    const memberId = /Member\s+([0-9a-f]+) added/.exec(added)?.[1] ?? '';
    expect(await ctl.run(['member', 'list'])).toMatch(/unstarted, , http:\/\/127.0.0.1:9, , true/);
    await expect(ctl.run(['member', 'promote', memberId])).rejects.toThrow('in sync with leader');
    await ctl.run(['member', 'update', memberId, '--peer-urls=http://127.0.0.1:10']);
    await ctl.run(['member', 'remove', memberId]);
    expect((await ctl.run(['member', 'list'])).trim().split('\n')).toHaveLength(1);
  });

  it('endpoint status', async () => {
    await ctl.put('a', 'v');
    const status = await ctl.status();
    expect(status).toMatchObject({ revision: 2n, leaderId: status.memberId });
    expect(status.version).toMatch(/^3\.5\.\d+$/);
  });

  it('endpoint hashkv', async () => {
    await ctl.put('a', 'v');
    const hash = async (): Promise<string> => (await ctl.run(['endpoint', 'hashkv'])).trim();
    const before = await hash();
    expect(before).toMatch(/, \d+$/);
    expect(await hash()).toBe(before);
    await ctl.put('a', 'w');
    expect(await hash()).not.toBe(before);
  });

  it('endpoint health', async () => {
    await ctl.run(['endpoint', 'health']);
  });

  it('alarm list and disarm', async () => {
    expect((await ctl.run(['alarm', 'list'])).trim()).toBe('');
    expect((await ctl.run(['alarm', 'disarm'])).trim()).toBe('');
  });

  it('defrag', async () => {
    expect(await ctl.run(['defrag'])).toContain('Finished defragmenting etcd member');
  });

  it('snapshot save: whole pages and their SHA-256', async () => {
    for (let written = 0; written < 20; written += 1) await ctl.put(`key-${String(written)}`, 'v'.repeat(10_000));
    const folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-snapshot-'));
    try {
      const file = join(folder, 'db');
      expect(await ctl.run(['snapshot', 'save', file])).toContain('Snapshot saved');
      const saved = readFileSync(file);
      expect(saved.length % 512).toBe(32);
      const content = saved.subarray(0, -32);
      expect(content.length).toBeGreaterThan(200_000);
      expect(createHash('sha256').update(content).digest()).toEqual(saved.subarray(-32));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('lock: the second holder waits for the first', async () => {
    const first = ctl.start(['lock', 'name']);
    const firstPrinted = following(first);
    await eventually(() => firstPrinted().startsWith('name/'), { what: 'the first lock' });
    const waiting = ctl.start(['lock', 'name']);
    const waitingPrinted = following(waiting);
    try {
      await eventually(async () => (await ctl.get('name/', '--prefix')).length === 2, { what: 'two in the queue' });
      expect(waitingPrinted()).toBe('');
      first.kill('SIGINT');
      await eventually(() => waitingPrinted().startsWith('name/'), { what: 'the second lock' });
    } finally {
      first.kill('SIGKILL');
      waiting.kill('SIGKILL');
    }
  });

  it('elect, and elect --listen', async () => {
    const leader = ctl.start(['elect', 'name', 'me']);
    const led = following(leader);
    const observer = ctl.start(['elect', '--listen', 'name']);
    const observed = following(observer);
    try {
      await eventually(() => led().includes('me'), { what: 'the leader' });
      await eventually(() => observed().includes('me'), { what: 'the observer' });
    } finally {
      leader.kill('SIGKILL');
      observer.kill('SIGKILL');
    }
  });
});
