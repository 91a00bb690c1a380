/** The option `auth`: wrong ones are refused by name, before anything is sent, and nothing of a secret is shown. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { authRule, resolveAuth, sameAuth, type AuthOptions } from '../../../../src/main/auth/auth-options.js';
import { resolveConnectOptions, type ConnectOptions } from '../../../../src/main/connect-options.js';

const folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-auth-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

describe('the option auth', () => {
  it.each<[string, unknown, RegExp]>([
    ['a text', 'app:secret', /^auth must be an object or a function, not a value of type string$/u],
    ['a number', 81_234, /^auth must be an object or a function, not a value of type number$/u],
    ['nothing', {}, /^auth must have a username or a token$/u],
    ['no password', { username: 'secret' }, /^auth: username is given without password or passwordFile$/u],
    ['no user', { password: 'secret' }, /^auth: a password is given without username$/u],
    [
      'a number as password',
      { username: 'u', password: 81_234 },
      /^auth: password must be a string .*of type number$/u,
    ],
    ['an empty password', { username: 'u', password: '' }, /^auth: password must be a string that is not empty/u],
    [
      'two passwords',
      { username: 'u', password: 'secret', passwordFile: '/x' },
      /^auth: password and passwordFile are both given; give one of them$/u,
    ],
    ['a user and a token', { username: 'u', token: 'secret' }, /^auth: a token and a user are both given/u],
    ['a token that no header can carry', { token: 'secret\n' }, /^auth: token must be of printable ASCII/u],
    [
      'an unknown name',
      { user: 'secret', password: 'x' },
      /^auth: unknown option 'user'; known are username, password, token, passwordFile$/u,
    ],
  ])('refuses %s', (_name, given, words) => {
    let error: unknown;
    try {
      authRule(given, 'auth');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'invalid-argument', outcome: 'not-sent' });
    const { message } = error as Error;
    expect(message).toMatch(words);
    expect(message).not.toMatch(/secret|1234/u);
  });

  it('reads a password from a file, without its line end and with everything else', async () => {
    const passwordFile = file('password', ' with spaces \r\n');
    const { auth } = await resolveConnectOptions({ endpoints: 'h:1', auth: { username: 'u', passwordFile } });
    expect(auth).toEqual({ kind: 'login', login: { username: 'u', password: ' with spaces ' }, passwordFile });
  });

  it.each<[string, string, RegExp]>([
    ['is not there', join(folder, 'absent'), /auth\.passwordFile '.*absent' cannot be read: ENOENT/u],
    ['is empty', file('empty', '\n'), /auth\.passwordFile '.*empty' is empty/u],
  ])('refuses a password file that %s, naming it', async (_name, passwordFile, words) => {
    const given: ConnectOptions = { endpoints: 'h:1', auth: { username: 'u', passwordFile } };
    await expect(resolveConnectOptions(given)).rejects.toMatchObject({ code: 'invalid-argument', message: words });
  });

  it('is the same where it says the same to the server', async () => {
    const resolve = (auth: AuthOptions): ReturnType<typeof resolveAuth> => resolveAuth(auth, 'test');
    const password = await resolve({ username: 'u', password: 'p' });
    expect(sameAuth(password, await resolve({ username: 'u', passwordFile: file('same', 'p') }))).toBe(true);
    expect(sameAuth(password, await resolve({ username: 'u', password: 'q' }))).toBe(false);
    expect(sameAuth(password, await resolve({ token: 'p' }))).toBe(false);
    expect(sameAuth(password, undefined)).toBe(false);
    expect(sameAuth(undefined, undefined)).toBe(true);
  });
});
