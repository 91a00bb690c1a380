/**
 * Which applications, units and relations a model in memory has, who leads, and which remote units each unit has been told of. Main
 * thread; pure.
 */
import { invalidOption } from '../../../wire/arguments.js';
import type { EtcdError } from '../../../wire/errors.js';
import type { ConfigValue, LogLevel, WorkloadStatus } from '../backend.js';

/** A status as it was set last. */
export interface ShownStatus {
  readonly status: WorkloadStatus;
  readonly message: string;
}

/** One unit. */
export interface ModelUnit {
  readonly name: string;
  readonly app: string;
  readonly address: string;
  status: ShownStatus | undefined;
  readonly log: { readonly level: LogLevel; readonly message: string }[];
}

/** One application. */
export interface ModelApplication {
  readonly name: string;
  readonly units: Map<string, ModelUnit>;
  readonly config: Map<string, ConfigValue>;
  readonly leaderSettings: Map<string, string>;
  /** The number that its next unit gets; numbers are never used again. */
  nextUnit: number;
  leader: string | undefined;
  version: string | undefined;
  status: ShownStatus | undefined;
}

/** One end of a relation. */
export interface RelationSide {
  readonly app: string;
  readonly endpoint: string;
}

/** What one unit knows of a relation. */
export interface RelationView {
  /** Its relation-created hook has begun, and its relation-broken hook has not ended. */
  listed: boolean;
  /** Remote units whose joined hook has begun here and whose departed hook has not. */
  readonly members: Set<string>;
}

/** One relation. Its two sides are the same object in a peer relation. */
export interface ModelRelation {
  readonly number: number;
  readonly sides: readonly [RelationSide, RelationSide];
  /** By local unit. */
  readonly views: Map<string, RelationView>;
}

/** The application of a unit's name. */
export function appOf(unit: string): string {
  return unit.slice(0, unit.indexOf('/'));
}

/** The end of a relation on which an application stands, and the other one. */
export function sidesFor(
  relation: ModelRelation,
  app: string,
): { readonly local: RelationSide; readonly remote: RelationSide } {
  const [first, second] = relation.sides;
  return first.app === app ? { local: first, remote: second } : { local: second, remote: first };
}

/** Everything of a model that is not data. */
export class Topology {
  readonly applications: Map<string, ModelApplication> = new Map();
  readonly relations: Map<number, ModelRelation> = new Map();

  /** @throws EtcdError `invalid-argument` for an unknown name. */
  application(name: string): ModelApplication {
    const found = this.applications.get(name);
    if (found === undefined) throw unknown(`application '${name}'`, [...this.applications.keys()]);
    return found;
  }

  /** @throws EtcdError `invalid-argument` for an unknown name. */
  unit(name: string): ModelUnit {
    const found = this.applications.get(appOf(name))?.units.get(name);
    if (found === undefined) throw unknown(`unit '${name}'`, this.units());
    return found;
  }

  units(): string[] {
    return [...this.applications.values()].flatMap((application) => [...application.units.keys()]);
  }

  isLeader(unit: string): boolean {
    return this.applications.get(appOf(unit))?.leader === unit;
  }

  /** The names of an application's units other than `except`, sorted as Juju sorts. */
  unitsOf(app: string, except?: string): string[] {
    return [...(this.applications.get(app)?.units.keys() ?? [])].filter((name) => name !== except).sort();
  }

  relation(number: number): ModelRelation {
    const found = this.relations.get(number);
    if (found === undefined) throw unknown(`relation ${String(number)}`, [...this.relations.keys()].map(String));
    return found;
  }

  relationsOf(app: string): ModelRelation[] {
    return [...this.relations.values()].filter((relation) => relation.sides.some((side) => side.app === app));
  }

  /** What a unit knows of a relation; made when first asked for. */
  view(relation: ModelRelation, unit: string): RelationView {
    const view = relation.views.get(unit) ?? { listed: false, members: new Set<string>() };
    relation.views.set(unit, view);
    return view;
  }

  /** The relation that a unit means by an id such as `etcd:3` or `3`, while it is listed for that unit. */
  lookup(unit: string, relationId: string): ModelRelation | undefined {
    const [, endpoint, digits] = /^(?:(.*):)?(\d+)$/u.exec(relationId) ?? [];
    const relation = this.relations.get(Number(digits));
    if (relation?.views.get(unit)?.listed !== true) return undefined;
    const { local } = sidesFor(relation, appOf(unit));
    return endpoint === undefined || endpoint === local.endpoint ? relation : undefined;
  }
}

function unknown(what: string, known: readonly string[]): EtcdError {
  return invalidOption(`the model has no ${what}; it has ${known.length === 0 ? 'none' : known.join(', ')}`);
}
