/** The options of {@link EtcdClientRequires}, checked. Main thread; pure. */
import { checkOptions, choiceRule, textRule, type OptionTable } from '../../../wire/arguments.js';
import { checkBundle, checkClientChain } from '../pem.js';
import { bundleRule, endpointNameRule, pemTextRule } from '../relation-arguments.js';
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

const certificateRule = bundleRule(pemTextRule, ['cert', 'key']);

export const EXTRAS_RULES: OptionTable<RequestExtras> = {
  extraUserRoles: textRule,
  extraGroupRoles: textRule,
  entityType: textRule,
  entityPermissions: textRule,
};

/** @throws EtcdError `invalid-argument` or `invalid-credentials`. */
export function checkRequiresOptions(options: EtcdClientRequiresOptions): void {
  checkOptions<EtcdClientRequiresOptions>(
    options,
    {
      ...EXTRAS_RULES,
      name: endpointNameRule,
      prefix: textRule,
      protocol: choiceRule('v0', 'v1', 'dual'),
      certificate: certificateRule,
    },
    'EtcdClientRequires.load',
    ['name', 'prefix'],
  );
}

/**
 * The certificate and its key with LF line ends.
 *
 * @throws EtcdError `invalid-argument`; `invalid-credentials` if they cannot be read, do not belong together, or no provider would take them.
 */
export function checkClientCertificate(certificate: ClientCertificate): ClientCertificate {
  certificateRule(certificate, 'setClientCertificate: certificate');
  const { pem } = checkClientChain(certificate.cert);
  // The chain stands in for the authorities, which the client does not know yet.
  const { key, cert } = checkBundle({ key: certificate.key, cert: pem, ca: pem });
  return { key, cert };
}
