import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemAuthorities, type AuthoritySource } from '../../../src/main/system-authorities.js';
import { readTls, tlsFiles, type TlsOptions } from '../../../src/main/tls-options.js';
import { TestCertificates, type CertificatePair } from '../../support/certificates.js';

const PASSPHRASE = 'correct horse';
const folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-tls-'));
let certificates: TestCertificates;
let pair: CertificatePair;
let cert: string;
let key: string;
let ca: string;

beforeAll(() => {
  certificates = TestCertificates.create();
  pair = certificates.issue('client');
  ({ cert, key } = TestCertificates.text(pair));
  ca = readFileSync(certificates.caFile, 'utf8');
});
afterAll(() => {
  certificates.close();
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

/** What it is refused with; the material is in no part of it. */
async function refusal(tls: TlsOptions): Promise<string> {
  const error: unknown = await readTls(tls, 'connect').then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: 'invalid-argument' });
  const { message, cause } = error as Error;
  expect(`${message} ${String(cause)}`).not.toMatch(/horse|MII|MHc/u);
  return message;
}

describe('an encrypted key', () => {
  it.each([
    ['PKCS#8', []],
    ['the traditional form', ['-traditional']],
  ])('is opened by its passphrase, as text and from a file: %s', async (_name, how) => {
    const encrypted = certificates.encrypted(pair, PASSPHRASE, how);
    expect(encrypted).toContain('ENCRYPTED');
    const opened = await readTls({ cert, key: encrypted, passphrase: PASSPHRASE }, 'connect');
    expect(opened.key).toMatch(/^-----BEGIN PRIVATE KEY-----/u);
    expect(JSON.stringify(opened)).not.toContain('horse');
    const fromFiles = { keyFile: file('key.pem', encrypted), passphraseFile: file('pass', `${PASSPHRASE}\n`) };
    expect(await readTls({ cert, ...fromFiles }, 'connect')).toEqual(opened);
    expect(tlsFiles(fromFiles)).toEqual([fromFiles.keyFile, fromFiles.passphraseFile]);
  });

  it.each([
    ['PKCS#8', []],
    ['the traditional form', ['-traditional']],
  ])('is named as such where the passphrase is missing or another: %s', async (_name, how) => {
    const encrypted = certificates.encrypted(pair, PASSPHRASE, how);
    expect(await refusal({ cert, key: encrypted })).toBe(
      'connect: tls.key is encrypted: give its passphrase as tls.passphrase or tls.passphraseFile',
    );
    for (const passphrase of ['wrong horse', '', ` ${PASSPHRASE}`])
      expect(await refusal({ cert, key: encrypted, passphrase })).toMatch(/tls\.key is not opened by the passphrase/u);
  });

  it.each([
    ['PKCS#8', []],
    ['the traditional form', ['-traditional']],
  ])('is named as such where another passphrase decrypts it into bytes that are no key: %s', async (_name, how) => {
    const encrypted = certificates.encrypted(pair, PASSPHRASE, how);
    const codeOf = (passphrase: string): unknown => {
      try {
        return createPrivateKey({ key: encrypted, passphrase });
      } catch (error) {
        return error instanceof Error && 'code' in error ? error.code : error;
      }
    };
    // One in 256 does.
    let number = 0;
    while (codeOf(`wrong horse ${String(number)}`) === 'ERR_OSSL_BAD_DECRYPT') number += 1;
    const passphrase = `wrong horse ${String(number)}`;
    expect(await refusal({ cert, key: encrypted, passphrase })).toMatch(/tls\.key is not opened by the passphrase/u);
  });

  it('is named as one that cannot be read where its cipher is not known any more', async () => {
    const rsa = file('rsa.pem', '');
    const old = file('old.pem', '');
    execFileSync('openssl', ['genrsa', '-out', rsa, '2048'], { stdio: 'ignore' });
    const legacy = ['-provider', 'legacy', '-provider', 'default'];
    const into = ['-topk8', '-in', rsa, '-out', old, '-passout', 'pass:x', '-v1', 'PBE-MD5-DES'];
    execFileSync('openssl', ['pkcs8', ...into, ...legacy], { stdio: 'ignore' });
    expect(await refusal({ cert, keyFile: old, passphrase: 'x' })).toMatch(/encrypted in a way that this Node cannot/u);
  });

  it('may have a passphrase given although it is not encrypted, but not without a key, nor twice', async () => {
    expect((await readTls({ cert, key, passphrase: 'needless' }, 'connect')).key).toBe(key);
    expect(await refusal({ ca, passphrase: PASSPHRASE })).toContain('tls.passphrase is given without tls.key');
    expect(await refusal({ cert, key, passphrase: 'a', passphraseFile: 'b' })).toContain('both given');
    expect(await refusal({ cert, key, passphraseFile: join(folder, 'none') })).toMatch(/passphraseFile .* ENOENT/u);
  });
});

describe('PEM text', () => {
  it.each<[string, (pem: string) => string | Uint8Array]>([
    ['a byte order mark', (pem) => `\uFEFF${pem}`],
    ['a byte order mark, as bytes', (pem) => Buffer.from(`\uFEFF${pem}`)],
    ['marks between joined files', (pem) => `\uFEFF# mine\n\uFEFF${pem}`],
    ['spaces and tabs at line ends', (pem) => pem.replaceAll('\n', ' \t\n')],
    ['indented lines', (pem) => pem.replaceAll(/^/gmu, '    ')],
    ['line ends of Windows', (pem) => pem.replaceAll('\n', '\r\n')],
    ['line ends of old Macs', (pem) => pem.replaceAll('\n', '\r')],
    ['line ends written as in an environment variable', (pem) => pem.replaceAll('\n', '\\n')],
    ['no last line end', (pem) => pem.trimEnd()],
    ['16-bit units', (pem) => Buffer.from(`\uFEFF${pem}`, 'utf16le')],
    ['16-bit units, the other way round', (pem) => Buffer.from(`\uFEFF${pem}`, 'utf16le').swap16()],
    ['text around', (pem) => `subject=CN = x\n${pem}\nthe end\n`],
  ])('is accepted with %s', async (_name, change) => {
    await readTls({ ca: change(ca), cert: change(cert), key: change(key) }, 'connect');
    const files = { caFile: change(ca), certFile: change(cert), keyFile: change(key) };
    const paths = Object.entries(files).map(([name, content]) => [name, file(name, content)]);
    const read = await readTls(Object.fromEntries(paths) as TlsOptions, 'connect');
    expect(read.ca).toContain(ca.trim());
  });

  it('is refused by what it is instead', async () => {
    const der = execFileSync('openssl', ['x509', '-in', certificates.caFile, '-outform', 'der']);
    expect(await refusal({ ca: der })).toMatch(/tls\.ca holds no PEM block .*: it is binary \(DER or PKCS#12\)/u);
    expect(await refusal({ cert: key, key: cert })).toMatch(/tls\.cert holds no PEM block .*, but 'PRIVATE KEY'/u);
    expect(await refusal({ cert, key: cert })).toMatch(/tls\.key holds no PEM block .*, but 'CERTIFICATE'/u);
    expect(await refusal({ caFile: file('empty', ' \n') })).toMatch(/tls\.caFile '.*empty' is empty/u);
    expect(await refusal({ ca: 'hello' })).toMatch(/tls\.ca holds no PEM block '-----BEGIN CERTIFICATE-----'$/u);
    expect(await refusal({ ca: ca.slice(0, -40) })).toMatch(/tls\.ca holds a PEM block that is cut short/u);
    expect(await refusal({ cert, key: key.slice(0, -40) })).toMatch(/tls\.key holds a PEM block that is cut short/u);
    const damaged = ca.replace(/\nMII[^\n]*/u, '');
    expect(await refusal({ ca: ca + damaged })).toMatch(
      /tls\.ca holds a certificate \(number 2\) that cannot be read/u,
    );
    expect(await refusal({ cert, key: key.replace(/\nM[^\n]{20}/u, '\n') })).toMatch(
      /tls\.key holds a private key that cannot be read/u,
    );
  });
});

describe("ca: 'system'", () => {
  it('reads the authorities of the operating system where Node can', () => {
    const asked: string[] = [];
    const getCACertificates = (type: string): string[] => {
      asked.push(type);
      return [ca, ca];
    };
    expect(systemAuthorities('connect', { getCACertificates })).toBe(`${ca}\n${ca}`);
    expect(asked).toEqual(['system']);
  });

  it('says what to give instead where Node cannot, or there are none', () => {
    const refused = (source: AuthoritySource): unknown => {
      try {
        return systemAuthorities('connect', source);
      } catch (thrown) {
        return thrown;
      }
    };
    for (const source of [{}, { getCACertificates: () => [] }]) {
      expect(refused(source)).toMatchObject({
        code: 'invalid-argument',
        outcome: 'not-sent',
        message: expect.stringContaining('tls.caFile') as string,
      });
    }
  });

  it('is all that is trusted, so it stands for no text and beside no file', async () => {
    expect(await refusal({ ca: 'system', caFile: pair.certFile })).toContain('tls.ca and tls.caFile are both given');
    const canRead = 'getCACertificates' in tls;
    const read = await readTls({ ca: 'system' }, 'connect').then(
      (material) => String(material.ca).includes('BEGIN CERTIFICATE'),
      (thrown: unknown) => (thrown as Error).message.includes('22.15'),
    );
    // True in either case: certificates where there is the function, the version otherwise.
    expect([canRead, read]).toEqual([canRead, true]);
  });
});
