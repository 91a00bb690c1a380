/**
 * What both backends refuse before they do anything: arguments of the wrong kind, and changes and secrets that Juju would not take.
 * Main thread; pure. Messages name keys and limits, never values.
 */
import {
  booleanRule,
  choiceRule,
  describeValue,
  fieldsRule,
  integerRule,
  invalidOption,
  objectRule,
  optional,
  stringRule,
  textRule,
  type OptionRule,
} from '../../wire/arguments.js';
import type { JujuBackend, SecretOptions, SecretRef } from './backend.js';
import { endpointNameRule } from './relation-arguments.js';

/** Juju's limits of one key and one value of a unit's state. */
const MAX_STATE_KEY_BYTES = 256;
const MAX_STATE_VALUE_BYTES = 64 * 1024;
/** Juju's rule for the keys of a secret. */
const SECRET_KEY = /^[a-z](?:-?[a-z0-9]){2,}$/u;

/** A change of a databag: keys that are not empty, and values that are text or null. */
export const changeRule: OptionRule = (value, name) => {
  objectRule(value, name);
  for (const [key, setting] of Object.entries<unknown>({ ...value })) {
    if (key === '') throw invalidOption(`${name}: a key is empty`);
    if (setting !== null && typeof setting !== 'string')
      throw invalidOption(
        `${name}: '${key}' must be a string (empty or null deletes it), not ${describeValue(setting)}`,
      );
  }
};

/** {@link changeRule}, and the limits of a unit's state. */
const stateChangeRule: OptionRule = (value, name) => {
  changeRule(value, name);
  for (const [key, setting] of Object.entries<unknown>({ ...(value as object) })) {
    if (Buffer.byteLength(key) > MAX_STATE_KEY_BYTES)
      throw invalidOption(`${name}: a key is longer than ${String(MAX_STATE_KEY_BYTES)} bytes`);
    if (typeof setting === 'string' && Buffer.byteLength(setting) > MAX_STATE_VALUE_BYTES)
      throw invalidOption(`${name}: the value of '${key}' is larger than ${String(MAX_STATE_VALUE_BYTES)} bytes`);
  }
};

/** What a secret can hold: at least one key, keys that Juju takes, and values that are not empty. */
const contentRule: OptionRule = (value, name) => {
  objectRule(value, name);
  const entries = Object.entries<unknown>({ ...value });
  if (entries.length === 0) throw invalidOption(`${name}: a secret needs at least one key`);
  for (const [key, text] of entries) {
    if (!SECRET_KEY.test(key))
      throw invalidOption(
        `${name}: '${key}' cannot be a secret's key; allowed are at least 3 of a-z, 0-9 and single dashes`,
      );
    textRule(text, `${name}: '${key}'`);
  }
};

const refFieldsRule = fieldsRule<SecretRef>({ id: stringRule, label: stringRule });

/** A secret named by its id, its label, or both. */
const refRule: OptionRule = (value, name) => {
  refFieldsRule(value, name);
  const { id = '', label = '' } = value as SecretRef;
  if (id === '' && label === '') throw invalidOption(`${name} must be an object with the id or the label of a secret`);
};

const secretOptionsRule = fieldsRule<SecretOptions>({
  label: stringRule,
  description: stringRule,
  owner: choiceRule('application', 'unit'),
});
const statusRule = choiceRule('maintenance', 'blocked', 'waiting', 'active');
const levelRule = choiceRule('TRACE', 'DEBUG', 'INFO', 'WARNING', 'ERROR');
// An empty id is one that is not there: that is told in the backend's words.
const relationRule = { relationId: stringRule };
const secretRule = { id: stringRule };
const shareRule = { ...secretRule, ...relationRule, unit: optional(stringRule) };

/** The methods that have arguments. */
type CheckedMethod = {
  [Method in keyof JujuBackend]: JujuBackend[Method] extends () => unknown ? never : Method;
}[Exclude<keyof JujuBackend, 'context'>];

/** The rules of each method's arguments, by name, in their order. */
const CALLS: Readonly<Record<CheckedMethod, Readonly<Record<string, OptionRule>>>> = {
  relationIds: { endpoint: endpointNameRule },
  relationUnits: relationRule,
  relationApp: relationRule,
  relationModel: relationRule,
  readDatabag: { ...relationRule, member: stringRule },
  writeDatabag: { ...relationRule, bag: choiceRule('unit', 'app'), change: changeRule },
  setStatus: {
    ...{ status: statusRule, message: stringRule },
    options: optional(fieldsRule<{ application?: boolean }>({ application: booleanRule })),
  },
  setApplicationVersion: { version: stringRule },
  log: { level: levelRule, message: stringRule },
  networkInfo: { endpoint: endpointNameRule, relationId: optional(stringRule) },
  peerAddresses: { endpoint: endpointNameRule },
  writeState: { change: stateChangeRule },
  addSecret: { content: contentRule, options: optional(secretOptionsRule) },
  readSecret: { ref: refRule, revision: optional(choiceRule('tracked', 'peek', 'refresh')) },
  writeSecret: { ...secretRule, content: contentRule },
  secretInfo: { ref: refRule },
  grantSecret: shareRule,
  revokeSecret: shareRule,
  removeSecret: { ...secretRule, revision: optional(integerRule(1, Number.MAX_SAFE_INTEGER)) },
};

/**
 * Checks the arguments of one call of a backend; what is well formed and not there is the backend's to tell.
 *
 * @throws EtcdError `invalid-argument`.
 */
export function checkCall(method: CheckedMethod, ...args: readonly unknown[]): void {
  for (const [index, [name, rule]] of Object.entries(CALLS[method]).entries()) rule(args[index], `${method}: ${name}`);
}

/** A secret's id without the scheme, and without the model where one is named: what two spellings of one id share. */
export function bareSecretId(id: string): string {
  return id.slice(Math.max(id.lastIndexOf('/'), id.indexOf(':')) + 1);
}
