/** Certificates for TLS tests, made with the openssl command in a temporary folder: a CA and what it signs. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface CertificatePair {
  readonly certFile: string;
  readonly keyFile: string;
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export class TestCertificates {
  readonly folder: string;
  readonly caFile: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.caFile = join(folder, 'ca.pem');
  }

  /** A new CA of its own. */
  static create(): TestCertificates {
    const certificates = new TestCertificates(mkdtempSync(join(tmpdir(), 'etcd-vigil-certs-')));
    const files = ['-keyout', certificates.#path('ca.key'), '-out', certificates.caFile];
    openssl('req', '-x509', ...KEY, ...files, '-subj', '/CN=etcd-vigil test CA', '-days', '2');
    return certificates;
  }

  /** A pair for server or client, valid for 127.0.0.1 and localhost unless `subjectAltName` says otherwise. Same name: replaced. */
  issue(commonName: string, subjectAltName: string = 'IP:127.0.0.1,DNS:localhost'): CertificatePair {
    const path = (suffix: string): string => this.#path(`${commonName}.${suffix}`);
    openssl('req', ...KEY, '-keyout', path('key'), '-out', path('csr'), '-subj', `/CN=${commonName}`);
    // Server and client use in one: etcd's own gateway dials the server with the server's certificate.
    writeFileSync(
      path('ext'),
      `subjectAltName=${subjectAltName}\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n`,
    );
    const signer = ['-CA', this.caFile, '-CAkey', this.#path('ca.key'), '-CAcreateserial'];
    const files = ['-in', path('csr'), '-out', path('pem'), '-extfile', path('ext')];
    openssl('x509', '-req', ...files, ...signer, '-days', '2');
    return { certFile: path('pem'), keyFile: path('key') };
  }

  /** An authority that this one has signed, and that signs in its place: `caFile` is it alone. */
  intermediate(): TestCertificates {
    const below = new TestCertificates(mkdtempSync(join(tmpdir(), 'etcd-vigil-certs-')));
    const csr = below.#path('ca.csr');
    openssl('req', ...KEY, '-keyout', below.#path('ca.key'), '-out', csr, '-subj', '/CN=etcd-vigil intermediate CA');
    writeFileSync(below.#path('ca.ext'), 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n');
    const signer = ['-CA', this.caFile, '-CAkey', this.#path('ca.key'), '-CAcreateserial', '-days', '2'];
    openssl('x509', '-req', '-in', csr, '-out', below.caFile, '-extfile', below.#path('ca.ext'), ...signer);
    return below;
  }

  /** A pair's key, encrypted; `how` are arguments of `openssl pkey` such as `-traditional`. */
  encrypted(pair: CertificatePair, passphrase: string, how: readonly string[] = []): string {
    const out = this.#path('encrypted.key');
    openssl('pkey', '-in', pair.keyFile, '-out', out, '-aes128', '-passout', `pass:${passphrase}`, ...how);
    return readFileSync(out, 'utf8');
  }

  /** PEM text of a pair, for options that take text. */
  static text(pair: CertificatePair): { readonly cert: string; readonly key: string } {
    return { cert: readFileSync(pair.certFile, 'utf8'), key: readFileSync(pair.keyFile, 'utf8') };
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #path(name: string): string {
    return join(this.folder, name);
  }
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
