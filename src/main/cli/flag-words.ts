/**
 * The library's messages in the words of the command line: a flag, or the variable that a setting came from, in the place of
 * an option of `connect`. Pure.
 */

/** What stands for each setting of the connection: `--cacert`, or `ETCDCTL_CACERT`. */
export interface FlagWords {
  readonly endpoints: string;
  /** Where endpoints can be given, for somebody who gave none. */
  readonly whereEndpoints: string;
  readonly cacert: string;
  readonly cert: string;
  readonly key: string;
  readonly serverName: string;
  readonly skipVerify: string;
  readonly connectTimeout: string;
  readonly requestTimeout: string;
}

export const FLAG_WORDS: FlagWords = {
  endpoints: '--endpoints',
  whereEndpoints: '--endpoints and ETCD_ENDPOINTS',
  cacert: '--cacert',
  cert: '--cert',
  key: '--key',
  serverName: '--server-name',
  skipVerify: '--insecure-skip-tls-verify',
  connectTimeout: '--timeout',
  requestTimeout: '--timeout',
};

/** Each with what takes its place, in this order: longer names before the ones that they begin with. */
const OPTIONS: readonly (readonly [option: RegExp, words: (words: FlagWords) => string])[] = [
  [/\btls\.clientCa\b/gu, () => '--client-ca'],
  [/\bsocketPath must be the absolute path of a file\b/gu, () => '--socket must be the path of a file'],
  [/; give another, or 0\b/gu, () => '; give another --port, or 0'],
  [/\btls\.(ca|cert|key) \(or tls\.\1File\)/gu, () => 'tls.$1'],
  [/\btls\.(ca|cert|key|passphrase) or tls\.\1File\b/gu, () => 'tls.$1'],
  [/\btls\.ca(?:File)?\b/gu, ({ cacert }) => cacert],
  [/\btls\.cert(?:File)?\b/gu, ({ cert }) => cert],
  [/\btls\.key(?:File)?\b/gu, ({ key }) => key],
  [/\btls\.passphrase(?:File)?\b/gu, () => '--passphrase-file'],
  [/\btls\.serverName\b/gu, ({ serverName }) => serverName],
  [/\btls\.insecureSkipVerify\b/gu, ({ skipVerify }) => skipVerify],
  [/\btls is given but\b/gu, () => 'settings for TLS are given, but'],
  [/, or leave tls out\b/gu, () => ', or leave them out'],
  [/\btls cannot be used\b/gu, ({ cert, key }) => `${cert} and ${key} cannot be used`],
  [/\bcheck that cert and key belong\b/gu, () => 'check that they belong'],
  [/\bauth\.passwordFile\b/gu, () => '--password-file'],
  [/\bgive them with the option auth instead/gu, () => 'give them with --user and --password-file instead'],
  [/: check the option endpoints$/gu, () => ''],
  [
    /: choose another leaseId, or keep it alive with keepAlive\(\)/gu,
    () => ': give another --id, or renew it with: vigil lease keep-alive',
  ],
  [/\bleaseId\b/gu, () => '--id'],
  [/\bkeepAlive\(\)/gu, () => 'vigil lease keep-alive'],
  [/\bconnectTimeoutMs\b/gu, ({ connectTimeout }) => connectTimeout],
  [/\b(?:requestTimeoutMs|timeoutMs)\b/gu, ({ requestTimeout }) => requestTimeout],
  [/\bttlSeconds\b/gu, () => 'the time to live'],
  [/\bintervalMs\b/gu, () => '--interval'],
  [/\bstartRevision\b/gu, () => '--rev'],
  [/\bignoreLease\b/gu, () => '--ignore-lease'],
  [/\bignoreValue\b/gu, () => '--ignore-value'],
  [/\brange\.(?:from|key|prefix)\b/gu, () => '<key>'],
  [/\brange\.to\b/gu, () => '--range-end'],
  [
    /^(?:connect: )?(?=endpoints must |an endpoint (?:is|must) |endpoint '[^']*' (?:is given twice|carries|has|names)\b)/u,
    ({ endpoints }) => `${endpoints}: `,
  ],
  // The call that it was: `connect: …`, `leases.grant: …`. Without a colon it is a word of the sentence.
  [/^(?:connect|watch|watchGroup|leases?|kv|EmbeddedEtcd)(?:\.\w+)?: /gu, () => ''],
  [/^EmbeddedEtcd /gu, () => ''],
];

/** A message of the library without the names of its options. */
export function inFlagWords(message: string, words: FlagWords): string {
  return OPTIONS.reduce((text, [option, word]) => text.replace(option, word(words)), message);
}
