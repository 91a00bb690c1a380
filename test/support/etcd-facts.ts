/** Facts of etcd that differ by release, matched by number, so that a release that no test has met yet is judged rightly, too. */

/**
 * Whether a release has what came with these patch releases, one for each minor line, oldest first. A later line than the last
 * has it, an earlier one than the first has not.
 */
export function isSince(version: string, ...since: readonly string[]): boolean {
  const [major = 0, minor = 0, patch = 0] = numbersOf(version);
  const lines = since.map(numbersOf);
  const own = lines.find((line) => line[0] === major && line[1] === minor);
  if (own !== undefined) return patch >= (own[2] ?? 0);
  const [newestMajor = 0, newestMinor = 0] = lines.at(-1) ?? [];
  return major > newestMajor || (major === newestMajor && minor > newestMinor);
}

/** Until then an answer to requested progress could overtake events that it covers (etcd #15220). */
export const isProgressTrusted = (version: string): boolean => isSince(version, '3.4.25', '3.5.8');

/** From then on a renewal asks whether the user may write the keys of the lease. */
export const checksRenewals = (version: string): boolean => isSince(version, '3.4.42', '3.5.28', '3.6.0');

function numbersOf(version: string): number[] {
  return version.split('.', 3).map((part) => Number.parseInt(part, 10));
}
