/**
 * A Juju model in memory: applications, units, relations and secrets, whose hooks are queued as Juju queues them and whose writes are
 * kept or thrown away with the hook. For tests of charms and for replays; no process and no file. Main thread; pure.
 */
import {
  booleanRule,
  checkOptions,
  describeValue,
  functionRule,
  integerRule,
  invalidOption,
  objectRule,
  optional,
  textRule,
  type OptionRule,
} from '../../../wire/arguments.js';
import type { ConfigValue, Databag, DatabagChange, HookContext, JujuBackend } from '../backend.js';
import { changeRule } from '../backend-checks.js';
import { contextOf, type HookEvent, type ModelIdentity } from './hook-event.js';
import { HookQueue } from './hook-queue.js';
import { HookTransaction } from './hook-transaction.js';
import { changeEntries, ModelData } from './model-data.js';
import { RelationHooks } from './relation-hooks.js';
import type { SecretRecord } from './secret-store.js';
import { appOf, Topology, type ModelApplication, type ModelUnit } from './topology.js';

/** What a charm does in one hook. It throws to fail the hook: then nothing that it wrote is kept, and the hook comes again. */
export type Charm = (backend: JujuBackend) => Promise<void>;

/** Properties of a model. */
export interface JujuModelOptions {
  readonly modelUuid?: string | undefined;
  /** Default: `3.6.4`. */
  readonly jujuVersion?: string | undefined;
  readonly charmDir?: string | undefined;
  /** Put each unit's addresses into its databags, as Juju does. Default: true. */
  readonly publishAddresses?: boolean | undefined;
  /** The number of the first relation. Default: 0. */
  readonly firstRelation?: number | undefined;
}

/** How an application is added to a model. */
export interface DeployOptions {
  /** Default: 1. */
  readonly units?: number | undefined;
  /** Its charm options, with `null` for those without a value. */
  readonly config?: Readonly<Record<string, ConfigValue>> | undefined;
}

/** A hook that has begun. */
export interface HookRun {
  readonly event: HookEvent;
  readonly backend: JujuBackend;
  /** Keeps what the hook wrote, and queues what follows from it. @throws EtcdError `not-leader`; then the hook has failed. */
  succeed(): void;
  /** Throws away what the hook wrote; it comes again. */
  fail(): void;
}

/** Hooks that {@link JujuModel.settle} runs before it takes them for endless. */
const MAX_HOOKS = 10_000;

const numberRule = integerRule(0, Number.MAX_SAFE_INTEGER);
const configRule: OptionRule = (value, name) => {
  objectRule(value, name);
  for (const [option, setting] of Object.entries<unknown>({ ...value }))
    if (setting !== null && !['string', 'number', 'boolean'].includes(typeof setting))
      throw invalidOption(
        `${name}: '${option}' must be a string, a number, true, false or null, not ${describeValue(setting)}`,
      );
};

/** A model. Nothing happens in it by itself: its hooks are run by {@link run}, {@link settle} or {@link begin}. */
export class JujuModel {
  readonly #identity: ModelIdentity;
  readonly #topology = new Topology();
  readonly #data = new ModelData();
  readonly #queue = new HookQueue();
  readonly #relations: RelationHooks;
  #secretCount = 0;

  /** @throws EtcdError `invalid-argument`, as every method does for what is no name, number or option. */
  constructor(options: JujuModelOptions = {}) {
    const rules = { modelUuid: textRule, jujuVersion: textRule, charmDir: textRule };
    checkOptions<JujuModelOptions>(
      options,
      { ...rules, publishAddresses: booleanRule, firstRelation: numberRule },
      'JujuModel',
    );
    this.#identity = {
      modelUuid: options.modelUuid ?? '5a7d3c1e-2f64-4b0a-8c9d-0e1f2a3b4c5d',
      jujuVersion: options.jujuVersion ?? '3.6.4',
      charmDir: options.charmDir,
    };
    this.#relations = new RelationHooks(this.#topology, this.#data, this.#queue, {
      publishAddresses: options.publishAddresses ?? true,
      firstRelation: options.firstRelation ?? 0,
    });
  }

  /** Hooks that wait or run, in the order they came. */
  get pending(): readonly HookEvent[] {
    return this.#queue.pending;
  }

  /** Adds an application; its first unit leads it. */
  deploy(name: string, options: DeployOptions = {}): void {
    textRule(name, 'deploy: name');
    checkOptions<DeployOptions>(options, { units: integerRule(0, MAX_HOOKS), config: configRule }, 'deploy');
    if (!/^[a-z][a-z0-9]*(?:-[a-z0-9]*[a-z][a-z0-9]*)*$/u.test(name) || this.#topology.applications.has(name))
      throw invalidOption(`deploy: '${name}' is not an application name, or is taken`);
    const config = new Map(Object.entries(options.config ?? {}));
    this.#topology.applications.set(name, {
      ...{ name, config, leaderSettings: new Map(), units: new Map(), nextUnit: 0 },
      ...{ leader: undefined, version: undefined, status: undefined },
    });
    for (let count = options.units ?? 1; count > 0; count -= 1) this.addUnit(name);
  }

  /** @returns the new unit's name. Numbers are never used twice. */
  addUnit(app: string): string {
    textRule(app, 'addUnit: app');
    const application = this.#topology.application(app);
    const unit = `${app}/${String(application.nextUnit)}`;
    const index = [...this.#topology.applications.keys()].indexOf(app);
    const address = `10.0.${String(index)}.${String(application.nextUnit + 1)}`;
    application.nextUnit += 1;
    application.units.set(unit, { name: unit, app, address, status: undefined, log: [] });
    this.fire(unit, 'install');
    if (application.leader === undefined) this.setLeader(unit);
    this.fire(unit, 'config-changed');
    this.fire(unit, 'start');
    for (const relation of this.#topology.relationsOf(app)) this.#relations.enter(relation, unit);
    return unit;
  }

  /** Takes a unit away: the others see it depart, and it runs its own last hooks. */
  removeUnit(unit: string): void {
    textRule(unit, 'removeUnit: unit');
    const { app } = this.#topology.unit(unit);
    for (const relation of this.#topology.relationsOf(app)) this.#relations.leave(relation, unit);
    this.fire(unit, 'stop');
    this.fire(unit, 'remove');
    const application = this.#topology.application(app);
    if (application.leader !== unit) return;
    const heir = this.#topology.unitsOf(app, unit)[0];
    application.leader = undefined;
    if (heir !== undefined) this.setLeader(heir);
  }

  /** Relates two endpoints, each `application:endpoint`. @returns the relation's number. */
  relate(first: string, second: string): number {
    textRule(first, 'relate: first');
    textRule(second, 'relate: second');
    return this.#relations.add(this.#side(first), this.#side(second));
  }

  /** Takes a relation away: its units depart, then it is broken. */
  removeRelation(number: number): void {
    numberRule(number, 'removeRelation: number');
    this.#relations.remove(this.#topology.relation(number));
  }

  /** Makes a unit the leader of its application. */
  setLeader(unit: string): void {
    textRule(unit, 'setLeader: unit');
    const { app } = this.#topology.unit(unit);
    this.#topology.application(app).leader = unit;
    this.fire(unit, 'leader-elected');
  }

  /** Changes charm options; `null` takes a value away. */
  setConfig(app: string, change: Readonly<Record<string, ConfigValue>>): void {
    textRule(app, 'setConfig: app');
    configRule(change, 'setConfig: change');
    const { config, units } = this.#topology.application(app);
    for (const [name, value] of Object.entries(change)) config.set(name, value);
    for (const unit of units.keys()) this.fire(unit, 'config-changed');
  }

  /** Changes the application's leader settings as its leader would; the other units get the hook `leader-settings-changed`. */
  setLeaderSettings(app: string, change: DatabagChange): void {
    textRule(app, 'setLeaderSettings: app');
    changeRule(change, 'setLeaderSettings: change');
    const { leaderSettings, units, leader } = this.#topology.application(app);
    if (!changeEntries(leaderSettings, change)) return;
    for (const unit of units.keys()) if (unit !== leader) this.fire(unit, 'leader-settings-changed');
  }

  /** Queues a hook that belongs to no relation, such as `update-status`. */
  fire(unit: string, hook: string): void {
    textRule(unit, 'fire: unit');
    textRule(hook, 'fire: hook');
    this.#queue.push({ unit, hook });
  }

  /** A member's settings on a relation, committed ones only. */
  bag(relation: number, member: string): Databag {
    numberRule(relation, 'bag: relation');
    textRule(member, 'bag: member');
    return this.#data.bag(relation, member);
  }

  /** Changes a member's settings as if one of its hooks had, and queues what follows. */
  publish(relation: number, member: string, change: DatabagChange): void {
    numberRule(relation, 'publish: relation');
    textRule(member, 'publish: member');
    changeRule(change, 'publish: change');
    const { sides } = this.#topology.relation(relation);
    const app = member.includes('/') ? appOf(member) : member;
    if (!sides.some((side) => side.app === app))
      throw invalidOption(`publish: '${member}' is not in relation ${String(relation)}`);
    if (this.#data.changeBag(relation, member, change)) this.#relations.bagChanged(relation, member);
  }

  /** The unit as the model shows it: status, log, address. */
  unit(name: string): Readonly<ModelUnit> {
    textRule(name, 'unit: name');
    return this.#topology.unit(name);
  }

  /** The application as the model shows it: leader, status, version. */
  application(name: string): Readonly<ModelApplication> {
    textRule(name, 'application: name');
    return this.#topology.application(name);
  }

  /** Every secret, committed ones only. */
  secrets(): readonly Readonly<SecretRecord>[] {
    return this.#data.clone().secrets.all();
  }

  /** A unit's state from hook to hook, as committed. */
  state(unit: string): Databag {
    textRule(unit, 'state: unit');
    return this.#data.state(unit);
  }

  /** Begins the oldest hook, or the oldest of one unit. @returns `undefined` when none waits. */
  begin(unit?: string): HookRun | undefined {
    optional(textRule)(unit, 'begin: unit');
    const event = this.#queue.take(unit);
    if (event === undefined) return undefined;
    this.#relations.begun(event);
    const transaction = new HookTransaction(contextOf(event, this.#identity), {
      topology: this.#topology,
      data: this.#data,
      modelUuid: this.#identity.modelUuid,
      nextSecretId: () => {
        this.#secretCount += 1;
        return `cs${String(this.#secretCount).padStart(18, '0')}`;
      },
    });
    const fail = (): void => {
      transaction.discard();
      this.#queue.finish(event.unit, false);
    };
    const succeed = (): void => {
      try {
        const { bags, secrets } = transaction.commit();
        this.#queue.finish(event.unit, true);
        for (const { relation, member } of bags) this.#relations.bagChanged(relation, member);
        for (const id of secrets) this.#relations.secretChanged(id);
        this.#relations.ended(event);
        if (event.hook === 'remove') this.#topology.application(appOf(event.unit)).units.delete(event.unit);
      } catch (error) {
        fail();
        throw error;
      }
    };
    return { event, backend: transaction, succeed, fail };
  }

  /**
   * Runs the oldest hook, or the oldest of one unit, with a charm.
   *
   * @returns what ran, or `undefined` when none waits.
   * @throws what the charm threw; then the hook is as if it had not run, and waits again.
   */
  async run(charm: Charm, unit?: string): Promise<HookContext | undefined> {
    functionRule(charm, 'run: charm');
    optional(textRule)(unit, 'run: unit');
    const hook = this.begin(unit);
    if (hook === undefined) return undefined;
    try {
      await charm(hook.backend);
    } catch (error) {
      hook.fail();
      throw error;
    }
    hook.succeed();
    return hook.backend.context;
  }

  /**
   * Runs hooks until none waits. Applications without a charm do nothing in theirs.
   *
   * @param charms by application.
   * @returns the hooks, each `unit hook`, in order.
   */
  async settle(charms: Readonly<Record<string, Charm>> = {}): Promise<readonly string[]> {
    objectRule(charms, 'settle: charms');
    for (const [app, charm] of Object.entries(charms)) functionRule(charm, `settle: charms: '${app}'`);
    const ran: string[] = [];
    const charm: Charm = async (backend) => charms[backend.context.app]?.(backend);
    while (ran.length < MAX_HOOKS) {
      const context = await this.run(charm);
      if (context === undefined) return ran;
      ran.push(`${context.unit} ${context.hook}`);
    }
    throw invalidOption(
      `settle: ${String(MAX_HOOKS)} hooks ran and there are more: two charms answer each other for ever`,
    );
  }

  #side(text: string): { readonly app: string; readonly endpoint: string } {
    const [app = '', endpoint = '', ...rest] = text.split(':');
    if (endpoint === '' || rest.length > 0) throw invalidOption(`relate: '${text}' must be application:endpoint`);
    return { app: this.#topology.application(app).name, endpoint };
  }
}
