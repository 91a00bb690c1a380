/**
 * Compares what a watch delivered with the ledger. Pure.
 */
import { EtcdError } from '../../wire/errors.js';
import { toKey, type KeyInput } from '../../wire/key-range.js';
import type { LedgerEvent } from './fault.js';

/** An event as a watch of this package, or of another, gave it. */
export interface SeenEvent {
  readonly type: 'put' | 'delete';
  /** The revision of the change (`mod_revision`). */
  readonly revision: number | bigint;
  readonly key: KeyInput;
}

/** Which part of the ledger a watch should have seen. */
export interface LossScope {
  /** Keys that begin with this; default: all. */
  readonly prefix?: KeyInput | undefined;
  /** The first revision; default: the ledger's. */
  readonly fromRevision?: number | bigint | undefined;
  /** The last revision; default: the ledger's. */
  readonly toRevision?: number | bigint | undefined;
}

/** What was not as it should be, as texts such as `put @7 k/1`; all lists empty is a good watch. */
export interface Losses {
  /** In the ledger and not seen. */
  readonly lost: readonly string[];
  /** Seen more than once: a text for each time too many. */
  readonly doubled: readonly string[];
  /** Seen and not in the ledger's part. */
  readonly invented: readonly string[];
  /** Seen after an event of a later revision. */
  readonly disordered: readonly string[];
}

/** Compares event by event. @throws EtcdError `invalid-argument` for keys that are none. */
export function findLosses(ledger: readonly LedgerEvent[], seen: Iterable<SeenEvent>, scope: LossScope = {}): Losses {
  const { prefix, fromRevision = 0, toRevision = Infinity } = scope;
  if (fromRevision > toRevision)
    throw new EtcdError('findLosses: fromRevision is after toRevision', { code: 'invalid-argument' });
  const start = prefix === undefined ? '' : latin1(prefix);
  const missing = new Set<string>();
  for (const { type, revision, key } of ledger) {
    const text = latin1(key);
    if (revision >= fromRevision && revision <= toRevision && text.startsWith(start))
      missing.add(name(type, revision, text));
  }
  const known = new Set(missing);
  const doubled: string[] = [];
  const invented: string[] = [];
  const disordered: string[] = [];
  let latest: number | bigint = 0;
  for (const { type, revision, key } of seen) {
    const event = name(type, revision, latin1(key));
    if (revision < latest) disordered.push(event);
    else latest = revision;
    if (missing.delete(event)) continue;
    (known.has(event) ? doubled : invented).push(event);
  }
  return { lost: [...missing], doubled, invented, disordered };
}

function name(type: string, revision: number | bigint, keyText: string): string {
  return `${type} @${revision} ${keyText}`;
}

function latin1(key: KeyInput): string {
  return Buffer.from(toKey(key, 'findLosses: a key')).toString('latin1');
}
