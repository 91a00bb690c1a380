/** Whether TLS material can be used at all: once for each, before anything is connected with it. Main thread. */
import { createSecureContext } from 'node:tls';
import type { TlsMaterial } from '../../wire/connection-settings.js';
import { EtcdError } from '../../wire/errors.js';
import { tlsContextOptions } from '../../wire/tls-context.js';

const usable = new WeakSet<TlsMaterial>();

/** @throws EtcdError `invalid-argument`: another attempt would come to the same. */
export function checkTls(tls: TlsMaterial | undefined, endpoint: string): void {
  if (tls === undefined || usable.has(tls)) return;
  try {
    createSecureContext(tlsContextOptions(tls));
  } catch (error) {
    // OpenSSL names the routine that failed, never the material.
    throw new EtcdError(
      'the option tls holds a certificate or key that cannot be read: give PEM, and cert and key together',
      { code: 'invalid-argument', outcome: 'not-sent', endpoint, cause: error },
    );
  }
  usable.add(tls);
}
