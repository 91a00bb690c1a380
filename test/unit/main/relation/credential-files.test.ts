/** Saved credentials: whole, private, together, and only if they can be used. */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  readCredentialFiles,
  removeCredentialFiles,
  saveCredentialFiles,
} from '../../../../src/main/relation/credential-files.js';
import type { CredentialPaths } from '../../../../src/main/relation/credential-paths.js';
import type { CredentialBundle } from '../../../../src/main/relation/pem.js';
import { EtcdError } from '../../../../src/wire/errors.js';
import { TestCertificates } from '../../../support/certificates.js';

let certificates: TestCertificates;
let first: CredentialBundle;
let second: CredentialBundle;
let folder: string;
let paths: CredentialPaths;
const USUAL_UMASK = 0o022;

beforeAll(() => {
  certificates = TestCertificates.create();
  const ca = readFileSync(certificates.caFile, 'utf8');
  first = { ...TestCertificates.text(certificates.issue('first')), ca };
  second = { ...TestCertificates.text(certificates.issue('second')), ca: `${ca}${ca}` };
});
afterAll(() => {
  certificates.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-credentials-'));
  paths = pathsIn(folder);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function pathsIn(where: string): CredentialPaths {
  return { keyPath: join(where, 'client.key'), certPath: join(where, 'client.pem'), caPath: join(where, 'ca.pem') };
}

function content(at: CredentialPaths = paths): CredentialBundle {
  return {
    key: readFileSync(at.keyPath, 'utf8'),
    cert: readFileSync(at.certPath, 'utf8'),
    ca: readFileSync(at.caPath, 'utf8'),
  };
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

const allOf = ({ keyPath, certPath, caPath }: CredentialPaths): string[] => [keyPath, certPath, caPath];
const storeOf = (at: string): string => join(at, '.client.key.generations');

async function failure(work: Promise<unknown>): Promise<EtcdError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof EtcdError)) throw new Error('no EtcdError', { cause: error });
  return error;
}

describe('saving', () => {
  it('writes three files that only the owner may read, whatever the umask says', async () => {
    for (const mask of [0o000, 0o077, 0o377]) {
      const where = join(folder, `mask-${mask.toString(8)}`, 'deep');
      mkdirSync(join(folder, `mask-${mask.toString(8)}`));
      process.umask(mask);
      try {
        await saveCredentialFiles(pathsIn(where), first);
      } finally {
        process.umask(USUAL_UMASK);
      }
      expect(content(pathsIn(where))).toEqual(first);
      for (const path of allOf(pathsIn(where))) expect(modeOf(path)).toBe('600');
      expect(modeOf(where)).toBe('700');
    }
  });

  it('makes every missing parent private', async () => {
    const where = join(folder, 'a/b');
    await saveCredentialFiles(pathsIn(where), first);
    expect([join(folder, 'a'), where].map(modeOf)).toEqual(['700', '700']);
  });

  it('writes nothing when the files hold this already, but sets modes right', async () => {
    const saved = await saveCredentialFiles(paths, first);
    expect(saved.changed).toBe(true);
    expect(saved.expiresAt.getTime()).toBeGreaterThan(Date.now());
    const before = readdirSync(storeOf(folder));
    const inode = statSync(paths.keyPath).ino;
    chmodSync(paths.keyPath, 0o644);
    expect((await saveCredentialFiles(paths, first)).changed).toBe(false);
    expect(modeOf(paths.keyPath)).toBe('600');
    expect(statSync(paths.keyPath).ino).toBe(inode);
    expect(readdirSync(storeOf(folder))).toEqual(before);
  });

  it('exchanges all three, keeps no earlier generation, and removes what a crash left', async () => {
    await saveCredentialFiles(paths, first);
    // No process has this id: the largest one Linux gives is 4194304.
    mkdirSync(join(storeOf(folder), '99999999-leftover'));
    writeFileSync(join(storeOf(folder), '99999999-leftover', 'key'), 'half');
    symlinkSync('99999999-leftover', join(storeOf(folder), '.new-99999999-leftover'));
    expect((await saveCredentialFiles(paths, second)).changed).toBe(true);
    expect(content()).toEqual(second);
    expect(readdirSync(storeOf(folder))).toHaveLength(2);
  });

  it('takes over plain files that other software wrote, open to all as they were', async () => {
    writeFileSync(paths.keyPath, first.key, { mode: 0o644 });
    writeFileSync(paths.certPath, first.cert, { mode: 0o644 });
    writeFileSync(paths.caPath, first.ca, { mode: 0o644 });
    expect((await saveCredentialFiles(paths, first)).changed).toBe(false);
    for (const path of allOf(paths)) expect(modeOf(path)).toBe('600');
    expect((await saveCredentialFiles(paths, second)).changed).toBe(true);
    expect(content()).toEqual(second);
    expect(lstatSync(paths.keyPath).isSymbolicLink()).toBe(true);
  });

  it('never writes through a link to elsewhere', async () => {
    const elsewhere = join(folder, 'elsewhere');
    writeFileSync(elsewhere, 'precious', { mode: 0o644 });
    symlinkSync(elsewhere, paths.keyPath);
    await saveCredentialFiles(paths, first);
    expect(readFileSync(elsewhere, 'utf8')).toBe('precious');
    expect(modeOf(elsewhere)).toBe('644');
    expect(content()).toEqual(first);
  });

  it('takes folders that differ, and file names without a folder', async () => {
    const apart: CredentialPaths = {
      keyPath: join(folder, 'k/client.key'),
      certPath: join(folder, 'c/client.pem'),
      caPath: join(folder, 'a/ca.pem'),
    };
    await saveCredentialFiles(apart, first);
    await saveCredentialFiles(apart, second);
    expect(content(apart)).toEqual(second);
    const bare = { keyPath: 'bare.key', certPath: 'bare.pem', caPath: 'bare-ca.pem' };
    const home = process.cwd();
    // Forked test workers are processes of their own: nobody else's working directory changes.
    process.chdir(folder);
    try {
      await saveCredentialFiles(bare, first);
      expect(content(bare)).toEqual(first);
    } finally {
      process.chdir(home);
    }
    expect(existsSync(join(folder, 'bare.key'))).toBe(true);
  });

  it('opens certificate and authorities to others on request, never the key', async () => {
    await saveCredentialFiles(paths, first, { certMode: 0o644 });
    expect(allOf(paths).map(modeOf)).toEqual(['600', '644', '644']);
    expect(modeOf(storeOf(folder))).toBe('711');
    await saveCredentialFiles(paths, first);
    expect(modeOf(paths.certPath)).toBe('600');
  });

  it('runs calls for the same files one after another, and the last one wins', async () => {
    const calls = Array.from({ length: 12 }, (_, index) =>
      saveCredentialFiles(paths, index % 2 === 0 ? first : second),
    );
    const results = await Promise.all(calls);
    expect(results.every(({ changed }) => changed)).toBe(true);
    expect(content()).toEqual(second);
    expect(readdirSync(storeOf(folder))).toHaveLength(2);
  });
});

describe('what is refused', () => {
  const cases: readonly (readonly [string, (bundle: CredentialBundle) => object, RegExp])[] = [
    ['no key', ({ cert, ca }) => ({ cert, ca }), /key missing/],
    ['null and empty parts', ({ key }) => ({ key, cert: null, ca: '' }), /cert and ca missing/],
    ['a key of another certificate', (bundle) => ({ ...bundle, key: second.key }), /key does not belong to cert/],
    ['junk for a key', (bundle) => ({ ...bundle, key: 'junk' }), /key holds no PEM block/],
    ['junk in PEM', (bundle) => ({ ...bundle, ca: wrap('CERTIFICATE', 'anVuaw==') }), /ca holds a certificate/],
    ['a block cut short', (bundle) => ({ ...bundle, cert: bundle.cert.slice(0, -40) }), /cert holds no PEM block/],
    ['a chain cut short', (bundle) => ({ ...bundle, cert: bundle.cert + bundle.ca.slice(0, 200) }), /cut short/],
    ['a damaged key', (bundle) => ({ ...bundle, key: wrap('PRIVATE KEY', 'AAAA') }), /key cannot be read/],
    ['an encrypted key', (bundle) => ({ ...bundle, key: wrap('ENCRYPTED PRIVATE KEY', 'AAAA') }), /key cannot be read/],
    ['a key among the authorities', (bundle) => ({ ...bundle, ca: bundle.ca + bundle.key }), /beside certificates/],
    ['certificate for a key', (bundle) => ({ ...bundle, key: bundle.cert }), /one private key/],
    ['two keys', (bundle) => ({ ...bundle, key: bundle.key + bundle.key }), /one private key/],
    ['bytes', (bundle) => ({ ...bundle, key: Buffer.from(bundle.key) }), /key must be PEM text/],
    ['NUL', (bundle) => ({ ...bundle, ca: `${bundle.ca}\0` }), /ca is not text/],
  ];
  const wrap = (label: string, body: string): string => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;

  for (const [what, spoil, message] of cases) {
    it(`refuses ${what}: nothing is written, nothing secret is told`, async () => {
      await saveCredentialFiles(paths, first);
      const spoiled = spoil(first) as CredentialBundle;
      const error = await failure(saveCredentialFiles(paths, spoiled));
      const code = what === 'bytes' ? 'invalid-argument' : 'invalid-credentials';
      expect(error.code).toBe(code);
      expect(error.message).toMatch(message);
      expect(error.cause).toBeUndefined();
      expect(error.message).not.toContain(first.key.split('\n')[1]);
      expect(content()).toEqual(first);
      expect((await failure(saveCredentialFiles(pathsIn(join(folder, 'new')), spoiled))).code).toBe(code);
      expect(existsSync(join(folder, 'new'))).toBe(false);
    });
  }

  it('refuses paths that are no three files', async () => {
    const { keyPath, certPath, caPath } = paths;
    for (const wrong of [
      { keyPath: '', certPath, caPath },
      { keyPath, certPath: keyPath, caPath },
      { keyPath, certPath: `${folder}/../${folder.split('/').at(-1) ?? ''}/client.key`, caPath },
      { keyPath: `${folder}/`, certPath, caPath },
      { keyPath, certPath, caPath: 'a\0b' },
    ]) {
      expect((await failure(saveCredentialFiles(wrong, first))).code).toBe('invalid-argument');
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leaves everything as it was where the file system refuses', async () => {
    await saveCredentialFiles(paths, first);
    mkdirSync(join(folder, 'folder.pem'));
    const error = await failure(saveCredentialFiles({ ...paths, caPath: join(folder, 'folder.pem') }, second));
    expect(error.code).toBe('file-failed');
    expect(content()).toEqual(first);
    writeFileSync(join(folder, 'file'), '');
    expect((await failure(saveCredentialFiles(pathsIn(join(folder, 'file')), first))).code).toBe('file-failed');
  });

  it('takes CRLF, and text around the blocks; an EC key may bring its parameters', async () => {
    const crlf = (text: string): string => text.replaceAll('\n', '\r\n');
    const dumped = `Certificate:\n    Data:\n        Version: 3 (0x2)\n${first.cert}`;
    const parameters = wrap('EC PARAMETERS', 'BggqhkjOPQMBBw==');
    await saveCredentialFiles(paths, {
      key: parameters + first.key.trimEnd(),
      cert: crlf(dumped),
      ca: crlf(first.ca),
    });
    expect(content()).toEqual({ key: parameters + first.key, cert: dumped, ca: first.ca });
  });
});

describe('reading and removing', () => {
  it('reads what was saved, and plain files', async () => {
    await saveCredentialFiles(paths, first);
    expect(await readCredentialFiles(paths)).toMatchObject(first);
    const plain = pathsIn(mkdtempSync(join(folder, 'plain-')));
    writeFileSync(plain.keyPath, second.key);
    writeFileSync(plain.certPath, second.cert);
    expect((await failure(readCredentialFiles(plain))).code).toBe('file-failed');
    writeFileSync(plain.caPath, second.ca);
    expect(await readCredentialFiles(plain)).toMatchObject(second);
    writeFileSync(plain.keyPath, first.key);
    expect((await failure(readCredentialFiles(plain))).code).toBe('invalid-credentials');
  });

  it('reads whole bundles only while they are replaced, and says when they are gone', async () => {
    await saveCredentialFiles(paths, first);
    let isDone = false;
    const writer = (async () => {
      for (let round = 0; round < 20; round++) await saveCredentialFiles(paths, round % 2 === 0 ? second : first);
      isDone = true;
    })();
    let rounds = 0;
    while (!isDone) {
      const { key, cert, ca } = await readCredentialFiles(paths);
      expect([first, second]).toContainEqual({ key, cert, ca });
      rounds++;
    }
    await writer;
    expect(rounds).toBeGreaterThan(2);
    expect(await removeCredentialFiles(paths)).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
    expect(await removeCredentialFiles(paths)).toBe(false);
    expect((await failure(readCredentialFiles(paths))).code).toBe('file-failed');
  });

  it('another process that reads in a loop never sees a mixed, partial or open bundle', async () => {
    const script = fileURLToPath(new URL('../../../support/credential-reader.js', import.meta.url));
    const child = spawn(process.execPath, [script, paths.keyPath, paths.certPath, paths.caPath, '600'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stdin.write(`${JSON.stringify([first, second].map(({ key, cert, ca }) => [key, cert, ca]))}\n`);
    expect((await lines.next()).value).toBe('reading');
    // Fewer on a busy machine.
    const deadline = performance.now() + 4_000;
    for (let round = 0; round < 6 || (round < 150 && performance.now() < deadline); round++) {
      await saveCredentialFiles(paths, round % 2 === 0 ? first : second);
    }
    child.stdin.end();
    const { rounds, switches, violations } = JSON.parse(String((await lines.next()).value)) as {
      rounds: number;
      switches: number;
      violations: string[];
    };
    expect(violations).toEqual([]);
    expect(rounds).toBeGreaterThan(5);
    expect(switches).toBeGreaterThan(1);
  });
});
