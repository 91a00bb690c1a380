/**
 * What an endpoint remembers from one successful hook to the next, to tell what changed: a JSON object under one key of the unit's
 * state. Main thread. Values of relations are remembered as hashes only, because Juju's controller keeps the state in clear.
 */
import { createHash } from 'node:crypto';
import type { JujuBackend } from './backend.js';

/** Names that hold, relations that have been joined, and hashes of what was read. */
export interface Snapshot {
  readonly names: readonly string[];
  readonly joined: readonly string[];
  readonly hashes: Readonly<Record<string, string>>;
}

export const EMPTY_SNAPSHOT: Snapshot = { names: [], joined: [], hashes: {} };

/** Reads what was remembered under a key; nothing, or what cannot be read, is {@link EMPTY_SNAPSHOT}. */
export async function readSnapshot(backend: JujuBackend, key: string): Promise<Snapshot> {
  const text = (await backend.readState()).get(key);
  if (text === undefined) return EMPTY_SNAPSHOT;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return EMPTY_SNAPSHOT;
    const fields = new Map<string, unknown>(Object.entries(parsed));
    return {
      names: texts(fields.get('names')),
      joined: texts(fields.get('joined')),
      hashes: Object.fromEntries(
        Object.entries(fields.get('hashes') ?? {}).filter(
          (pair): pair is [string, string] => typeof pair[1] === 'string',
        ),
      ),
    };
  } catch {
    return EMPTY_SNAPSHOT;
  }
}

/** Remembers under a key, unless exactly this is remembered already. Nothing needs no key. */
export async function writeSnapshot(backend: JujuBackend, key: string, snapshot: Snapshot): Promise<void> {
  const { names, joined, hashes } = snapshot;
  const empty = names.length === 0 && joined.length === 0 && Object.keys(hashes).length === 0;
  const text = empty ? '' : JSON.stringify({ names, joined, hashes });
  if (((await backend.readState()).get(key) ?? '') !== text) await backend.writeState({ [key]: text });
}

/** A hash of texts that tells apart how they are divided. */
export function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
