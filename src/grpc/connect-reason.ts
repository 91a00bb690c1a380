/**
 * Why a connection could not be made or broke, in words that say what to do: from what node and OpenSSL throw, and from the texts
 * that grpc-js passes on of them. Pure. Neither ever holds TLS material.
 */

const UNTRUSTED = "the server's certificate is signed by a CA that is not trusted; give it as tls.ca or tls.caFile";
const NOT_TLS = 'the peer does not speak TLS; use http://';
const NOT_HTTP2 = "no HTTP/2 is spoken there; is it etcd's client port, and is http:// or https:// right?";
const RULES_BROKEN = 'the peer broke the rules of HTTP/2; is http:// or https:// right?';
const NO_ALPN = "the TLS peer does not offer HTTP/2 (ALPN h2); is this etcd's client port?";
const EXPIRED_PAIR = 'the server says that the client certificate in tls.cert has expired; give a new one';
const DISTRUSTED_PAIR = 'the server does not trust the CA of the client certificate in tls.cert';

/** By the code of the error; by its text where a text is all there is. The first that fits counts. */
const REASONS: readonly (readonly [code: string, text: RegExp | undefined, reason: string])[] = [
  ['ECONNREFUSED', undefined, 'connection refused; nothing listens there'],
  ['ECONNRESET', undefined, 'the peer reset the connection'],
  ['EPIPE', undefined, 'the peer closed the connection'],
  ['ETIMEDOUT', undefined, 'the network gave no answer'],
  ['EHOSTUNREACH', undefined, 'no route to the host'],
  ['ENETUNREACH', undefined, 'the network cannot be reached'],
  ['ENOTFOUND', /^Name resolution failed/u, 'the host name is not known'],
  ['EAI_AGAIN', undefined, 'the name server does not answer'],
  ['ENOENT', undefined, 'no such unix socket'],
  ['EACCES', undefined, 'no permission for the unix socket'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', /wrong version number/iu, NOT_TLS],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', /packet length too long/iu, NOT_TLS],
  ['', /before secure TLS connection/iu, 'no TLS is spoken there; is it http://?'],
  ['CERT_HAS_EXPIRED', /certificate has expired/iu, "the server's certificate has expired"],
  ['CERT_NOT_YET_VALID', /not yet valid/iu, "the server's certificate is not valid yet; are the clocks right?"],
  ['SELF_SIGNED_CERT_IN_CHAIN', /self-signed certificate in/iu, UNTRUSTED],
  [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    /self-signed certificate/iu,
    "the server's certificate is signed by itself; give that certificate as tls.ca",
  ],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /unable to verify/iu, UNTRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT', /unable to get/iu, UNTRUSTED],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', undefined, UNTRUSTED],
  [
    'CERT_SIGNATURE_FAILURE',
    /certificate signature failure/iu,
    "the server's certificate is not signed by the CA in tls.ca",
  ],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    /altnames/iu,
    "the server's certificate is for other names; set tls.serverName to one of them",
  ],
  [
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    /certificate required/iu,
    'the server wants a client certificate; give tls.cert and tls.key',
  ],
  ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', /alert certificate expired/iu, EXPIRED_PAIR],
  [
    'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
    /bad certificate/iu,
    'the server does not accept the client certificate in tls.cert',
  ],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /unknown ca/iu, DISTRUSTED_PAIR],
  [
    'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
    /handshake failure/iu,
    'the server refused the TLS handshake; does it want tls.cert and tls.key?',
  ],
  ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', /no application protocol/iu, NO_ALPN],
  ['ERR_HTTP2_ERROR', /^Protocol error/iu, RULES_BROKEN],
  ['ERR_HTTP2_TOO_MANY_INVALID_FRAMES', undefined, 'the peer broke the rules of HTTP/2 too often'],
  ['ERR_HTTP2_SESSION_ERROR', undefined, 'one side broke the rules of HTTP/2'],
  ['ERR_OSSL_X509_KEY_VALUES_MISMATCH', /key values mismatch/iu, 'tls.key is not the key of tls.cert'],
  ['ERR_OSSL_PEM_NO_START_LINE', /no start line/iu, 'tls.ca, tls.cert or tls.key is not PEM text'],
  // What grpc-js says where it knows no more.
  ['', /^Failed to connect/iu, NOT_HTTP2],
];

const BY_CODE: ReadonlyMap<string, string> = new Map(REASONS.map(([code, , reason]) => [code, reason]));

/** @param cause what was thrown, or handed to a listener. */
export function reasonOf(cause: unknown): string {
  const code = codeOf(cause);
  const words = cause instanceof Error ? cause.message : String(cause);
  if (code === undefined || words.includes(code)) return reasonInText(words);
  // Versions of OpenSSL name the same alert differently; what they say of it is alike.
  const known = BY_CODE.get(code) ?? find(words);
  if (known === undefined) return `${words} (${code})`;
  // Which name was looked for, and which there are.
  return code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? `${known} (${code}: ${words})` : `${known} (${code})`;
}

/** @param text the words alone, as grpc-js hands them on. */
export function reasonInText(text: string): string {
  const words = text
    .replace(/^(?:Error: )+/u, '')
    // grpc-js puts the time of the attempt at the end.
    .replace(/ \(\d{4}-\d\d-[^)]*\)$/u, '')
    // Of a line of OpenSSL only what it says: not the thread, nor the line of its source.
    .replace(/^[0-9A-F]*:?error:[0-9A-F]+:[^:]*:[^:]*:([^:]+):.*$/su, '$1')
    .trim();
  if (words === '') return 'no reason was given';
  const known = find(words);
  return known === undefined ? words : `${known} (${words})`;
}

function find(words: string): string | undefined {
  return REASONS.find(([code, pattern]) => (code !== '' && words.includes(code)) || pattern?.test(words) === true)?.[2];
}

/** A happy-eyeballs attempt fails with an AggregateError: its code is the one of the first address. */
export function codeOf(cause: unknown): string | undefined {
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  if (cause instanceof AggregateError && cause.errors.length > 0) return codeOf(cause.errors[0]);
  return undefined;
}
