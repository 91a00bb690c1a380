/**
 * The option `tls` of connect: PEM text or files, checked before anything is sent. Main thread. Never puts any of the
 * material into a message, only option names and paths.
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { TlsMaterial } from '../wire/connection-settings.js';
import {
  booleanRule,
  checkOptions,
  describeValue,
  invalidOption,
  textRule,
  type OptionRule,
} from '../wire/arguments.js';

/** Certificates and keys, each as PEM text or as the path of a PEM file. */
export interface TlsOptions {
  /** The authorities to trust instead of the system's. */
  readonly ca?: string | Uint8Array | undefined;
  readonly caFile?: string | undefined;
  /** The client's certificate (with its chain), for servers that ask for one. Needs a key. */
  readonly cert?: string | Uint8Array | undefined;
  readonly certFile?: string | undefined;
  /** The private key of the client's certificate. */
  readonly key?: string | Uint8Array | undefined;
  readonly keyFile?: string | undefined;
  /** The name to check the server's certificate against, and to send as SNI, instead of the endpoint's host. */
  readonly serverName?: string | undefined;
  /** Accept any server certificate. For tests only: it leaves the connection open to anybody in between. */
  readonly insecureSkipVerify?: boolean | undefined;
}

const pemRule: OptionRule = (value, name) => {
  if (typeof value === 'string' || value instanceof Uint8Array) return;
  throw invalidOption(`${name} must be PEM text (string or Uint8Array), not ${describeValue(value)}`);
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
      serverName: textRule,
      insecureSkipVerify: booleanRule,
    },
    name,
  );
};

/** The files that these options name. */
export function tlsFiles(options: TlsOptions | undefined): string[] {
  return [options?.caFile, options?.certFile, options?.keyFile].filter((path) => path !== undefined);
}

/**
 * Reads files and checks that the material can be used.
 *
 * @throws EtcdError `invalid-argument` naming the option, and the path where a file is meant.
 */
export async function readTls(options: TlsOptions, what: string): Promise<TlsMaterial> {
  const material: TlsMaterial = {
    ca: await pemText(options, 'ca', 'CERTIFICATE', what),
    cert: await pemText(options, 'cert', 'CERTIFICATE', what),
    key: await pemText(options, 'key', 'PRIVATE KEY', what),
    serverName: options.serverName,
    insecureSkipVerify: options.insecureSkipVerify,
  };
  if ((material.cert === undefined) !== (material.key === undefined)) {
    const [given, missing] = material.key === undefined ? ['cert', 'key'] : ['key', 'cert'];
    throw invalidOption(`${what}: tls.${given} is given without tls.${missing}; a client certificate needs both`);
  }
  checkCertificate(material.ca, 'ca', what);
  checkCertificate(material.cert, 'cert', what);
  try {
    createSecureContext({ ca: material.ca, cert: material.cert, key: material.key });
  } catch (error) {
    // OpenSSL's texts name what is wrong (such as "key values mismatch"), never the material.
    const why = error instanceof Error ? error.message : 'unknown reason';
    throw invalidOption(
      `${what}: tls cannot be used: ${why}; check that cert and key belong together and are not encrypted`,
      error,
    );
  }
  return material;
}

/** Node takes authorities that it cannot read for none, so that every server would be refused. */
function checkCertificate(pem: string | undefined, part: 'ca' | 'cert', what: string): void {
  if (pem === undefined) return;
  try {
    new X509Certificate(pem);
  } catch (error) {
    throw invalidOption(`${what}: tls.${part} (or tls.${part}File) holds a certificate that cannot be read`, error);
  }
}

async function pemText(
  options: TlsOptions,
  part: 'ca' | 'cert' | 'key',
  label: 'CERTIFICATE' | 'PRIVATE KEY',
  what: string,
): Promise<string | undefined> {
  const given = options[part];
  const path = options[`${part}File`];
  if (given !== undefined && path !== undefined)
    throw invalidOption(`${what}: tls.${part} and tls.${part}File are both given; give one of them`);
  if (given === undefined && path === undefined) return undefined;
  const option = path === undefined ? `tls.${part}` : `tls.${part}File '${path}'`;
  const text = path === undefined ? Buffer.from(given ?? '').toString() : await fileText(path, option, what);
  if (!new RegExp(`-----BEGIN [A-Z0-9 ]*${label}-----`, 'u').test(text))
    throw invalidOption(`${what}: ${option} holds no PEM block '-----BEGIN ${label}-----'`);
  return text;
}

async function fileText(path: string, option: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw invalidOption(`${what}: ${option} cannot be read: ${code}`, error);
  }
}
