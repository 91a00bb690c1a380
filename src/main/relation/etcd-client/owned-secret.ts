/**
 * The Juju secrets that one side of etcd_client owns: made, renewed and removed so that a hook may run twice. Main thread. Only
 * the leader may do any of it.
 */
import { EtcdError } from '../../../wire/errors.js';
import type { JujuBackend, NewSecretContent, SecretContent, SecretRef } from '../backend.js';

/** What a secret of this interface is about, as the label tells. */
export type SecretGroup = 'user' | 'tls' | 'mtls' | 'encryption';

/** A secret that shall exist. */
export interface WantedSecret {
  readonly relationId: string;
  readonly label: string;
  /** The id that is published already, if there is one. */
  readonly knownId: string | undefined;
  readonly content: NewSecretContent;
}

/** The label that each side gives a secret, its own or the other's: `<endpoint>.<relation>[.<request>].<group>.secret`. */
export function secretLabel(relationId: string, requestId: string | undefined, group: SecretGroup): string {
  return [...relationId.split(':'), ...(requestId === undefined ? [] : [requestId]), group, 'secret'].join('.');
}

/**
 * Makes a secret and grants it on the relation, or gives the one that is there a new revision if its content is another.
 *
 * @returns its id.
 * @throws EtcdError `not-leader`.
 */
export async function ensureSecret(backend: JujuBackend, wanted: WantedSecret): Promise<string> {
  const { relationId, label, knownId, content } = wanted;
  const id = knownId ?? (await backend.secretInfo({ label }))?.id;
  const kept = id === undefined ? undefined : await readIfThere(backend, { id });
  if (id !== undefined && kept !== undefined) {
    if (!sameContent(kept, content)) await backend.writeSecret(id, content);
    if (knownId === undefined) await backend.grantSecret(id, relationId);
    return id;
  }
  const made = await backend.addSecret(content, { label, owner: 'application' });
  await backend.grantSecret(made, relationId);
  return made;
}

/** Removes secrets by id; those that are gone already do not matter. */
export async function removeSecrets(backend: JujuBackend, ids: Iterable<string | undefined>): Promise<void> {
  for (const id of ids) {
    if (id === undefined) continue;
    try {
      await backend.removeSecret(id);
    } catch (error) {
      if (!isSecretMissing(error)) throw error;
    }
  }
}

/**
 * Removes the secrets made for relations of an endpoint that are no more: Juju keeps an application's secrets otherwise.
 *
 * @returns how many there were.
 */
export async function removeStaleSecrets(
  backend: JujuBackend,
  endpoint: string,
  live: readonly { readonly relationId: string }[],
): Promise<number> {
  const stale: string[] = [];
  for (const id of await backend.secretIds()) {
    const label = (await backend.secretInfo({ id }))?.label ?? '';
    const [name, number] = label.split('.');
    const isOurs = name === endpoint && label.endsWith('.secret') && /^\d+$/u.test(number ?? '');
    if (isOurs && !live.some(({ relationId }) => relationId === `${endpoint}:${number ?? ''}`)) stale.push(id);
  }
  await removeSecrets(backend, stale);
  return stale.length;
}

/** The newest content of the other side's secret, or why it cannot be had yet. */
export async function readGranted(backend: JujuBackend, ref: SecretRef): Promise<SecretContent | 'denied' | 'missing'> {
  try {
    // Without a refresh Juju goes on giving the revision that was read first.
    return await backend.readSecret(ref, 'refresh');
  } catch (error) {
    if (!isSecretMissing(error)) throw error;
    return error.code === 'secret-denied' ? 'denied' : 'missing';
  }
}

async function readIfThere(backend: JujuBackend, ref: SecretRef): Promise<SecretContent | undefined> {
  try {
    return await backend.readSecret(ref);
  } catch (error) {
    if (isSecretMissing(error)) return undefined;
    throw error;
  }
}

/** True for a secret that is gone, or not (or no longer) for us. */
function isSecretMissing(error: unknown): error is EtcdError {
  return error instanceof EtcdError && (error.code === 'secret-not-found' || error.code === 'secret-denied');
}

function sameContent(kept: SecretContent, wanted: NewSecretContent): boolean {
  const entries = Object.entries(wanted);
  return kept.size === entries.length && entries.every(([key, value]) => kept.get(key) === value);
}
