/**
 * The option `tls` of connect: PEM text or files, checked before anything is sent. Main thread. Never puts any of the
 * material into a message, only option names and paths.
 */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { TlsMaterial } from '../wire/connection-settings.js';
import { tlsContextOptions } from '../wire/tls-context.js';
import {
  booleanRule,
  checkOptions,
  describeValue,
  invalidOption,
  textRule,
  type OptionRule,
  type OptionTable,
} from '../wire/arguments.js';
import { systemAuthorities } from './system-authorities.js';
import { checkCertificates, checkPem, openKey, pemText, type PemKind } from './pem-text.js';

/** Certificates and keys, each as PEM text or as the path of a PEM file. */
export interface TlsOptions {
  /**
   * The authorities to trust, each for itself, an intermediate one too; or `'system'` for those of the operating system, on Node 22.15 or
   * later. Default: those that come with Node, and those of the environment variable `NODE_EXTRA_CA_CERTS`.
   */
  readonly ca?: string | Uint8Array | undefined;
  readonly caFile?: string | undefined;
  /** The client's certificate (with its chain), for servers that ask for one. Needs a key. */
  readonly cert?: string | Uint8Array | undefined;
  readonly certFile?: string | undefined;
  /** The private key of the client's certificate. */
  readonly key?: string | Uint8Array | undefined;
  readonly keyFile?: string | undefined;
  /** Of a key that is encrypted. It is used when the key is read, and kept nowhere else. */
  readonly passphrase?: string | undefined;
  /** A file that holds the passphrase, in one line. */
  readonly passphraseFile?: string | undefined;
  /** The name to check the server's certificate against, and to send as SNI, instead of the endpoint's host. */
  readonly serverName?: string | undefined;
  /** Accept any server certificate. For tests only: it leaves the connection open to anybody in between. */
  readonly insecureSkipVerify?: boolean | undefined;
}

const pemRule: OptionRule = (value, name) => {
  if (typeof value === 'string' || value instanceof Uint8Array) return;
  throw invalidOption(`${name} must be PEM text (string or Uint8Array), not ${describeValue(value)}`);
};

/** How certificates are used, wherever they come from. */
export const TLS_USE_RULES: OptionTable<
  Pick<TlsOptions, 'serverName' | 'insecureSkipVerify' | 'passphrase' | 'passphraseFile'>
> = {
  passphrase: textRule,
  passphraseFile: textRule,
  serverName: textRule,
  insecureSkipVerify: booleanRule,
};

/** Checks names and types; the material itself is checked by {@link readTls}. */
export const tlsRule: OptionRule = (value, name) => {
  checkOptions<TlsOptions>(
    value,
    {
      ca: pemRule,
      caFile: textRule,
      cert: pemRule,
      certFile: textRule,
      key: pemRule,
      keyFile: textRule,
      ...TLS_USE_RULES,
    },
    name,
  );
};

/** The files that these options name. */
export function tlsFiles(options: TlsOptions | undefined): string[] {
  const { caFile, certFile, keyFile, passphraseFile } = options ?? {};
  return [caFile, certFile, keyFile, passphraseFile].filter((path) => path !== undefined);
}

/**
 * Reads files and checks that the material can be used.
 *
 * @throws EtcdError `invalid-argument` naming the option, and the path where a file is meant.
 */
export async function readTls(options: TlsOptions, what: string): Promise<TlsMaterial> {
  const ca = await readAuthorities(options, what);
  const cert = await readPem(options, 'cert', 'CERTIFICATE', what);
  const key = await readPem(options, 'key', 'PRIVATE KEY', what);
  const passphrase = await readPassphrase(options, what);
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = key === undefined ? ['cert', 'key'] : ['key', 'cert'];
    throw invalidOption(`${what}: tls.${given} is given without tls.${missing}; a client certificate needs both`);
  }
  if (passphrase !== undefined && key === undefined)
    throw invalidOption(`${what}: tls.passphrase is given without tls.key; it opens the client's key`);
  for (const part of [ca, cert]) if (part !== undefined) checkCertificates(part.text, part.name);
  const material: TlsMaterial = {
    ca: ca?.text,
    cert: cert?.text,
    key: key === undefined ? undefined : openKey(key.text, passphrase, key.name),
    serverName: options.serverName,
    insecureSkipVerify: options.insecureSkipVerify,
  };
  try {
    createSecureContext(tlsContextOptions(material));
  } catch (error) {
    // OpenSSL's texts name what is wrong (such as "key values mismatch"), never the material.
    const why = error instanceof Error ? error.message : 'unknown reason';
    throw invalidOption(`${what}: tls cannot be used: ${why}; check that cert and key belong together`, error);
  }
  return material;
}

/** One part of the material, ready to be used, and how messages name where it came from. */
interface Part {
  readonly text: string;
  readonly name: string;
}

async function readAuthorities(options: TlsOptions, what: string): Promise<Part | undefined> {
  if (options.ca !== 'system') return readPem(options, 'ca', 'CERTIFICATE', what);
  refuseBoth(options.ca, options.caFile, 'ca', what);
  return { text: systemAuthorities(what), name: `${what}: tls.ca 'system'` };
}

async function readPem(
  options: TlsOptions,
  part: 'ca' | 'cert' | 'key',
  kind: PemKind,
  what: string,
): Promise<Part | undefined> {
  const given = options[part];
  const path = options[`${part}File`];
  refuseBoth(given, path, part, what);
  if (given === undefined && path === undefined) return undefined;
  const option = path === undefined ? `tls.${part}` : `tls.${part}File '${path}'`;
  const text = pemText(path === undefined ? (given ?? '') : await fileBytes(path, option, what));
  checkPem(text, kind, `${what}: ${option}`);
  return { text, name: `${what}: ${option}` };
}

async function readPassphrase({ passphrase, passphraseFile }: TlsOptions, what: string): Promise<string | undefined> {
  refuseBoth(passphrase, passphraseFile, 'passphrase', what);
  if (passphraseFile === undefined) return passphrase;
  const bytes = await fileBytes(passphraseFile, `tls.passphraseFile '${passphraseFile}'`, what);
  // The line's end is not part of it; anything else may be.
  return bytes.toString('utf8').replace(/\r?\n$/u, '');
}

function refuseBoth(given: unknown, path: unknown, part: string, what: string): void {
  if (given !== undefined && path !== undefined)
    throw invalidOption(`${what}: tls.${part} and tls.${part}File are both given; give one of them`);
}

async function fileBytes(path: string, option: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw invalidOption(`${what}: ${option} cannot be read: ${code}`, error);
  }
}
