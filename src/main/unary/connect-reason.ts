/**
 * Why a connection could not be made, in words that say what to do, from the texts that grpc-js passes on from node and OpenSSL.
 * Main thread; pure. The texts never hold TLS material.
 */

const UNTRUSTED = "the server's certificate is signed by a CA that is not trusted; give it as tls.ca or tls.caFile";

const REASONS: readonly (readonly [text: RegExp, reason: string])[] = [
  [/^Name resolution failed|ENOTFOUND/u, 'the host name is not known'],
  [/EAI_AGAIN/u, 'the name server does not answer'],
  [/ECONNREFUSED/u, 'connection refused; nothing listens there'],
  [/ENOENT/u, 'no such unix socket'],
  [/EACCES/u, 'no permission for the unix socket'],
  [
    /before secure TLS connection|wrong version number|packet length too long/iu,
    'no TLS is spoken there; is it http://?',
  ],
  [/certificate required/iu, 'the server wants a client certificate; give tls.cert and tls.key'],
  [/handshake failure/iu, 'the server refused the TLS handshake; does it want tls.cert and tls.key?'],
  [/bad certificate|unknown ca/iu, 'the server does not accept the client certificate in tls.cert'],
  [/unable to (?:verify|get)|self-signed certificate in/iu, UNTRUSTED],
  [/self-signed certificate/iu, "the server's certificate is signed by itself; give that certificate as tls.ca"],
  [/certificate signature failure/iu, "the server's certificate is not signed by the CA in tls.ca"],
  [/certificate has expired/iu, "the server's certificate has expired"],
  [/not yet valid/iu, "the server's certificate is not valid yet; are the clocks right?"],
  [/altnames/iu, "the server's certificate is for other names; set tls.serverName to one of them"],
  [/^Protocol error/iu, "no HTTP/2 is spoken there; is it etcd's client port, and is http:// or https:// right?"],
];

/** @param text what grpc-js says after `Last error: `, or when it could not resolve a name. */
export function connectReason(text: string): string {
  const words = text
    .replace(/^(?:Error: )+/u, '')
    // grpc-js puts the time of the attempt at the end.
    .replace(/ \(\d{4}-\d\d-[^)]*\)$/u, '')
    .trim();
  if (words === '') return 'no reason was given';
  const reason = REASONS.find(([pattern]) => pattern.test(words))?.[1];
  return reason === undefined ? words : `${reason} (${words})`;
}
