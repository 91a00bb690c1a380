// How the Python consumers of `etcd` read a provider's databags: the rules of charms.reactive's class, as they were recorded, and of the
// operator library that reads one arbitrary unit. For checking that what we publish is what they need.
import type { Databag } from '../../src/main/relation/index.js';

/** Units and what they published, in the order of relation-list. */
export type Published = readonly (readonly [string, Databag])[];

/** What the recorded class answers. */
export interface PythonView {
  readonly flags: readonly string[];
  readonly connectionString: string | undefined;
  readonly version: string | undefined;
  readonly credentials: Readonly<Record<'client_cert' | 'client_key' | 'client_ca', string | undefined>>;
}

/** Each key by itself from the first unit that has it: so only units that agree give a consistent answer. */
export function reactiveConsumer(units: Published): PythonView {
  const remote = (key: string): string | undefined =>
    units.map(([, bag]) => bag.get(key)).find((value) => value !== undefined && value !== '');
  const [client_cert, client_key, client_ca] = [remote('client_cert'), remote('client_key'), remote('client_ca')];
  const connectionString = remote('connection_string');
  const flags = ['etcd.connected'];
  if (connectionString !== undefined) flags.push('etcd.available');
  if (connectionString !== undefined && [client_cert, client_key, client_ca].every((part) => part !== undefined))
    flags.push('etcd.tls.available');
  return { flags, connectionString, version: remote('version'), credentials: { client_cert, client_key, client_ca } };
}

/** One unit alone, whichever: so every unit must publish everything. */
export function operatorConsumer(units: Published, chosen: number): PythonView {
  return reactiveConsumer(units.slice(chosen, chosen + 1));
}
