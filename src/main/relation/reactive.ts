/**
 * Runs a charm's handlers in one hook, in the order of charms.reactive. Main thread.
 *
 * 1. Handlers of hooks whose pattern is the hook's name.
 * 2. Handlers of events that the endpoints derived.
 * 3. Rounds of handlers with conditions. The first runs every one whose condition holds, in every hook, also when nothing changed; each
 *    later one only those of whose flags one changed in the round before. A flag that is cleared makes the rest of the round be tested
 *    again. Flags that are set count from the next round. The end is a round without handlers, or the hundredth.
 *
 * When all are done, flags and what the endpoints remember are written; when one throws, nothing is, and Juju runs the hook again.
 */
import type { JujuBackend } from './backend.js';
import { FlagSet } from './flag-set.js';
import { expandHookPattern } from './hook-pattern.js';
import {
  arrayRule,
  checkOptions,
  fieldsRule,
  functionRule,
  invalidOption,
  textOrTextsRule,
  textRule,
} from '../../wire/arguments.js';
import { backendRule, declarationRule, endpointRule } from './relation-arguments.js';
import type { EndpointDeclaration, EndpointEvent, RelationEndpoint } from './relation-endpoint.js';

/** Hooks in which only handlers of hooks run: Juju allows little else there. */
const RESTRICTED_HOOKS: readonly string[] = ['meter-status-changed', 'collect-metrics'];
const MAX_ROUNDS = 100;

/**
 * What a handler does; the next one waits for its promise. It is given the endpoint's name where its flags name
 * `{relation_name}`.
 */
export type ReactiveHandler = (relationName: string | undefined) => void | Promise<void>;

/** When a handler with conditions runs: when every part holds. `{relation_name}` in a flag makes it one handler for each endpoint. */
export interface FlagCondition {
  /** All of these are set. */
  readonly when?: string | readonly string[] | undefined;
  /** None of these is set. */
  readonly whenNot?: string | readonly string[] | undefined;
  /** At least one of these is set. */
  readonly whenAny?: string | readonly string[] | undefined;
}

/** What a dispatcher works with. */
export interface ReactiveOptions {
  /** The endpoints whose flags and events the handlers use. */
  readonly endpoints?: readonly RelationEndpoint[] | undefined;
  /** Other endpoints of the charm's metadata, for patterns such as `{peers:cluster}`. */
  readonly declared?: readonly EndpointDeclaration[] | undefined;
}

const conditionRule = fieldsRule<FlagCondition>({
  when: textOrTextsRule,
  whenNot: textOrTextsRule,
  whenAny: textOrTextsRule,
});

interface ConditionHandler {
  readonly when: readonly string[];
  readonly whenNot: readonly string[];
  readonly whenAny: readonly string[];
  readonly run: () => void | Promise<void>;
}

/** The handlers of a charm. Made anew in each hook; {@link dispatch} runs it, once. */
export class Reactive {
  readonly #backend: JujuBackend;
  readonly #endpoints: readonly RelationEndpoint[];
  readonly #declared: readonly EndpointDeclaration[];
  readonly #flags: FlagSet;
  readonly #hooks: { readonly names: ReadonlySet<string>; readonly run: () => void | Promise<void> }[] = [];
  readonly #eventRuns: (() => Promise<void>)[] = [];
  readonly #handlers: ConditionHandler[] = [];
  #dispatched = false;

  /** @throws EtcdError `invalid-argument`. */
  constructor(backend: JujuBackend, options: ReactiveOptions = {}) {
    backendRule(backend, 'Reactive: backend');
    const endpoints = arrayRule('endpoints', endpointRule);
    const declared = arrayRule('declarations', declarationRule);
    checkOptions<ReactiveOptions>(options, { endpoints, declared }, 'Reactive');
    this.#backend = backend;
    this.#endpoints = options.endpoints ?? [];
    this.#declared = [...this.#endpoints, ...(options.declared ?? [])];
    this.#flags = new FlagSet(backend, this.#endpoints);
  }

  /** Runs while all of these flags are set. */
  when(flags: string | readonly string[], run: ReactiveHandler): this {
    return this.#add('when', { when: flags }, run);
  }

  /** Runs while none of these flags is set. */
  whenNot(flags: string | readonly string[], run: ReactiveHandler): this {
    return this.#add('whenNot', { whenNot: flags }, run);
  }

  /** Runs while at least one of these flags is set. */
  whenAny(flags: string | readonly string[], run: ReactiveHandler): this {
    return this.#add('whenAny', { whenAny: flags }, run);
  }

  /** Runs while every part of the condition holds. @throws EtcdError `invalid-argument` for a condition without flags. */
  handle(condition: FlagCondition, run: ReactiveHandler): this {
    conditionRule(condition, 'handle: condition');
    return this.#add('handle', condition, run);
  }

  #add(call: string, condition: FlagCondition, run: ReactiveHandler): this {
    if (call !== 'handle') for (const flags of Object.values(condition)) textOrTextsRule(flags, `${call}: flags`);
    functionRule(run, `${call}: run`);
    const [when, whenNot, whenAny] = [condition.when, condition.whenNot, condition.whenAny].map(listOf);
    const all = [when, whenNot, whenAny].flat().filter((flag) => flag !== undefined);
    if (all.length === 0)
      throw invalidOption(`${call}: the condition names no flag: when, whenNot or whenAny must be given`);
    const forEndpoint = (name: string | undefined): void => {
      const expand = (flags: readonly string[] = []): string[] =>
        flags.map((flag) => (name === undefined ? flag : flag.replaceAll('{relation_name}', name)));
      this.#handlers.push({
        when: expand(when),
        whenNot: expand(whenNot),
        whenAny: expand(whenAny),
        run: () => run(name),
      });
    };
    if (all.some((flag) => flag.includes('{relation_name}'))) for (const { name } of this.#endpoints) forEndpoint(name);
    else forEndpoint(undefined);
    return this;
  }

  /**
   * Runs in hooks of these names; see {@link expandHookPattern} for what stands in braces.
   *
   * @throws EtcdError `invalid-argument` for a pattern that cannot be read.
   */
  hook(patterns: string | readonly string[], run: ReactiveHandler): this {
    textOrTextsRule(patterns, 'hook: patterns');
    functionRule(run, 'hook: run');
    const names = new Set(listOf(patterns).flatMap((pattern) => expandHookPattern(pattern, this.#declared)));
    this.#hooks.push({ names, run: () => run(undefined) });
    return this;
  }

  /** Runs when an endpoint tells this event. The endpoint must be one of the dispatcher's. */
  on<Event extends EndpointEvent, Type extends Event['type']>(
    endpoint: RelationEndpoint<Event>,
    type: Type,
    run: (event: Extract<Event, { readonly type: Type }>) => void | Promise<void>,
  ): this {
    endpointRule(endpoint, 'on: endpoint');
    textRule(type, 'on: type');
    functionRule(run, 'on: run');
    if (!this.#endpoints.some((known) => known === endpoint))
      throw invalidOption(`on: endpoint '${endpoint.name}' is not among the dispatcher's endpoints`);
    const matches = (event: Event): event is Extract<Event, { readonly type: Type }> => event.type === type;
    this.#eventRuns.push(async () => {
      for (const event of [...endpoint.events]) if (matches(event)) await run(event);
    });
    return this;
  }

  /** Whether a flag is set: an endpoint's, or one of {@link setFlag}. Known from the beginning of {@link dispatch}. */
  isFlagSet(flag: string): boolean {
    textRule(flag, 'isFlagSet: flag');
    return this.#flags.has(flag);
  }

  /** Every flag that is set, sorted. */
  flags(): readonly string[] {
    return this.#flags.all();
  }

  /** Sets a flag of the charm's own; it stays set in later hooks. @throws EtcdError `invalid-argument` for an endpoint's. */
  setFlag(flag: string): void {
    this.#flags.set(flag);
  }

  /** Clears a flag of the charm's own. @throws EtcdError `invalid-argument` for an endpoint's. */
  clearFlag(flag: string): void {
    this.#flags.clear(flag);
  }

  /**
   * Reads the endpoints, runs the handlers, and remembers.
   *
   * @throws what a handler threw, at once: the process should exit with a code other than 0 then, so that Juju keeps nothing.
   */
  async dispatch(): Promise<void> {
    if (this.#dispatched) throw invalidOption('dispatch: it has run; make a new Reactive for the next hook');
    this.#dispatched = true;
    for (const endpoint of this.#endpoints) await endpoint.refresh();
    await this.#flags.load();
    const { hook } = this.#backend.context;
    for (const { names, run } of this.#hooks) if (names.has(hook)) await this.#invoke(run);
    if (!RESTRICTED_HOOKS.includes(hook)) {
      for (const run of this.#eventRuns) await this.#invoke(run);
      await this.#rounds();
    }
    for (const endpoint of this.#endpoints) await endpoint.commit();
    await this.#flags.save();
  }

  async #rounds(): Promise<void> {
    let changed: ReadonlySet<string> | undefined;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      this.#flags.takeChanges();
      let queue = this.#handlers.filter((handler) => concerns(handler, changed) && this.#holds(handler));
      if (queue.length === 0 && round > 0) return;
      for (let handler = queue.shift(); handler !== undefined; handler = queue.shift()) {
        const cleared = await this.#invoke(handler.run);
        if (cleared) queue = queue.filter((rest) => this.#holds(rest));
      }
      changed = this.#flags.takeChanges();
    }
    await this.#backend.log(
      'WARNING',
      `handlers still change flags after ${String(MAX_ROUNDS)} rounds; the rest waits for the next hook`,
    );
  }

  /** @returns whether a flag was cleared meanwhile. */
  async #invoke(run: () => void | Promise<void>): Promise<boolean> {
    const before = this.#flags.clearings;
    await run();
    this.#flags.observe();
    return this.#flags.clearings !== before;
  }

  #holds({ when, whenNot, whenAny }: ConditionHandler): boolean {
    const isSet = (flag: string): boolean => this.#flags.has(flag);
    return when.every(isSet) && !whenNot.some(isSet) && (whenAny.length === 0 || whenAny.some(isSet));
  }
}

/** Whether a handler is one of this round; in the first (`undefined`) every one is. */
function concerns({ when, whenNot, whenAny }: ConditionHandler, changed: ReadonlySet<string> | undefined): boolean {
  return changed === undefined || [when, whenNot, whenAny].flat().some((flag) => changed.has(flag));
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}
