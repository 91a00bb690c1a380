/**
 * The one way arguments and options are checked: rules for single values, and tables of rules by option name. Pure. Everything
 * wrong is refused before anything is sent, in the same words: `call: name must be …, not …`. An unknown option is refused with
 * the nearest known one.
 */
import { EtcdError } from './errors.js';

/** Checks one value; `name` is its full name, such as `put: lease`, for the message. Of options, only those that are given. */
export type OptionRule = (value: unknown, name: string) => void;

/** A rule for every option that `Options` has, so that a forgotten one does not compile. */
export type OptionTable<Options> = { readonly [Name in keyof Options]-?: OptionRule };

/**
 * Checks an options object against its table. An option set to `undefined` counts as not given.
 *
 * @param what the call, for messages such as «connect: …».
 * @param required the options that must be given.
 * @throws EtcdError `invalid-argument`.
 */
export function checkOptions<Options extends object>(
  given: unknown,
  table: OptionTable<Options>,
  what: string,
  required: readonly (keyof Options & string)[] = [],
): asserts given is Options {
  objectRule(given, `${what}: options`);
  checkFields<Options>(given, table, what, required);
}

/** {@link checkOptions} for an object that is not named `options`: one inside others, or an argument that has fields. */
export function checkFields<Fields extends object>(
  given: object,
  table: OptionTable<Fields>,
  what: string,
  required: readonly (keyof Fields & string)[] = [],
): void {
  const rules: Readonly<Record<string, OptionRule>> = table;
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) throw unknownOption(name, Object.keys(rules), what);
    if (value !== undefined) rule(value, `${what}: ${name}`);
  }
  for (const name of required) {
    if ((given as Fields)[name] === undefined) table[name](undefined, `${what}: ${name}`);
  }
}

/** The error for a value that is not allowed; nothing was sent. */
export function invalidOption(message: string, cause?: unknown): EtcdError {
  return new EtcdError(message, { code: 'invalid-argument', outcome: 'not-sent', cause });
}

/** What a value is; numbers as they are, of everything else only the kind, since it may be a secret. */
export function describeValue(value: unknown): string {
  return typeof value === 'number' ? String(value) : describeKind(value);
}

/** What a value is, without its content. */
export function describeKind(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (value === '') return 'an empty string';
  return typeof value === 'undefined' ? 'undefined' : `a value of type ${typeof value}`;
}

/** The rule for what may be left out. */
export function optional(rule: OptionRule): OptionRule {
  return (value, name) => {
    if (value !== undefined) rule(value, name);
  };
}

/** The position in what `at()` reads: any whole number. */
export const indexRule: OptionRule = (value, name) => {
  if (!Number.isInteger(value)) throw invalidOption(`${name} must be a whole number, not ${describeValue(value)}`);
};

/** A whole number from `min` to `max`. */
export function integerRule(min: number, max: number): OptionRule {
  return (value, name) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return;
    throw invalidOption(
      `${name} must be a whole number from ${String(min)} to ${String(max)}, not ${describeValue(value)}`,
    );
  };
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

/** Text that is not empty. */
export const textRule: OptionRule = (value, name) => {
  if (typeof value !== 'string' || value === '')
    throw invalidOption(`${name} must be a string that is not empty, not ${describeValue(value)}`);
};

export const stringRule: OptionRule = (value, name) => {
  if (typeof value !== 'string') throw invalidOption(`${name} must be a string, not ${describeValue(value)}`);
};

export const objectRule: (value: unknown, name: string) => asserts value is object = (value, name) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidOption(`${name} must be an object, not ${describeValue(value)}`);
};

/** An object with the fields of a table. */
export function fieldsRule<Fields extends object>(
  table: OptionTable<Fields>,
  required: readonly (keyof Fields & string)[] = [],
): OptionRule {
  return (value, name) => {
    objectRule(value, name);
    checkFields<Fields>(value, table, name, required);
  };
}

/** An array whose elements all keep a rule; `what` says what they are, such as «endpoints». */
export function arrayRule(what: string, rule: OptionRule): OptionRule {
  return (value, name) => {
    if (!Array.isArray(value)) throw invalidOption(`${name} must be an array of ${what}, not ${describeValue(value)}`);
    for (const [index, element] of value.entries()) rule(element, `${name}[${String(index)}]`);
  };
}

/** One text that is not empty, or an array of such. */
export const textOrTextsRule: OptionRule = (value, name) => {
  if (Array.isArray(value)) arrayRule('strings', textRule)(value, name);
  else if (typeof value !== 'string' || value === '')
    throw invalidOption(`${name} must be a string that is not empty, or an array of such, not ${describeValue(value)}`);
};

/** An object that can do this; `what` says what it is, such as «a backend». */
export function methodsRule(what: string, ...methods: readonly string[]): OptionRule {
  return (value, name) => {
    const isObject = typeof value === 'object' && value !== null;
    if (isObject && methods.every((method) => typeof Reflect.get(value, method) === 'function')) return;
    throw invalidOption(`${name} must be ${what}, not ${describeValue(value)}`);
  };
}

/** The longest time limit that a timer can keep. */
export const MAX_TIMEOUT_MS = 2_147_483_647;

/** Limits of calls: milliseconds, of which fractions are taken too. */
export const timeoutRule: OptionRule = (value, name) => {
  if (typeof value === 'number' && value >= 1 && value <= MAX_TIMEOUT_MS) return;
  throw invalidOption(
    `${name} must be a number of milliseconds from 1 to ${String(MAX_TIMEOUT_MS)}, not ${describeValue(value)}`,
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

/** The known name within a third of its length in edits, if there is one. Letter case counts for nothing. */
export function nearest(name: string, known: readonly string[]): string | undefined {
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
