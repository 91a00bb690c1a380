/** The oldest Node that this package runs on. Both sides, and the command; pure, and without imports: it must load on any Node. */

/** As `engines` of package.json says. */
const OLDEST = { major: 20, minor: 19 };

/**
 * What to tell somebody whose Node is too old, as one line; undefined where it is not.
 *
 * @param version `process.versions.node`, such as 18.20.8
 */
export function tooOldNode(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return undefined;
  return `etcd-vigil needs Node.js ${String(OLDEST.major)}.${String(OLDEST.minor)} or later; this is v${version}`;
}
