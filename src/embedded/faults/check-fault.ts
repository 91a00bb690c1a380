/**
 * The check of what callers of the fault kit give. Caller's thread; pure.
 */
import {
  checkFields,
  choiceRule,
  describeValue,
  integerRule,
  invalidOption,
  nearest,
  objectRule,
  stringRule,
  type OptionRule,
  type OptionTable,
} from '../../wire/arguments.js';
import { SERVED_METHODS } from './served-methods.js';
import type { CallAction, ConnectionAction, Fault, FaultMoment, ServerAction } from './fault.js';

const MOMENTS: readonly FaultMoment[] = ['call', 'applied', 'request', 'answer', 'created', 'events', 'fragment'];
const ON_CALLS: readonly CallAction['kind'][] = ['refuse', 'delay', 'cut', 'stall', 'go-away'];
const ON_SERVER: readonly ServerAction['kind'][] = [
  ...(['compact', 'expire-tokens', 'bump-auth-revision', 'advance-clock'] as const),
  ...(['roll-back', 'no-leader', 'leader-back'] as const),
];
const ON_CONNECTIONS: readonly ConnectionAction['kind'][] = ['cut-connections', 'go-away-all'];
const STATUS_CODES = 16;
const MAX = Number.MAX_SAFE_INTEGER;

type Fields = { readonly [Name in 'kind' | 'code' | 'text' | 'byMs' | 'what' | 'revision']?: unknown };

const millisecondsRule: OptionRule = (value, name) => {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    throw invalidOption(`${name} must be milliseconds, 0 or more, not ${describeValue(value)}`);
};

/** What each kind of action takes beside its kind, and whether it must. */
interface KindFields {
  readonly rules: Partial<OptionTable<Fields>>;
  readonly required: readonly (keyof Fields)[];
}

const FIELDS: Readonly<Record<string, KindFields>> = {
  refuse: { rules: { code: integerRule(1, STATUS_CODES), text: stringRule }, required: ['code', 'text'] },
  delay: { rules: { byMs: millisecondsRule }, required: ['byMs'] },
  'advance-clock': { rules: { byMs: millisecondsRule }, required: ['byMs'] },
  cut: { rules: { what: choiceRule('call', 'connection') }, required: ['what'] },
  compact: { rules: { revision: integerRule(0, MAX) }, required: [] },
  'roll-back': { rules: { revision: integerRule(-MAX, MAX) }, required: ['revision'] },
};

const faultRules: OptionTable<Fault> = {
  rpc: (value, name) => {
    if (typeof value !== 'string' || value === '')
      throw invalidOption(`${name} must be a method such as 'KV/Put', or '*', not ${describeValue(value)}`);
    // A fault on a method that there is none of would never strike, and the test that set it would prove nothing.
    if (value === '*' || SERVED_METHODS.includes(value)) return;
    const near = nearest(value, SERVED_METHODS);
    const hint = near === undefined ? `known are ${SERVED_METHODS.join(', ')}` : `did you mean '${near}'?`;
    throw invalidOption(`${name} must be a method that the server has, or '*', not '${value}'; ${hint}`);
  },
  at: choiceRule(...MOMENTS),
  action: (value, name) => {
    checkKind(value, [...ON_CALLS, ...ON_SERVER], name);
  },
  endpoint: stringRule,
  skip: integerRule(0, MAX),
  times: (value, name) => {
    if (value !== Infinity) integerRule(1, MAX)(value, name);
  },
};

/** @throws EtcdError `invalid-argument`. */
export function checkFault(fault: Fault, what: string): Fault {
  objectRule(fault, `${what}: fault`);
  checkFields<Fault>(fault, faultRules, what, ['rpc', 'at', 'action']);
  const { rpc, at, action, endpoint, skip, times } = fault;
  if (action.kind === 'delay' && at !== 'call' && at !== 'applied')
    throw invalidOption(`${what}: at must be 'call' or 'applied' for a delay, not '${at}'`);
  return { rpc, at, action, endpoint, skip, times };
}

/** @throws EtcdError `invalid-argument`. */
export function checkAction(action: ServerAction | ConnectionAction, what: string): ServerAction | ConnectionAction {
  checkKind(action, [...ON_SERVER, ...ON_CONNECTIONS], `${what}: action`);
  return action;
}

function checkKind(action: unknown, known: readonly string[], name: string): void {
  objectRule(action, name);
  const kind: unknown = 'kind' in action ? action.kind : undefined;
  choiceRule(...known)(kind, `${name}.kind`);
  const { rules, required } = FIELDS[String(kind)] ?? { rules: {}, required: [] };
  const table: OptionTable<Fields> = { ...(rules as OptionTable<Fields>), kind: stringRule }; // unknown names are refused
  checkFields<Fields>(action, table, name, required);
}
