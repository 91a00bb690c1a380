/**
 * Which relations of an endpoint, and which remote units of each, are alive in the hook that runs. Main thread; reads only.
 */
import { EtcdError } from '../../wire/errors.js';
import type { Databag, JujuBackend } from './backend.js';

/** One relation that is not breaking. */
export interface LiveRelation {
  readonly relationId: string;
  /** Remote units that are not departing, in Juju's order (as strings). */
  readonly units: readonly string[];
}

/** The relations of an endpoint but the one that is breaking, and their units but the one that is departing. */
export async function liveRelations(backend: JujuBackend, endpoint: string): Promise<readonly LiveRelation[]> {
  const hook = backend.context.relation;
  const live: LiveRelation[] = [];
  for (const relationId of await backend.relationIds(endpoint)) {
    const current = hook?.relationId === relationId ? hook : undefined;
    if (current?.phase === 'broken') continue;
    const units = await unlessGone(backend.relationUnits(relationId));
    if (units === undefined) continue;
    // Juju has dropped the departing unit from the list already; an older one may not have.
    const gone = current?.phase === 'departed' ? [current.departingUnit, current.remoteUnit] : [];
    live.push({ relationId, units: units.filter((unit) => !gone.includes(unit)) });
  }
  return live;
}

/** A member's settings, or none where it, or its relation, has gone meanwhile. */
export async function databagOrNone(backend: JujuBackend, relationId: string, member: string): Promise<Databag> {
  return (await unlessGone(backend.readDatabag(relationId, member))) ?? new Map<string, string>();
}

/** Whether the local unit is the one that leaves in this hook: what it publishes nobody would use. */
export function departsItself(backend: JujuBackend): boolean {
  return backend.context.relation?.departingUnit === backend.context.unit;
}

async function unlessGone<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof EtcdError && error.code === 'relation-not-found') return undefined;
    throw error;
  }
}
