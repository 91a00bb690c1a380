/** One random program on the embedded server and on a real etcd of its own. */
import { EtcdProcess } from '../../support/etcd.js';
import { Rng } from '../../support/rng.js';
import { startEmbedded } from '../differential/embedded-server.js';
import type { Entry } from '../rpc-session.js';
import { RandomProgram } from './program.js';
import { Twin } from './twin.js';

/** Gives what differed, as texts. */
export async function compareServers({ seed, operations }: { seed: number; operations: number }): Promise<string[]> {
  await using etcd = await EtcdProcess.start({ flags: ['--bcrypt-cost=4'], quiet: true });
  const embedded = await startEmbedded();
  try {
    const old = etcd.version.startsWith('3.4.');
    const twin = await Twin.connect(embedded.address, etcd.address, old ? as34 : normalised);
    try {
      await new RandomProgram(new Rng(seed), twin, { operations, old }).run();
      return twin.differences;
    } catch (error) {
      const log = etcd.running ? 'etcd runs' : `etcd ended:\n${etcd.logs(60)}`;
      throw new Error(`${String(error)}\nafter\n${twin.lastCalls(10).join('\n')}\n${log}`, { cause: error });
    } finally {
      twin.close();
    }
  } finally {
    await embedded.close();
  }
}

/** What 3.4 answers differently is left out. */
function as34(entry: Entry): Entry | undefined {
  // Since 3.5.
  if (entry.call.startsWith('Auth/AuthStatus')) return undefined;
  return normalised(entry);
}

function normalised(entry: Entry): Entry | undefined {
  const { call, outcome } = entry;
  if (!('fields' in outcome)) return entry;
  const { fields } = outcome;
  // Time passes while it is asked. etcd keeps the keys in no order.
  const { TTL, keys } = fields;
  if (call.startsWith('Lease/LeaseTimeToLive') && TTL !== '-1') {
    const sorted = Array.isArray(keys) ? { keys: keys.toSorted() } : {};
    return { call, outcome: { fields: { ...fields, TTL: '(TTL)', ...sorted } } };
  }
  // In the order of their ends, which is that of the grants only to the millisecond.
  const { leases } = fields;
  if (call.startsWith('Lease/LeaseLeases') && Array.isArray(leases))
    return { call, outcome: { fields: { ...fields, leases: leases.map((lease) => JSON.stringify(lease)).sort() } } };
  return entry;
}
