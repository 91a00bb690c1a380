/** The addresses of the own application's units, over any backend. Main thread; reads only. */
import type { JujuBackend } from './backend.js';
import { databagOrNone, departsItself, liveRelations } from './live-relations.js';

/** See {@link JujuBackend.peerAddresses}. */
export async function peerAddressesOf(backend: JujuBackend, endpoint: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  if (!departsItself(backend)) {
    const { ingressAddresses, bindAddresses } = await backend.networkInfo(endpoint);
    const own = ingressAddresses[0] ?? bindAddresses[0];
    if (own !== undefined) found.set(backend.context.unit, own);
  }
  for (const { relationId, units } of await liveRelations(backend, endpoint)) {
    for (const unit of units) {
      const bag = await databagOrNone(backend, relationId, unit);
      // Juju before 2.3 knows the private address only.
      const address = bag.get('ingress-address') ?? bag.get('private-address');
      if (address !== undefined) found.set(unit, address);
    }
  }
  return new Map([...found].sort(([left], [right]) => (left < right ? -1 : 1)));
}
