/**
 * Which of the two lists counts that a provider of etcd_client publishes: `uris` in the secret, or `endpoints` in the databag. Main
 * thread; pure.
 *
 * They say the same, but a provider may renew one without the other, and Python tells its charm of a change of `endpoints` alone. So
 * the one that changed last counts, which takes a memory from hook to hook. At first sight it is `uris`.
 */
import { hashOf } from '../snapshot.js';

/** Both lists as URIs, each once and sorted; empty where there is none. */
export interface EndpointLists {
  readonly uris: readonly string[];
  readonly addresses: readonly string[];
}

/** What is remembered of both lists: hashes, and `newer` while the databag's counts. */
export type EndpointMemory = Readonly<Partial<Record<'uris' | 'addresses' | 'newer', string>>>;

/** @param former what the last successful hook remembered. */
export function chooseEndpoints(
  { uris, addresses }: EndpointLists,
  former: EndpointMemory,
): { readonly endpoints: readonly string[]; readonly memory: EndpointMemory } {
  const memory = { uris: hashOf(uris), addresses: hashOf(addresses) };
  if (addresses.length === 0) return { endpoints: uris, memory };
  const isChanged = former.addresses !== undefined && former.addresses !== memory.addresses;
  const isNewer = former.uris === memory.uris && (isChanged || former.newer === 'addresses');
  if (uris.length > 0 && !isNewer) return { endpoints: uris, memory };
  return { endpoints: addresses, memory: uris.length > 0 ? { ...memory, newer: 'addresses' } : memory };
}
