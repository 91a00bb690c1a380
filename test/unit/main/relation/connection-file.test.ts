/** The connection file: private, checked before it is written, and never naming what cannot be used. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readConnectionFile, writeConnectionFile } from '../../../../src/main/relation/connection-file.js';
import type { EtcdConnectionInfo, RelationTls } from '../../../../src/main/relation/relation-endpoint.js';
import { TestCertificates } from '../../../support/certificates.js';

let certificates: TestCertificates;
let first: RelationTls;
let second: RelationTls;
let folder: string;
let path: string;

beforeAll(() => {
  certificates = TestCertificates.create();
  const ca = readFileSync(certificates.caFile, 'utf8');
  first = { ...TestCertificates.text(certificates.issue('first')), ca };
  second = { ...TestCertificates.text(certificates.issue('second')), ca };
});
afterAll(() => {
  certificates.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-connection-'));
  path = join(folder, 'run', 'app', 'etcd.json');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function info(tls: RelationTls | undefined, isComplete = true): EtcdConnectionInfo {
  const source = { protocol: 'etcd', relationId: 'etcd:1', member: 'etcd/0' } as const;
  return { endpoints: ['https://10.0.0.1:2379'], version: '3.5.0', tls, isComplete, username: undefined, source };
}

describe('a connection file', () => {
  it('is private, and so are the folders made for it, whatever the umask says', async () => {
    const before = process.umask(0o277);
    try {
      await writeConnectionFile(path, info(first));
    } finally {
      process.umask(before);
    }
    const modes = [path, dirname(path), dirname(dirname(path))].map((at) => statSync(at).mode & 0o777);
    expect(modes).toEqual([0o600, 0o700, 0o700]);
    expect(readdirSync(dirname(path))).toEqual(['etcd.json']);
  });

  it('belongs, with the folders made for it, to the owner that is asked for', async () => {
    const uid = process.getuid?.() ?? 0;
    // Only root can give files away; others can give them to themselves.
    const owner = uid === 0 ? { uid: 12_345, gid: 12_346 } : { uid, gid: process.getgid?.() ?? 0 };
    await writeConnectionFile(path, info(first), { owner });
    for (const at of [path, dirname(path), dirname(dirname(path))]) {
      const stats = statSync(at);
      expect([at, stats.uid, stats.gid]).toEqual([at, owner.uid, owner.gid]);
    }
  });

  it('is not written with credentials that do not belong together; what it held stays', async () => {
    await writeConnectionFile(path, info(first));
    const kept = readFileSync(path, 'utf8');
    const junk = [
      { ...first, key: second.key },
      { ...first, cert: 'junk' },
      { ...first, ca: first.ca.slice(0, 100) },
    ];
    for (const tls of junk) {
      const refused = expect(writeConnectionFile(path, info(tls))).rejects;
      await refused.toMatchObject({ code: 'invalid-credentials', message: expect.not.stringMatching(/BEGIN|MII/u) });
    }
    expect(readFileSync(path, 'utf8')).toBe(kept);
    expect(readdirSync(dirname(path))).toEqual(['etcd.json']);
  });

  it('makes LF of CRLF', async () => {
    const crlf = (text: string | undefined): string => (text ?? '').replaceAll('\n', '\r\n');
    await writeConnectionFile(path, info({ ca: crlf(first.ca), cert: crlf(first.cert), key: crlf(first.key) }));
    expect(await readConnectionFile(path)).toMatchObject({ tls: first });
    expect(await writeConnectionFile(path, info(first))).toEqual({ changed: false });
  });

  it('offers nothing while credentials are incomplete, and saves none of them', async () => {
    const credentials = { keyPath: join(folder, 'key'), certPath: join(folder, 'cert'), caPath: join(folder, 'ca') };
    const half = { ca: first.ca, cert: undefined, key: undefined };
    await writeConnectionFile(path, info(half, false), { credentials });
    expect(await readConnectionFile(path)).toEqual({ state: 'unavailable' });
    expect(existsSync(credentials.caPath)).toBe(false);
    expect(readFileSync(path, 'utf8')).not.toContain('BEGIN');
  });
});
