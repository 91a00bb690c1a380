/** The certificates of authorities that the operating system trusts, where Node can read them. Main thread. */
import * as tls from 'node:tls';
import { invalidOption } from '../wire/arguments.js';

/** What is asked; for tests another one. */
export interface AuthoritySource {
  readonly getCACertificates?: ((type: 'system') => readonly string[]) | undefined;
}

// The types are those of the oldest Node that is supported.
const NODE = tls as object as AuthoritySource;

/**
 * As PEM text.
 *
 * @throws EtcdError `invalid-argument` where Node cannot, or the system has none.
 */
export function systemAuthorities(what: string, { getCACertificates }: AuthoritySource = NODE): string {
  if (getCACertificates === undefined)
    throw invalidOption(
      `${what}: tls.ca 'system' needs Node 22.15 or later; this one has no tls.getCACertificates: give tls.caFile ` +
        '(the bundle of the system, such as /etc/ssl/certs/ca-certificates.crt)',
    );
  const certificates = getCACertificates('system');
  if (certificates.length === 0)
    throw invalidOption(`${what}: tls.ca is 'system', but the system has no authorities; give tls.caFile`);
  return certificates.join('\n');
}
