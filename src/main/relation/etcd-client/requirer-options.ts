/** The options of {@link EtcdClientRequires}, checked. Main thread; pure. */
import { describeValue, invalidOption } from '../../../wire/arguments.js';
import { checkBundle, checkClientChain } from '../pem.js';
import type { EtcdClientProtocol, RequestExtras } from './client-request.js';

/** The client's own certificate (with its chain, leaf first) and private key, as PEM text. The key never leaves this unit. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A requiring endpoint of the interface etcd_client. */
export interface EtcdClientRequiresOptions extends RequestExtras {
  /** The endpoint's name in the charm's metadata. */
  readonly name: string;
  /** The keys asked for: all that begin with this, such as `/app/`. Providers answer nothing without it. */
  readonly prefix: string;
  /**
   * `v0` (default) is understood by providers of either version; `v1` by those of version 1 only; `dual` asks in both at once and
   * takes either answer.
   */
  readonly protocol?: EtcdClientProtocol | undefined;
  /** Can be given later, see {@link EtcdClientRequires.setClientCertificate}; until then the provider cannot answer. */
  readonly certificate?: ClientCertificate | undefined;
}

const PROTOCOLS: readonly string[] = ['v0', 'v1', 'dual'] satisfies EtcdClientProtocol[];
const TEXTS = ['extraUserRoles', 'extraGroupRoles', 'entityType', 'entityPermissions'] as const;

/** @throws EtcdError `invalid-argument` or `invalid-credentials`. */
export function checkRequiresOptions(options: EtcdClientRequiresOptions): void {
  checkEndpointName(options.name, 'EtcdClientRequires');
  const prefix: unknown = options.prefix;
  if (typeof prefix !== 'string' || prefix === '') {
    throw invalidOption(`EtcdClientRequires: prefix must be the beginning of your keys, not ${describeEmpty(prefix)}`);
  }
  if (!PROTOCOLS.includes(options.protocol ?? 'v0')) {
    throw invalidOption("EtcdClientRequires: protocol must be 'v0', 'v1' or 'dual'");
  }
  for (const name of TEXTS) {
    const value: unknown = options[name];
    if (value === undefined || (typeof value === 'string' && value !== '')) continue;
    throw invalidOption(`EtcdClientRequires: ${name} must be text, not ${describeEmpty(value)}`);
  }
  if (options.certificate !== undefined) checkClientCertificate(options.certificate);
}

/**
 * The certificate and its key with LF line ends.
 *
 * @throws EtcdError `invalid-credentials` if they cannot be read, do not belong together, or no provider would take them.
 */
export function checkClientCertificate(certificate: ClientCertificate): ClientCertificate {
  const { pem } = checkClientChain(certificate.cert);
  // The chain stands in for the authorities, which the client does not know yet.
  const { key, cert } = checkBundle({ key: certificate.key, cert: pem, ca: pem });
  return { key, cert };
}

/** @throws EtcdError `invalid-argument`. */
export function checkEndpointName(name: unknown, what: string): void {
  if (typeof name === 'string' && /^[A-Za-z][\w-]*$/u.test(name)) return;
  throw invalidOption(`${what}: name must be the endpoint's name in the charm's metadata, not ${describeEmpty(name)}`);
}

function describeEmpty(value: unknown): string {
  return value === '' ? 'an empty text' : describeValue(value);
}
