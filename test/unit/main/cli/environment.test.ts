/** etcdctl's variables: what is read of them, what they give way to, and what is said of wrong ones. */
import { describe, expect, it } from 'vitest';
import { connectionSettings } from '../../../../src/main/cli/connection-flags.js';
import { runLine } from './command-line.js';

const FILES = { ETCDCTL_CACERT: 'ca.pem', ETCDCTL_CERT: 'c.pem', ETCDCTL_KEY: 'k.pem' };

describe('the environment', () => {
  it('gives endpoints, certificates and time limits, as etcdctl takes them', () => {
    const { options } = connectionSettings(
      {},
      {
        ...FILES,
        ETCDCTL_ENDPOINTS: 'https://a:2379,https://b:2379',
        ETCDCTL_DIAL_TIMEOUT: '1m30s',
        ETCDCTL_COMMAND_TIMEOUT: '1.5s',
        ETCDCTL_KEEPALIVE_TIME: '7s',
        ETCDCTL_KEEPALIVE_TIMEOUT: '400ms',
        ETCDCTL_INSECURE_SKIP_TLS_VERIFY: 'true',
      },
    );
    expect(options).toEqual({
      endpoints: 'https://a:2379,https://b:2379',
      tls: { caFile: 'ca.pem', certFile: 'c.pem', keyFile: 'k.pem', serverName: undefined, insecureSkipVerify: true },
      connectTimeoutMs: 90_000,
      requestTimeoutMs: 1_500,
      pingIntervalMs: 7_000,
      pingTimeoutMs: 400,
    });
  });

  it('gives way to flags, one by one, and ETCDCTL_ENDPOINTS to ETCD_ENDPOINTS', () => {
    const env = { ...FILES, ETCD_ENDPOINTS: 'https://own:1', ETCDCTL_ENDPOINTS: 'https://other:1' };
    const limits = { ETCDCTL_DIAL_TIMEOUT: '9s', ETCDCTL_COMMAND_TIMEOUT: '9s' };
    const { options } = connectionSettings({ cacert: 'flag.pem', timeout: 250 }, { ...env, ...limits });
    expect(options).toMatchObject({
      endpoints: 'https://own:1',
      tls: { caFile: 'flag.pem', certFile: 'c.pem', keyFile: 'k.pem' },
      connectTimeoutMs: 250,
      requestTimeoutMs: 250,
    });
    expect(connectionSettings({ endpoints: 'https://flag:1' }, env).options.endpoints).toBe('https://flag:1');
  });

  it('makes endpoints without a scheme encrypted where it asks for TLS, as etcdctl does', () => {
    const endpoints = (env: NodeJS.ProcessEnv, flags = {}): unknown => connectionSettings(flags, env).options.endpoints;
    expect(endpoints({ ETCDCTL_ENDPOINTS: 'a:1, b:2' })).toBe('a:1, b:2');
    expect(endpoints({ ...FILES, ETCDCTL_ENDPOINTS: 'a:1, b:2' })).toBe('https://a:1,https://b:2');
    expect(endpoints({ ETCDCTL_INSECURE_TRANSPORT: 'false', ETCDCTL_ENDPOINTS: 'a:1' })).toBe('https://a:1');
    expect(endpoints({ ETCDCTL_INSECURE_TRANSPORT: 'true', ETCDCTL_ENDPOINTS: 'a:1' })).toBe('a:1');
    expect(endpoints({}, { endpoints: 'a:1', cacert: 'ca.pem' })).toBe('https://a:1');
  });

  it('lends its certificates to no endpoint that is plain', () => {
    expect(connectionSettings({ endpoints: 'http://a:1' }, FILES).options.tls).toBeUndefined();
    expect(connectionSettings({}, FILES).options).toMatchObject({ endpoints: 'http://127.0.0.1:2379', tls: undefined });
  });

  it('counts a variable that is set to nothing as not set', () => {
    const names = ['ENDPOINTS', 'CACERT', 'DIAL_TIMEOUT', 'INSECURE_TRANSPORT', 'USER', 'DISCOVERY_SRV'];
    const empty = Object.fromEntries(names.map((name) => [`ETCDCTL_${name}`, '']));
    expect(connectionSettings({}, empty)).toEqual(connectionSettings({}, {}));
  });

  it.each([
    ['ETCDCTL_DIAL_TIMEOUT', ['5', '-5s', '0s', 'soon', '1d', '5s5', '9999h', 'NaN', '1 s']],
    ['ETCDCTL_COMMAND_TIMEOUT', ['5', '0']],
    ['ETCDCTL_KEEPALIVE_TIME', ['x']],
    ['ETCDCTL_KEEPALIVE_TIMEOUT', ['x']],
    ['ETCDCTL_INSECURE_SKIP_TLS_VERIFY', ['yes', '2', 'tRue']],
    ['ETCDCTL_INSECURE_TRANSPORT', ['no', ' ']],
    ['ETCDCTL_ENDPOINTS', ['x', 'ftp://x:1', 'http://me:hunter2@h:1']],
    ['ETCDCTL_DISCOVERY_SRV', ['example.org']],
  ])('is refused by its name where it has no meaning: %s', async (name, values) => {
    for (const value of values) {
      const { code, stdout, stderr } = await runLine(['get', 'k'], { [name]: value });
      expect({ code, stdout }, `${name}=${value}`).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^vigil: [^\n]+ \[invalid-argument\]\n$/);
      expect(stderr).toContain(name);
      expect(stderr).not.toContain('hunter2');
    }
  });

  it('is named where its file cannot be used', async () => {
    const env = { ETCDCTL_ENDPOINTS: 'https://127.0.0.1:1' };
    const ca = await runLine(['get', 'k'], { ...env, ETCDCTL_CACERT: '/nonexistent' });
    expect(ca).toMatchObject({
      code: 2,
      stderr: "vigil: ETCDCTL_CACERT '/nonexistent' cannot be read: ENOENT [invalid-argument]\n",
    });
    const alone = await runLine(['get', 'k'], { ...env, ETCDCTL_CERT: '/dev/null' });
    expect(alone.code).toBe(2);
    expect(alone.stderr).toContain('ETCDCTL_CERT');
  });

  it('gives a user and its password, as etcdctl takes them', () => {
    const login = (env: NodeJS.ProcessEnv, flags = {}): unknown => connectionSettings(flags, env).login;
    const known = (username: string, password: string): unknown => ({ kind: 'known', auth: { username, password } });
    expect(login({})).toEqual({ kind: 'none' });
    expect(login({ ETCDCTL_USER: 'root:hun:ter2' })).toEqual(known('root', 'hun:ter2'));
    expect(login({ ETCDCTL_USER: 'root', ETCDCTL_PASSWORD: 'hunter2' })).toEqual(known('root', 'hunter2'));
    expect(login({ ETCDCTL_USER: 'a:b', ETCDCTL_PASSWORD: 'hunter2' })).toEqual(known('a:b', 'hunter2'));
    expect(login({ ETCDCTL_USER: 'root:x' }, { user: 'me:y' })).toEqual(known('me', 'y'));
    expect(login({ ETCDCTL_PASSWORD: 'hunter2' }, { user: 'me' })).toEqual(known('me', 'hunter2'));
    expect(login({ ETCDCTL_PASSWORD: 'hunter2' }, { user: 'me', passwordFile: 'f' })).toEqual({
      kind: 'known',
      auth: { username: 'me', passwordFile: 'f' },
    });
    expect(login({}, { user: 'me' })).toEqual({ kind: 'ask', username: 'me' });
  });

  it('is told of a password without a user, never the password', async () => {
    const env = { ETCDCTL_PASSWORD: 'hunter2', ETCDCTL_ENDPOINTS: 'http://127.0.0.1:1' };
    const { stderr } = await runLine(['get', 'k', '--timeout', '500ms'], env);
    expect(stderr).toMatch(/^vigil: ETCDCTL_PASSWORD is set and no user is given; asking without one\n/);
    expect(stderr).not.toContain('hunter2');
  });
});
