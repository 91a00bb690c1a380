/** The engines that have a name, so that any part of the process finds them. Main thread; one registry a process. */
import { EtcdError } from '../wire/errors.js';
import type { Etcd } from './etcd.js';
import { invalidOption, textRule } from '../wire/arguments.js';

/** A name is taken before its engine is connected, so that two that connect at once cannot both have it. */
const named = new Map<string, Etcd | 'connecting'>();

/** @throws EtcdError `invalid-argument` when the name is in use. */
export function reserveName(name: string): void {
  if (named.has(name))
    throw invalidOption(
      `connect: name '${name}' is in use; close that connection first, or find it with connection('${name}')`,
    );
  named.set(name, 'connecting');
}

export function registerName(name: string, etcd: Etcd): void {
  named.set(name, etcd);
}

export function freeName(name: string): void {
  named.delete(name);
}

/**
 * The live engine that was connected with this name, anywhere in the process.
 *
 * @throws EtcdError `invalid-argument` when there is none (never connected, connecting still, or closed).
 */
export function connection(name: string): Etcd {
  textRule(name, 'connection: name');
  const found = named.get(name);
  if (found !== undefined && found !== 'connecting') return found;
  const why = found === undefined ? 'there is none' : 'it is still connecting';
  throw new EtcdError(`connection: no connection named '${name}': ${why}; make it with connect({ name })`, {
    code: 'invalid-argument',
    outcome: 'not-sent',
  });
}
