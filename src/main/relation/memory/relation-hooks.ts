/**
 * Which hooks follow from what happens to the relations of a model in memory, and what each unit is told when. Main thread; pure.
 *
 * The order is Juju's: created; then joined and changed for each remote unit; changed again for new data; departed for each unit that
 * goes, which is no longer listed then; broken last, in which the relation is still listed. What a unit was never told of, it is not
 * told the end of.
 */
import type { RelationPhase } from '../backend.js';
import type { HookEvent } from './hook-event.js';
import type { HookQueue } from './hook-queue.js';
import type { ModelData } from './model-data.js';
import { appOf, sidesFor, type ModelRelation, type RelationSide, type Topology } from './topology.js';

/** The relation hooks of one model. */
export class RelationHooks {
  readonly #topology: Topology;
  readonly #data: ModelData;
  readonly #queue: HookQueue;
  readonly #publishAddresses: boolean;
  #next: number;
  /** Units that are going: nothing new is queued for them or about them. */
  readonly #leaving = new Set<string>();
  /** Relations that are going. */
  readonly #dying = new Set<number>();

  constructor(
    topology: Topology,
    data: ModelData,
    queue: HookQueue,
    settings: { readonly publishAddresses: boolean; readonly firstRelation: number },
  ) {
    this.#topology = topology;
    this.#data = data;
    this.#queue = queue;
    this.#publishAddresses = settings.publishAddresses;
    this.#next = settings.firstRelation;
  }

  add(first: RelationSide, second: RelationSide): number {
    const peers = first.app === second.app && first.endpoint === second.endpoint;
    const relation: ModelRelation = { number: this.#next, sides: [first, peers ? first : second], views: new Map() };
    this.#next += 1;
    this.#topology.relations.set(relation.number, relation);
    for (const app of new Set([first.app, second.app]))
      for (const unit of this.#topology.unitsOf(app)) this.#start(relation, unit);
    return relation.number;
  }

  /** A unit comes into a relation that is there: it learns of the other side's units, and they of it. */
  enter(relation: ModelRelation, unit: string): void {
    if (this.#dying.has(relation.number) || this.#leaving.has(unit)) return;
    this.#start(relation, unit);
    for (const remote of this.#remoteUnits(relation, unit))
      if (relation.views.has(remote)) this.#meet(relation, remote, unit);
  }

  /** A unit goes out of a relation. */
  leave(relation: ModelRelation, unit: string): void {
    this.#leaving.add(unit);
    for (const remote of this.#remoteUnits(relation, unit)) this.#part(relation, remote, unit, unit);
    this.#end(relation, unit, unit);
  }

  remove(relation: ModelRelation): void {
    this.#dying.add(relation.number);
    for (const unit of [...relation.views.keys()].sort()) this.#end(relation, unit, undefined);
    this.#dropWhenDone(relation);
  }

  /** A member's settings are different: the units of the other side are told. */
  bagChanged(number: number, member: string): void {
    const relation = this.#topology.relations.get(number);
    if (relation === undefined || this.#dying.has(number) || this.#leaving.has(member)) return;
    const isUnit = member.includes('/');
    const { remote } = sidesFor(relation, isUnit ? appOf(member) : member);
    const [first, second] = relation.sides;
    for (const unit of this.#topology.unitsOf(remote.app, member)) {
      if (!relation.views.has(unit) || this.#leaving.has(unit)) continue;
      // Among peers only the leader writes the application's settings, and it is not told of what it wrote.
      if (first === second && !isUnit && this.#topology.isLeader(unit)) continue;
      const remoteUnit = isUnit ? member : undefined;
      const queued = this.#queue
        .waiting(unit)
        .some(
          (event) =>
            isAbout(event, number) && event.relation?.phase === 'changed' && event.relation.remoteUnit === remoteUnit,
        );
      if (!queued) this.#push(relation, unit, 'changed', remoteUnit);
    }
  }

  /** A secret has a new revision: units that track an older one are told. */
  secretChanged(id: string): void {
    const record = this.#data.secrets.get(id);
    for (const [unit, { tracked, label }] of record?.consumers ?? []) {
      if (tracked === record?.revision || !this.#topology.units().includes(unit)) continue;
      const queued = this.#queue.waiting(unit).some((event) => event.secret?.id === id);
      if (!queued) this.#queue.push({ unit, hook: 'secret-changed', secret: { id, label, revision: undefined } });
    }
  }

  /** What a unit is told by the beginning of a hook. Done again when a failed hook is run again, with the same result. */
  begun(event: HookEvent): void {
    const relation = event.relation && this.#topology.relations.get(event.relation.number);
    if (relation === undefined || event.relation === undefined) return;
    const view = this.#topology.view(relation, event.unit);
    const { phase, remoteUnit } = event.relation;
    if (phase === 'created') view.listed = true;
    else if (phase === 'joined' && remoteUnit !== undefined) view.members.add(remoteUnit);
    else if (phase === 'departed' && remoteUnit !== undefined) view.members.delete(remoteUnit);
  }

  /** What follows from a hook that has succeeded. */
  ended(event: HookEvent): void {
    const relation = event.relation && this.#topology.relations.get(event.relation.number);
    if (relation === undefined || event.relation?.phase !== 'broken') return;
    relation.views.delete(event.unit);
    this.#dropWhenDone(relation);
  }

  /** Queues a unit's first hooks of a relation. */
  #start(relation: ModelRelation, unit: string): void {
    if (this.#publishAddresses) {
      const { address } = this.#topology.unit(unit);
      const subnet = `${address}/${address.includes(':') ? '128' : '32'}`;
      this.#data.changeBag(relation.number, unit, {
        ...{ 'egress-subnets': subnet, 'ingress-address': address, 'private-address': address },
      });
    }
    this.#topology.view(relation, unit);
    this.#push(relation, unit, 'created');
    for (const remote of this.#remoteUnits(relation, unit)) this.#meet(relation, unit, remote);
    const { remote } = sidesFor(relation, appOf(unit));
    if (this.#data.bag(relation.number, remote.app).size > 0) this.#push(relation, unit, 'changed');
  }

  /** Queues what tells `unit` of `remote`. */
  #meet(relation: ModelRelation, unit: string, remote: string): void {
    if (this.#leaving.has(remote) || this.#leaving.has(unit)) return;
    this.#push(relation, unit, 'joined', remote);
    this.#push(relation, unit, 'changed', remote);
  }

  /** Queues what tells `unit` that `remote` goes, or takes back that it came. */
  #part(relation: ModelRelation, unit: string, remote: string, departing: string): void {
    const about = (event: HookEvent): boolean =>
      isAbout(event, relation.number) && event.relation?.remoteUnit === remote;
    const waits = (phase: RelationPhase): boolean =>
      this.#queue.waiting(unit).some((event) => about(event) && event.relation?.phase === phase);
    if (waits('departed')) return;
    this.#queue.drop(unit, about);
    if (relation.views.get(unit)?.members.has(remote) === true)
      this.#push(relation, unit, 'departed', remote, departing);
  }

  /** Queues a unit's last hooks of a relation. */
  #end(relation: ModelRelation, unit: string, departing: string | undefined): void {
    const view = relation.views.get(unit);
    if (view === undefined) return;
    const untold = this.#queue
      .waiting(unit)
      .some((event) => isAbout(event, relation.number) && event.relation?.phase === 'created');
    for (const remote of this.#remoteUnits(relation, unit)) this.#part(relation, unit, remote, departing ?? remote);
    this.#queue.drop(unit, (event) => isAbout(event, relation.number) && event.relation?.phase !== 'departed');
    if (untold) relation.views.delete(unit);
    else this.#push(relation, unit, 'broken');
  }

  #dropWhenDone(relation: ModelRelation): void {
    if (!this.#dying.has(relation.number) || relation.views.size > 0) return;
    this.#topology.relations.delete(relation.number);
    this.#data.dropRelation(relation.number);
  }

  #remoteUnits(relation: ModelRelation, unit: string): string[] {
    return this.#topology.unitsOf(sidesFor(relation, appOf(unit)).remote.app, unit);
  }

  #push(
    relation: ModelRelation,
    unit: string,
    phase: RelationPhase,
    remoteUnit?: string,
    departingUnit?: string,
  ): void {
    const { local, remote } = sidesFor(relation, appOf(unit));
    this.#queue.push({
      unit,
      hook: `${local.endpoint}-relation-${phase}`,
      relation: {
        ...{ number: relation.number, phase, endpoint: local.endpoint, remoteApp: remote.app },
        ...{ remoteUnit, departingUnit },
      },
    });
  }
}

function isAbout(event: HookEvent, relation: number): boolean {
  return event.relation?.number === relation;
}
