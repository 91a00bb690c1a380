/**
 * Certificates and keys as PEM text: what is taken, what is refused. Main thread; pure. Never puts any of the material into
 * a message or a cause, only the name of the part.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { EtcdError } from '../../wire/errors.js';
import { hideFields } from './hidden-secrets.js';

/** A client's private key, its certificate (leaf first, chain after it) and the authorities of the servers, as PEM text. */
export interface CredentialBundle {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** A bundle with each part possibly missing, as a relation that is not ready yet has it. */
export type PartialBundle = { readonly [Part in keyof CredentialBundle]?: string | null | undefined };

/** A {@link CredentialBundle} that can be used, and what was found in it. */
export interface CheckedBundle extends CredentialBundle {
  /** When the client's certificate ends. It may have ended already: whose clock is right, only the server can say. */
  readonly expiresAt: Date;
}

interface PemBlock {
  readonly label: string;
  readonly text: string;
}

// DER of the object identifier 2.5.29.19, basicConstraints.
const BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex');

/**
 * Checks that the parts are whole and belong together. CRLF becomes LF and each part ends in a newline, nothing else is
 * changed: text around the blocks, as openssl prints it, stays.
 *
 * @throws EtcdError `invalid-credentials` naming the part: missing or empty, no PEM, cut short, of the wrong kind, unreadable, an
 *   encrypted key, or a key that is not the certificate's.
 */
export function checkBundle(bundle: PartialBundle): CheckedBundle {
  const missing = (['key', 'cert', 'ca'] as const).filter((part) => isMissing(bundle[part]));
  if (missing.length > 0) {
    throw refused(`credentials: ${missing.join(' and ')} missing; key, cert and ca are needed together`);
  }
  const checked = {
    key: pemLines(bundle.key, 'key'),
    cert: pemLines(bundle.cert, 'cert'),
    ca: pemLines(bundle.ca, 'ca'),
  };
  const [leaf] = readCertificates(checked.cert, 'cert');
  readCertificates(checked.ca, 'ca');
  if (!belongs(leaf, readPrivateKey(checked.key))) {
    throw refused('credentials: key does not belong to cert (its first certificate); send both of one generation');
  }
  return hideFields({ ...checked, expiresAt: new Date(leaf.validTo) }, 'key');
}

/**
 * Checks a chain that a client offers to an etcd provider: PEM certificates, the client's own first. The provider's user is
 * the common name of the first one, and it must not be an authority's.
 *
 * @returns the chain with LF line ends, and the common name.
 * @throws EtcdError `invalid-credentials`.
 */
export function checkClientChain(chain: unknown): { readonly pem: string; readonly commonName: string } {
  const pem = pemLines(chain, 'cert');
  const [leaf] = readCertificates(pem, 'cert');
  // Providers refuse both without an answer, so it is said here.
  if (leaf.ca) throw refused("credentials: cert begins with an authority's certificate; put the client's own first");
  if (!leaf.raw.includes(BASIC_CONSTRAINTS)) {
    throw refused("credentials: cert has no basicConstraints; etcd charms take only certificates with 'CA:FALSE'");
  }
  const commonName = commonNameOf(leaf);
  if (commonName === undefined) {
    throw refused("credentials: cert has no common name (CN); it becomes the name of the client's etcd user");
  }
  return { pem, commonName };
}

/**
 * The certificates of a text, at least one.
 *
 * @throws EtcdError `invalid-credentials` naming `part`.
 */
export function readCertificates(pem: string, part: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = pemBlocks(pem, part);
  const stranger = blocks.find(({ label }) => !/^(X509 |TRUSTED )?CERTIFICATE$/u.test(label));
  if (stranger !== undefined) throw refused(`credentials: ${part} holds a '${stranger.label}' beside certificates`);
  const [first, ...rest] = blocks.map(({ text }) => certificate(text, part));
  if (first === undefined) throw refused(`credentials: ${part} holds no certificate`);
  return [first, ...rest];
}

function readPrivateKey(pem: string): KeyObject {
  // An EC key may have its parameters in a block of their own before it.
  const keys = pemBlocks(pem, 'key').filter(({ label }) => label !== 'EC PARAMETERS');
  const [key] = keys;
  if (key === undefined || keys.length > 1 || !key.label.endsWith('PRIVATE KEY')) {
    throw refused('credentials: key must hold one private key and nothing else');
  }
  try {
    return createPrivateKey(key.text);
  } catch {
    throw refused('credentials: key cannot be read: it is damaged, encrypted, or of a kind that is not known');
  }
}

function certificate(text: string, part: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch {
    throw refused(`credentials: ${part} holds a certificate that cannot be read`);
  }
}

function belongs(leaf: X509Certificate, key: KeyObject): boolean {
  try {
    return leaf.checkPrivateKey(key);
  } catch {
    // Another kind of key than the certificate's.
    return false;
  }
}

function commonNameOf(leaf: X509Certificate): string | undefined {
  const name: unknown = leaf.toLegacyObject().subject.CN;
  // Several common names come as an array; which one a server takes is not defined.
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function isMissing(part: unknown): boolean {
  return part === undefined || part === null || part === '';
}

function pemLines(text: unknown, part: string): string {
  if (typeof text !== 'string') throw refused(`credentials: ${part} must be PEM text`);
  if (text.includes('\0')) throw refused(`credentials: ${part} is not text`);
  const lines = text.replace(/\r\n?/gu, '\n');
  return lines.endsWith('\n') ? lines : `${lines}\n`;
}

function pemBlocks(pem: string, part: string): PemBlock[] {
  const blocks = [...pem.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----\n[^-]*^-----END \1-----$/gmu)].map(
    ([text, label = '']) => ({ label, text }),
  );
  if (blocks.length === 0) throw refused(`credentials: ${part} holds no PEM block`);
  // A block cut short would otherwise pass for text between blocks.
  const begun = pem.split('-----BEGIN').length - 1;
  const ended = pem.split('-----END').length - 1;
  if (begun !== blocks.length || ended !== blocks.length) {
    throw refused(`credentials: ${part} holds a PEM block that is cut short or damaged`);
  }
  return blocks;
}

function refused(message: string): EtcdError {
  return new EtcdError(message, { code: 'invalid-credentials', outcome: 'not-sent' });
}
