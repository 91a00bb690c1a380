/** What a relation or a connection file offers an engine at one moment, as options that it takes. Main thread; pure. */
import type { ConnectionFile } from '../relation/connection-file-format.js';
import type { EtcdConnectionInfo } from '../relation/relation-endpoint.js';
import type { TlsOptions } from '../tls-options.js';

/** Endpoints and certificates; or nothing at present. */
export type ConnectionOffer =
  | { readonly kind: 'connection'; readonly endpoints: readonly string[]; readonly tls: TlsOptions | undefined }
  | { readonly kind: 'none' };

/** How certificates of the offer are used, whatever it holds. */
export type TlsUse = Pick<TlsOptions, 'serverName' | 'insecureSkipVerify' | 'passphrase' | 'passphraseFile'>;

export function offerOfFile(file: ConnectionFile, use: TlsUse | undefined): ConnectionOffer {
  return file.state === 'unavailable' ? { kind: 'none' } : offer(file.endpoints, file.tls, use);
}

export function offerOfRelation(connection: EtcdConnectionInfo | undefined, use: TlsUse | undefined): ConnectionOffer {
  return connection?.isComplete === true ? offer(connection.endpoints, connection.tls, use) : { kind: 'none' };
}

/** Certificates that come with plain endpoints only, as some providers publish them, mean nothing. */
function offer(endpoints: readonly string[], tls: TlsOptions | undefined, use: TlsUse | undefined): ConnectionOffer {
  const isEncrypted = endpoints.some((endpoint) => /^(?:https|unixs):/u.test(endpoint));
  const hasKey = tls?.key !== undefined || tls?.keyFile !== undefined;
  const keyless = { passphrase: undefined, passphraseFile: undefined };
  const given = tls === undefined && use === undefined ? undefined : { ...tls, ...use, ...(!hasKey && keyless) };
  return { kind: 'connection', endpoints, tls: isEncrypted ? given : undefined };
}
