/**
 * Compares what a watch delivered with the ledger. Pure.
 */
import {
  checkFields,
  describeValue,
  invalidOption,
  objectRule,
  type OptionRule,
  type OptionTable,
} from '../../wire/arguments.js';
import { toBytes, toKey, type KeyInput } from '../../wire/key-range.js';
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

const iterableRule: OptionRule = (value, name) => {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value))
    throw invalidOption(`${name} must be an iterable of events, not ${describeValue(value)}`);
};

const revisionRule: OptionRule = (value, name) => {
  if (typeof value !== 'bigint' && (typeof value !== 'number' || Number.isNaN(value)))
    throw invalidOption(`${name} must be a number or a bigint, not ${describeValue(value)}`);
};

const rules: OptionTable<LossScope> = {
  prefix: (value, name) => void toBytes(value, name),
  fromRevision: revisionRule,
  toRevision: revisionRule,
};

/** Compares event by event. @throws EtcdError `invalid-argument` for keys that are none. */
export function findLosses(ledger: readonly LedgerEvent[], seen: Iterable<SeenEvent>, scope: LossScope = {}): Losses {
  iterableRule(ledger, 'findLosses: ledger');
  iterableRule(seen, 'findLosses: seen');
  objectRule(scope, 'findLosses: scope');
  checkFields<LossScope>(scope, rules, 'findLosses');
  const { prefix, fromRevision = 0, toRevision = Infinity } = scope;
  if (fromRevision > toRevision) throw invalidOption('findLosses: fromRevision must not be after toRevision');
  const start = prefix === undefined ? '' : latin1(prefix);
  const missing = new Set<string>();
  for (const { type, revision, key } of each(ledger, 'ledger')) {
    const text = latin1(key);
    if (revision >= fromRevision && revision <= toRevision && text.startsWith(start))
      missing.add(name(type, revision, text));
  }
  const known = new Set(missing);
  const doubled: string[] = [];
  const invented: string[] = [];
  const disordered: string[] = [];
  let latest: number | bigint = 0;
  for (const { type, revision, key } of each(seen, 'seen')) {
    const event = name(type, revision, latin1(key));
    if (revision < latest) disordered.push(event);
    else latest = revision;
    if (missing.delete(event)) continue;
    (known.has(event) ? doubled : invented).push(event);
  }
  return { lost: [...missing], doubled, invented, disordered };
}

/** The events, each checked when its turn comes: `seen` may be large, and read once only. */
function* each<Event extends SeenEvent>(events: Iterable<Event>, name: string): Generator<Event, void, undefined> {
  for (const event of events) {
    if (typeof event !== 'object' || (event as unknown) === null)
      throw invalidOption(`findLosses: ${name} must be events, one of them is ${describeValue(event)}`);
    yield event;
  }
}

function name(type: string, revision: number | bigint, keyText: string): string {
  return `${type} @${revision} ${keyText}`;
}

function latin1(key: KeyInput): string {
  return Buffer.from(toKey(key, 'findLosses: a key')).toString('latin1');
}
