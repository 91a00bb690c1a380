/** The library's messages as the command tells them: whole sentences, and flags for options. */
import { createServer as createTlsServer } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeFailure } from '../../../../src/main/cli/failure.js';
import { FLAG_WORDS, inFlagWords } from '../../../../src/main/cli/flag-words.js';
import { CompactedError } from '../../../../src/wire/errors.js';
import { runLine } from './command-line.js';

describe('messages of the library', () => {
  it.each([
    ['lease 5 is not known to the server', 'lease 5 is not known to the server'],
    ['watch 7 was refused', 'watch 7 was refused'],
    ['leases: ttlSeconds must be a number', 'the time to live must be a number'],
    ['connect: tls.caFile is empty', '--cacert is empty'],
    [
      'lease 16 exists already: choose another leaseId, or keep it alive with keepAlive()',
      'lease 16 exists already: give another --id, or renew it with: vigil lease keep-alive',
    ],
    ['grant: leaseId must not be 0n', 'grant: --id must not be 0n'],
    ['no etcd member answered within 5 ms (x): check the option endpoints', 'no etcd member answered within 5 ms (x)'],
    [
      "connect: tls.keyFile 'k' is encrypted: give its passphrase as tls.passphrase or tls.passphraseFile",
      "--key 'k' is encrypted: give its passphrase as --passphrase-file",
    ],
    ['EmbeddedEtcd cannot listen', 'cannot listen'],
  ])('%s', (said, told) => {
    expect(inFlagWords(said, FLAG_WORDS)).toBe(told);
  });

  it('tells the oldest revision once', () => {
    const { text } = describeFailure(new CompactedError('compacted; the oldest one left is 4148', 4148n));
    expect(text).toBe('vigil: compacted; the oldest one left is 4148; give --rev 4148 or later [compacted]');
  });

  it('names a variable only where the command reads it', async () => {
    const nowhere = ['--endpoints', 'http://127.0.0.1:1', '--timeout', '500ms'];
    expect((await runLine(['demo', ...nowhere])).stderr).toMatch(/is etcd running there\? See --endpoints \[/);
    expect((await runLine(['get', 'k', ...nowhere])).stderr).toContain('See --endpoints and ETCD_ENDPOINTS');
  });

  it('names the variable of the key where the certificate is one of a variable', async () => {
    const env = { ETCDCTL_ENDPOINTS: 'https://127.0.0.1:1', ETCDCTL_CERT: '/nonexistent' };
    expect((await runLine(['get', 'k'], env)).code).toBe(2);
    const message = 'connect: tls.cert is given without tls.key; a client certificate needs both';
    const { connectionSettings } = await import('../../../../src/main/cli/connection-flags.js');
    expect(inFlagWords(message, connectionSettings({}, env).words)).toBe(
      'ETCDCTL_CERT is given without ETCDCTL_KEY; a client certificate needs both',
    );
  });

  it('asks whether a port that breaks off is one of TLS', async () => {
    const server = createTlsServer({}).on('tlsClientError', () => undefined);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo; // a TCP server's
    const { stderr } = await runLine([
      'get',
      'k',
      '--endpoints',
      `http://127.0.0.1:${String(port)}`,
      '--timeout',
      '2s',
    ]);
    expect(stderr).toContain('or is it https://?');
    const refused = await runLine(['get', 'k', '--endpoints', 'http://127.0.0.1:1', '--timeout', '500ms']);
    expect(refused.stderr).not.toContain('https');
  });

  it('refuses help for a command that there is not', async () => {
    for (const args of [
      ['help', 'nope'],
      ['lease', 'help', 'nope'],
      ['help', 'lease', 'nope'],
    ]) {
      const { code, stdout, stderr } = await runLine(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toBe("vigil: unknown command 'nope' [invalid-argument]\n");
    }
    for (const args of [['help'], ['help', 'get'], ['help', 'lease', 'grant'], ['lease', 'help', 'grant']])
      expect((await runLine(args)).code, args.join(' ')).toBe(0);
    // A key of that name.
    const { stderr } = await runLine(['get', 'help', '--endpoints', 'http://127.0.0.1:1', '--timeout', '500ms']);
    expect(stderr).toContain('[connect-failed]');
  });
});
