/**
 * Schedules of faults from a seed. Pure: the same seed gives the same faults.
 */
import {
  checkOptions,
  describeValue,
  indexRule,
  integerRule,
  invalidOption,
  type OptionTable,
} from '../../wire/arguments.js';
import { checkFault } from './check-fault.js';
import type { Fault } from './fault.js';

/** What to draw from. */
export interface RandomFaultsOptions {
  /** A whole number. */
  readonly seed: number;
  /** How many faults. Default 10. */
  readonly count?: number | undefined;
  /** At most so many moments pass before a fault strikes. Default 20. */
  readonly spread?: number | undefined;
  /** What is drawn from; default: {@link WATCH_FAULTS}. Their own `skip` is added to the drawn one. */
  readonly faults?: readonly Fault[] | undefined;
}

const UNAVAILABLE = 14;
const refusal = { kind: 'refuse', code: UNAVAILABLE, text: 'etcdserver: request timed out' } as const;

/** Faults of watch streams that lose nothing for who resumes well: streams and connections cut, refused, sent away. */
export const WATCH_FAULTS: readonly Fault[] = [
  { rpc: 'Watch/Watch', at: 'call', action: refusal },
  { rpc: 'Watch/Watch', at: 'request', action: refusal },
  { rpc: 'Watch/Watch', at: 'created', action: { kind: 'cut', what: 'call' } },
  { rpc: 'Watch/Watch', at: 'created', action: { kind: 'cut', what: 'connection' } },
  { rpc: 'Watch/Watch', at: 'events', action: { kind: 'cut', what: 'call' } },
  { rpc: 'Watch/Watch', at: 'events', action: { kind: 'cut', what: 'connection' } },
  { rpc: 'Watch/Watch', at: 'events', action: { kind: 'go-away' } },
  { rpc: 'Watch/Watch', at: 'answer', action: refusal },
];

const rules: OptionTable<RandomFaultsOptions> = {
  seed: indexRule,
  count: integerRule(0, Number.MAX_SAFE_INTEGER),
  spread: integerRule(0, Number.MAX_SAFE_INTEGER - 1),
  faults: (value, name) => {
    if (!Array.isArray(value)) throw invalidOption(`${name} must be an array of faults, not ${describeValue(value)}`);
    for (const fault of value) checkFault(fault as Fault, `${name} must be an array of faults`);
  },
};

/** Draws faults, to be given to {@link FaultKit.inject} one by one. @throws EtcdError `invalid-argument`. */
export function randomFaults(options: RandomFaultsOptions): Fault[] {
  checkOptions<RandomFaultsOptions>(options, rules, 'randomFaults', ['seed']);
  const { seed, count = 10, spread = 20, faults = WATCH_FAULTS } = options;
  let state = seed >>> 0;
  // A Weyl sequence with a mixer: small, and good enough to choose from lists.
  const below = (limit: number): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % limit;
  };
  return Array.from({ length: faults.length === 0 ? 0 : count }, () => {
    const fault = faults[below(faults.length)];
    if (fault === undefined) throw invalidOption('randomFaults: faults must not be empty');
    return { ...fault, skip: (fault.skip ?? 0) + below(spread + 1) };
  });
}
