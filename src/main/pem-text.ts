/**
 * PEM text as users have it, made such that OpenSSL reads it, and told exactly where it cannot be. Main thread; pure. Never puts
 * any of the material into a message.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { invalidOption } from '../wire/arguments.js';

export type PemKind = 'CERTIFICATE' | 'PRIVATE KEY';

/**
 * The text of what was given, with plain line ends: without byte order marks, spaces around lines, and with real line ends where an
 * environment variable has them as `\n`.
 */
export function pemText(given: string | Uint8Array): string {
  return (typeof given === 'string' ? given : decoded(given))
    .replaceAll('\uFEFF', '')
    .replace(/(?:\\r)?\\n/gu, '\n')
    .replace(/\r\n?/gu, '\n')
    .replace(/^[ \t]+|[ \t]+$/gmu, '');
}

/** As some editors and shells of Windows write it: with a mark, in 16-bit units. */
function decoded(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes);
  if (buffer.length % 2 === 0 && buffer[0] === 0xff && buffer[1] === 0xfe) return buffer.toString('utf16le');
  if (buffer.length % 2 === 0 && buffer[0] === 0xfe && buffer[1] === 0xff) return buffer.swap16().toString('utf16le');
  return buffer.toString('utf8');
}

/**
 * Checks that a text holds whole blocks of a kind.
 *
 * @param name the option, and the path where a file is meant, for messages.
 * @throws EtcdError `invalid-argument`.
 */
export function checkPem(text: string, kind: PemKind, name: string): void {
  const begun = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----/gu)].map(([, label = '']) => label);
  const ended = [...text.matchAll(/^-----END ([A-Z0-9 ]+)-----$/gmu)].map(([, label = '']) => label);
  if (!begun.some((label) => label.endsWith(kind))) throw invalidOption(`${name} ${whatElse(text, begun, kind)}`);
  if (begun.join() !== ended.join())
    throw invalidOption(`${name} holds a PEM block that is cut short or damaged: BEGIN and END do not match`);
}

function whatElse(text: string, labels: readonly string[], kind: PemKind): string {
  const wanted = `no PEM block '-----BEGIN ${kind}-----'`;
  if (labels.length > 0) return `holds ${wanted}, but '${labels.join("', '")}'`;
  if (text.trim() === '') return 'is empty';
  // DER, PKCS#12 and the like begin with a SEQUENCE.
  if (text.startsWith('0') && /[\0\uFFFD]/u.test(text))
    return `holds ${wanted}: it is binary (DER or PKCS#12); convert it to PEM with openssl`;
  return `holds ${wanted}`;
}

/**
 * Checks that each certificate of a text can be read. Node takes authorities that it cannot read for none, so that every server
 * would be refused.
 *
 * @throws EtcdError `invalid-argument`.
 */
export function checkCertificates(text: string, name: string): void {
  const blocks = text.match(/^-----BEGIN (?:[A-Z0-9 ]+ )?CERTIFICATE-----$[^]*?^-----END [A-Z0-9 ]+-----$/gmu) ?? [];
  blocks.forEach((block, index) => {
    try {
      new X509Certificate(block);
    } catch (error) {
      const which = blocks.length === 1 ? 'a certificate' : `a certificate (number ${String(index + 1)})`;
      throw invalidOption(`${name} holds ${which} that cannot be read`, error);
    }
  });
}

/**
 * The key as it can be used without a passphrase, which goes no further than here.
 *
 * @param name the option that holds the key, for messages.
 * @throws EtcdError `invalid-argument` for one that cannot be read or decrypted.
 */
export function openKey(text: string, passphrase: string | undefined, name: string): string {
  const isEncrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4, *ENCRYPTED$/mu.test(text);
  if (isEncrypted && passphrase === undefined)
    throw invalidOption(`${name} is encrypted: give its passphrase as tls.passphrase or tls.passphraseFile`);
  try {
    // A block of EC parameters may stand before the key.
    const [block = text] = text.match(/^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----$[^]*?^-----END [A-Z0-9 ]+-----$/mu) ?? [];
    const key = createPrivateKey(isEncrypted ? { key: block, passphrase } : block);
    return isEncrypted ? key.export({ type: 'pkcs8', format: 'pem' }).toString() : text;
  } catch (error) {
    throw invalidOption(`${name} ${whyClosed(isEncrypted, error)}`, error);
  }
}

function whyClosed(isEncrypted: boolean, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!isEncrypted) return `holds a private key that cannot be read (${code}): it is damaged, or of an unknown kind`;
  const isUndone = /DECRYPT|CIPHERFINAL|ASN1|DECODE|BAD_PASSWORD|INTERRUPTED/u.test(code) && !/UNSUPPORTED/u.test(code);
  if (isUndone || isJunk(error)) return 'is not opened by the passphrase in tls.passphrase or tls.passphraseFile';
  return `is encrypted in a way that this Node cannot read (${code}): write it anew with 'openssl pkcs8 -topk8'`;
}

/** One wrong passphrase in 256 seems to decrypt the key, into bytes that are none: OpenSSL calls those unsupported, too. */
function isJunk(error: unknown): boolean {
  const stack = error instanceof Error && 'opensslErrorStack' in error ? error.opensslErrorStack : undefined;
  return Array.isArray(stack) && stack.some((line) => /asn1 encoding routines/u.test(String(line)));
}
