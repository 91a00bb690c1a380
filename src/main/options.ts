/**
 * The one way options are checked: a table of rules by option name. Main thread; pure. Everything wrong is refused before
 * anything is sent, with the option's name and what is allowed; an unknown name is refused with the nearest known one.
 */
import { EtcdError } from '../wire/errors.js';
import { requireInt64 } from '../wire/int64.js';

/** Checks one value; `name` is the option's full name, for the message. Only called with a value that is not undefined. */
export type OptionRule = (value: unknown, name: string) => void;

/** A rule for every option that `Options` has, so that a forgotten one does not compile. */
export type OptionTable<Options> = { readonly [Name in keyof Options]-?: OptionRule };

/**
 * Checks an options object against its table. An option set to `undefined` counts as not given.
 *
 * @param what the call, for messages such as «connect: …».
 * @throws EtcdError `invalid-argument`.
 */
export function checkOptions<Options extends object>(
  given: unknown,
  table: OptionTable<Options>,
  what: string,
): asserts given is Options {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalidOption(`${what}: options must be an object, not ${describeValue(given)}`);
  }
  const rules: Readonly<Record<string, OptionRule>> = table;
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) throw unknownOption(name, Object.keys(rules), what);
    if (value !== undefined) rule(value, `${what}: ${name}`);
  }
}

/** The error for a value that is not allowed; nothing was sent. */
export function invalidOption(message: string, cause?: unknown): EtcdError {
  return new EtcdError(message, { code: 'invalid-argument', outcome: 'not-sent', cause });
}

/** What a value is, without its content: it may be a secret. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return String(value);
  return typeof value === 'undefined' ? 'undefined' : `a value of type ${typeof value}`;
}

/** A whole number from `min` to `max`. */
export function integerRule(min: number, max: number): OptionRule {
  return (value, name) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return;
    throw invalidOption(
      `${name} must be a whole number from ${String(min)} to ${String(max)}, not ${describeValue(value)}`,
    );
  };
}

/** A bigint from `min` to the largest int64. */
export function int64Rule(min: bigint): OptionRule {
  return (value, name) => void requireInt64(value, name, min);
}

/** One of a few texts. */
export function choiceRule(...choices: readonly string[]): OptionRule {
  return (value, name) => {
    if (typeof value === 'string' && choices.includes(value)) return;
    const got = typeof value === 'string' ? `'${value}'` : describeValue(value);
    throw invalidOption(`${name} must be ${choices.map((choice) => `'${choice}'`).join(' or ')}, not ${got}`);
  };
}

export const booleanRule: OptionRule = (value, name) => {
  if (typeof value !== 'boolean') throw invalidOption(`${name} must be true or false, not ${describeValue(value)}`);
};

export const functionRule: OptionRule = (value, name) => {
  if (typeof value !== 'function') throw invalidOption(`${name} must be a function, not ${describeValue(value)}`);
};

export const textRule: OptionRule = (value, name) => {
  if (typeof value !== 'string' || value === '')
    throw invalidOption(
      `${name} must be a string that is not empty, not ${value === '' ? "''" : describeValue(value)}`,
    );
};

export const signalRule: OptionRule = (value, name) => {
  if (!(value instanceof AbortSignal))
    throw invalidOption(`${name} must be an AbortSignal, not ${describeValue(value)}`);
};

function unknownOption(name: string, known: readonly string[], what: string): EtcdError {
  const near = nearest(name, known);
  const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean '${near}'?`;
  return invalidOption(`${what}: unknown option '${name}'; ${hint}`);
}

/** The known name within a third of its length in edits, if there is one. */
function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    const limit = Math.max(2, Math.floor(candidate.length / 3));
    if (distance <= limit && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions and substitutions between two names (Levenshtein), one row at a time. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const substituted = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
