/** The relations of one endpoint that live, with both applications' databags. Main thread; reads only. */
import { EtcdError } from '../../../wire/errors.js';
import type { Databag, DatabagChange, JujuBackend } from '../backend.js';
import { databagOrNone, liveRelations } from '../live-relations.js';

/** One relation between two applications. */
export interface AppRelation {
  readonly relationId: string;
  readonly remoteApp: string;
  /** What the other side's leader has published. */
  readonly remoteBag: Databag;
  /** Remote units that are not departing. */
  readonly units: readonly string[];
}

/** The endpoint's live relations in Juju's order. One whose other side is not known yet is left out. */
export async function appRelations(backend: JujuBackend, endpoint: string): Promise<AppRelation[]> {
  const relations: AppRelation[] = [];
  for (const { relationId, units } of await liveRelations(backend, endpoint)) {
    // A unit's name tells its application: one call of a tool less.
    const remoteApp = units[0]?.split('/')[0] ?? (await backend.relationApp(relationId));
    if (remoteApp === undefined) continue;
    relations.push({ relationId, remoteApp, remoteBag: await databagOrNone(backend, relationId, remoteApp), units });
  }
  return relations;
}

/** The own application's databag; only the leader may read it, so that others get none. */
export async function ownAppBag(backend: JujuBackend, relationId: string): Promise<Databag | undefined> {
  return (await backend.isLeader()) ? backend.readDatabag(relationId, backend.context.app) : undefined;
}

/**
 * Writes what differs, in one step.
 *
 * @param wanted an empty text deletes its key.
 * @returns whether anything did.
 */
export async function writeChanges(
  backend: JujuBackend,
  relationId: string,
  bag: 'unit' | 'app',
  kept: Databag,
  wanted: Readonly<Record<string, string>>,
): Promise<boolean> {
  const change: DatabagChange = Object.fromEntries(
    Object.entries(wanted).filter(([key, value]) => (kept.get(key) ?? '') !== value),
  );
  if (Object.keys(change).length === 0) return false;
  await backend.writeDatabag(relationId, bag, change);
  return true;
}

/** Refuses what only the leader may do, before anything is written. @throws EtcdError `not-leader`. */
export async function requireLeader(backend: JujuBackend, what: string): Promise<void> {
  if (await backend.isLeader()) return;
  throw new EtcdError(
    `${what}: only the leader may do this, and ${backend.context.unit} is not; ask isLeader() first`,
    {
      code: 'not-leader',
      outcome: 'not-sent',
    },
  );
}
