/** What TLS material means for a connection, the same on both sides and over every transport. Pure. */
import type { TlsMaterial } from './connection-settings.js';

/** Options of `tls.createSecureContext` and `tls.connect`. */
export interface TlsContextOptions {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly allowPartialTrustChain: boolean;
}

export function tlsContextOptions(tls: TlsMaterial | undefined): TlsContextOptions {
  return {
    ca: tls?.ca,
    cert: tls?.cert,
    key: tls?.key,
    // Whatever is given as ca is trusted, an intermediate authority too, as etcd and etcdctl do it.
    allowPartialTrustChain: tls?.ca !== undefined,
  };
}
