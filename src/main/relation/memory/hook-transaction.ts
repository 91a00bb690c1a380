/**
 * One hook of a model in memory, as its charm sees it: reads a copy of the data, and notes its writes until it is committed. Main
 * thread; pure. Status and log are shown at once, as Juju does.
 */
import { EtcdError } from '../../../wire/errors.js';
import type {
  ConfigValue,
  Databag,
  DatabagChange,
  HookContext,
  JujuBackend,
  LogLevel,
  NetworkInfo,
  NewSecretContent,
  SecretContent,
  SecretInfo,
  SecretOptions,
  SecretRef,
  SecretRevision,
  WorkloadStatus,
} from '../backend.js';
import { bareSecretId, checkCall } from '../backend-checks.js';
import { hideValues } from '../hidden-secrets.js';
import { peerAddressesOf } from '../peer-addresses.js';
import type { ModelData } from './model-data.js';
import type { SecretRecord } from './secret-store.js';
import { appOf, sidesFor, type ModelRelation, type Topology } from './topology.js';

/** What a committed hook made different, for the hooks that follow from it. */
export interface Committed {
  readonly bags: readonly { readonly relation: number; readonly member: string }[];
  /** Secrets with a new revision, by bare id. */
  readonly secrets: readonly string[];
}

/** Part of a model that a hook works on. */
export interface TransactionModel {
  readonly topology: Topology;
  readonly data: ModelData;
  readonly modelUuid: string;
  nextSecretId(): string;
}

/** One hook; ends with {@link commit} or {@link discard}, after which every call fails with `closed`. */
export class HookTransaction implements JujuBackend {
  readonly context: HookContext;
  readonly #model: TransactionModel;
  readonly #view: ModelData;
  readonly #steps: ((data: ModelData) => void)[] = [];
  readonly #bags = new Map<string, { readonly relation: number; readonly member: string }>();
  readonly #secrets = new Set<string>();
  #asLeader = false;
  #ended = false;

  constructor(context: HookContext, model: TransactionModel) {
    this.context = context;
    this.#model = model;
    this.#view = model.data.clone();
  }

  /**
   * Does on the model's data what the hook did on its copy.
   *
   * @throws EtcdError `not-leader` when it wrote as leader and no longer is: then nothing is written.
   */
  commit(): Committed {
    this.#open();
    if (this.#asLeader && !this.#leads()) {
      this.discard();
      throw refused('not-leader', 'the unit wrote as leader and is no longer leader: the hook is discarded');
    }
    const { data } = this.#model;
    const revisions = new Map([...this.#secrets].map((id) => [id, data.secrets.get(id)?.revision]));
    const before = new Map([...this.#bags].map(([key, { relation, member }]) => [key, data.bag(relation, member)]));
    for (const step of this.#steps) step(data);
    this.discard();
    const changed = [...this.#bags].filter(
      ([key, { relation, member }]) => !sameBag(before.get(key), data.bag(relation, member)),
    );
    return {
      bags: changed.map(([, bag]) => bag),
      // A secret made in this hook has no consumers yet.
      secrets: [...this.#secrets].filter(
        (id) => revisions.get(id) !== undefined && revisions.get(id) !== data.secrets.get(id)?.revision,
      ),
    };
  }

  discard(): void {
    this.#ended = true;
  }

  async relationIds(endpoint: string): Promise<readonly string[]> {
    checkCall('relationIds', endpoint);
    this.#open();
    const { topology } = this.#model;
    return topology
      .relationsOf(this.context.app)
      .filter((relation) => relation.views.get(this.context.unit)?.listed === true)
      .filter((relation) => sidesFor(relation, this.context.app).local.endpoint === endpoint)
      .map((relation) => `${endpoint}:${String(relation.number)}`)
      .sort();
  }

  async relationUnits(relationId: string): Promise<readonly string[]> {
    checkCall('relationUnits', relationId);
    return [...(this.#relation(relationId).views.get(this.context.unit)?.members ?? [])].sort();
  }

  async relationApp(relationId: string): Promise<string | undefined> {
    checkCall('relationApp', relationId);
    return sidesFor(this.#relation(relationId), this.context.app).remote.app;
  }

  async relationModel(relationId: string): Promise<string | undefined> {
    checkCall('relationModel', relationId);
    this.#relation(relationId);
    return this.#model.modelUuid;
  }

  async readDatabag(relationId: string, member: string): Promise<Databag> {
    checkCall('readDatabag', relationId, member);
    const relation = this.#relation(relationId);
    const { unit, app } = this.context;
    const { remote } = sidesFor(relation, app);
    if (member.includes('/')) {
      const known = member === unit || this.#model.topology.unitsOf(remote.app).includes(member);
      const left = appOf(member) === remote.app && this.#view.bag(relation.number, member).size > 0;
      if (!known && !left) throw notFound(`unit '${member}' is not known in relation '${relationId}'`);
    } else if (member === app && member !== remote.app && !this.#leads()) {
      throw refused(
        'not-leader',
        `only the leader may read its own application's settings of relation '${relationId}'`,
      );
    } else if (member !== app && member !== remote.app) {
      throw notFound(`application '${member}' is not in relation '${relationId}'`);
    }
    return this.#view.bag(relation.number, member);
  }

  async writeDatabag(relationId: string, bag: 'unit' | 'app', change: DatabagChange): Promise<void> {
    checkCall('writeDatabag', relationId, bag, change);
    const { number } = this.#relation(relationId);
    if (bag === 'app') this.#lead(`write the application's settings of relation '${relationId}'`);
    const member = bag === 'app' ? this.context.app : this.context.unit;
    this.#bags.set(`${String(number)} ${member}`, { relation: number, member });
    this.#do((data) => data.changeBag(number, member, change));
  }

  async isLeader(): Promise<boolean> {
    this.#open();
    return this.#leads();
  }

  async config(): Promise<ReadonlyMap<string, ConfigValue>> {
    this.#open();
    return new Map(this.#model.topology.application(this.context.app).config);
  }

  async setStatus(
    status: WorkloadStatus,
    message: string,
    options?: { readonly application?: boolean },
  ): Promise<void> {
    checkCall('setStatus', status, message, options);
    this.#open();
    const { topology } = this.#model;
    if (options?.application !== true) topology.unit(this.context.unit).status = { status, message };
    else if (this.#leads()) topology.application(this.context.app).status = { status, message };
    else throw refused('not-leader', "only the leader may set its application's status");
  }

  async setApplicationVersion(version: string): Promise<void> {
    checkCall('setApplicationVersion', version);
    this.#open();
    this.#model.topology.application(this.context.app).version = version;
  }

  async log(level: LogLevel, message: string): Promise<void> {
    checkCall('log', level, message);
    this.#open();
    this.#model.topology.unit(this.context.unit).log.push({ level, message });
  }

  async networkInfo(endpoint: string, relationId?: string): Promise<NetworkInfo> {
    checkCall('networkInfo', endpoint, relationId);
    this.#open();
    if (relationId !== undefined) this.#relation(relationId);
    const { address } = this.#model.topology.unit(this.context.unit);
    const subnet = `${address}/${address.includes(':') ? '128' : '32'}`;
    return { bindAddresses: [address], ingressAddresses: [address], egressSubnets: [subnet] };
  }

  async peerAddresses(endpoint: string): Promise<ReadonlyMap<string, string>> {
    checkCall('peerAddresses', endpoint);
    this.#open();
    return peerAddressesOf(this, endpoint);
  }

  async readLeaderSettings(): Promise<Databag> {
    this.#open();
    return new Map(this.#model.topology.application(this.context.app).leaderSettings);
  }

  async readState(): Promise<Databag> {
    this.#open();
    return this.#view.state(this.context.unit);
  }

  async writeState(change: DatabagChange): Promise<void> {
    checkCall('writeState', change);
    this.#do((data) => {
      data.changeState(this.context.unit, change);
    });
  }

  async addSecret(content: NewSecretContent, options: SecretOptions = {}): Promise<string> {
    checkCall('addSecret', content, options);
    const { unit, app } = this.context;
    if (options.owner !== 'unit') this.#lead('make a secret of the application');
    const owner = options.owner === 'unit' ? unit : app;
    if (options.label !== undefined && this.#view.secrets.labelled(options.label, [owner]) !== undefined)
      throw refused('invalid-argument', `addSecret: there is a secret with the label '${options.label}'`);
    const id = this.#model.nextSecretId();
    this.#do((data) => {
      data.secrets.add(id, owner, content, options);
    });
    return `secret:${id}`;
  }

  async readSecret(ref: SecretRef, revision: SecretRevision = 'tracked'): Promise<SecretContent> {
    checkCall('readSecret', ref, revision);
    this.#open();
    const { unit } = this.context;
    const record = this.#find(ref);
    if (record === undefined) throw noSecret(ref);
    const latest = record.revision;
    if (this.#owns(record)) {
      if (revision === 'refresh' || (ref.id !== undefined && ref.label !== undefined))
        throw refused(
          'invalid-argument',
          "readSecret: a secret's owner gives either its id or its label, and no refresh",
        );
      return content(record, latest, ref);
    }
    const granted = [...record.grants].some(
      ([number, members]) =>
        this.#model.topology.relations.has(number) && (members.has(unit) || members.has(appOf(unit))),
    );
    if (!granted) throw refused('secret-denied', `secret '${nameOf(ref)}' is not granted to unit '${unit}'`);
    const tracked = revision === 'tracked' ? (record.consumers.get(unit)?.tracked ?? latest) : latest;
    const found = content(record, tracked, ref);
    if (revision !== 'peek') {
      const label = ref.id === undefined ? undefined : ref.label;
      this.#do((data) => {
        data.secrets.track(record.id, unit, tracked, label);
      });
    }
    return found;
  }

  async writeSecret(id: string, newContent: NewSecretContent): Promise<void> {
    checkCall('writeSecret', id, newContent);
    this.#manage(id, (data, bare) => {
      data.secrets.write(bare, newContent);
    });
  }

  async secretInfo(ref: SecretRef): Promise<SecretInfo | undefined> {
    checkCall('secretInfo', ref);
    this.#open();
    const record = this.#find(ref);
    if (record === undefined || !this.#manages(record)) return undefined;
    return {
      id: `secret:${record.id}`,
      revision: record.revision,
      label: record.label,
      owner: record.owner === this.context.unit ? 'unit' : 'application',
    };
  }

  async grantSecret(id: string, relationId: string, unit?: string): Promise<void> {
    checkCall('grantSecret', id, relationId, unit);
    this.#share(id, relationId, unit, 'grant');
  }

  async revokeSecret(id: string, relationId: string, unit?: string): Promise<void> {
    checkCall('revokeSecret', id, relationId, unit);
    this.#share(id, relationId, unit, 'revoke');
  }

  async removeSecret(id: string, revision?: number): Promise<void> {
    checkCall('removeSecret', id, revision);
    this.#manage(id, (data, bare) => {
      data.secrets.remove(bare, revision);
    });
  }

  async secretIds(): Promise<readonly string[]> {
    this.#open();
    const owned = this.#view.secrets.all().filter((record) => this.#manages(record));
    return owned.map((record) => `secret:${record.id}`).sort();
  }

  #share(id: string, relationId: string, unit: string | undefined, how: 'grant' | 'revoke'): void {
    const relation = this.#relation(relationId);
    const member = unit ?? sidesFor(relation, this.context.app).remote.app;
    this.#manage(id, (data, bare) => {
      data.secrets[how](bare, relation.number, member);
    });
  }

  /** Runs a step on a secret that this unit may change. */
  #manage(id: string, step: (data: ModelData, bareId: string) => void): void {
    this.#open();
    const record = this.#find({ id });
    if (record === undefined) throw noSecret({ id });
    if (!this.#owns(record)) throw refused('secret-denied', `secret '${id}' belongs to '${record.owner}'`);
    if (record.owner !== this.context.unit) this.#lead(`change secret '${id}' of the application`);
    this.#secrets.add(record.id);
    this.#do((data) => {
      step(data, record.id);
    });
  }

  #find(ref: SecretRef): SecretRecord | undefined {
    const { secrets } = this.#view;
    if (ref.id !== undefined) return secrets.get(bareSecretId(ref.id));
    const { unit, app } = this.context;
    const label = ref.label ?? '';
    return secrets.labelled(label, [unit, app]) ?? secrets.consumed(label, unit);
  }

  #owns(record: SecretRecord): boolean {
    return record.owner === this.context.unit || record.owner === this.context.app;
  }

  #manages(record: SecretRecord): boolean {
    return record.owner === this.context.unit || (record.owner === this.context.app && this.#leads());
  }

  #leads(): boolean {
    return this.#model.topology.isLeader(this.context.unit);
  }

  #lead(what: string): void {
    this.#open();
    if (!this.#leads()) throw refused('not-leader', `only the leader may ${what}; unit '${this.context.unit}' is not`);
    this.#asLeader = true;
  }

  #do(step: (data: ModelData) => void): void {
    this.#open();
    step(this.#view);
    this.#steps.push(step);
  }

  #relation(relationId: string): ModelRelation {
    this.#open();
    const relation = this.#model.topology.lookup(this.context.unit, relationId);
    if (relation === undefined) throw notFound(`there is no relation '${relationId}'`);
    return relation;
  }

  #open(): void {
    if (this.#ended) throw refused('closed', `hook '${this.context.hook}' of '${this.context.unit}' has ended`);
  }
}

function content(record: SecretRecord, revision: number, ref: SecretRef): SecretContent {
  const found = record.revisions.get(revision);
  if (found === undefined) throw noSecret(ref);
  return hideValues(new Map(found));
}

function sameBag(left: Databag | undefined, right: Databag): boolean {
  return left?.size === right.size && [...right].every(([key, value]) => left.get(key) === value);
}

function nameOf(ref: SecretRef): string {
  return ref.id ?? ref.label ?? '';
}

function noSecret(ref: SecretRef): EtcdError {
  return refused('secret-not-found', `there is no secret '${nameOf(ref)}'`);
}

function notFound(message: string): EtcdError {
  return refused('relation-not-found', message);
}

function refused(
  code: 'not-leader' | 'relation-not-found' | 'secret-denied' | 'secret-not-found' | 'invalid-argument' | 'closed',
  message: string,
): EtcdError {
  return new EtcdError(message, { code, outcome: 'not-sent' });
}
