/** Which URLs etcd takes for a new member. Pure. */

const HTTP = /^https?:\/\/([^/?#]*)(?:[?#].*)?$/;
const UNIX = /^unixs?:\/\//;
/** A host, or an address in brackets, or neither; then a port, which nobody checks for its size. */
const HOST_AND_PORT = /^(?:\[[^\]]*\]|[^:[\]]*):\d*$/;

/** The URLs in order; undefined when one of them is none, or there is none. */
export function readPeerUrls(given: readonly string[]): string[] | undefined {
  const urls = given.map((url) => url.trim());
  if (urls.length === 0 || !urls.every(isPeerUrl)) return undefined;
  return urls.sort();
}

function isPeerUrl(url: string): boolean {
  if (UNIX.test(url)) return true;
  const authority = HTTP.exec(url)?.[1];
  return authority !== undefined && HOST_AND_PORT.test(authority.slice(authority.lastIndexOf('@') + 1));
}
