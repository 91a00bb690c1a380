/**
 * What the relation layer needs of Juju, as one interface: the hook tools of a running hook, or a model in memory. Main
 * thread; types only. The rules that both sides of it keep:
 *
 * - Everything belongs to one hook of one unit. Writes (databags, secrets, state) are seen by this hook at once and become
 *   real only when the hook succeeds; a hook that fails leaves nothing behind.
 * - Order is Juju's: relation ids and unit names are sorted as strings, so `etcd/10` comes before `etcd/2`.
 * - Failures are {@link EtcdError}s whose messages hold no value of a databag, secret or state.
 */

/** The settings that one member (a unit or an application) has published on one relation. No value is empty. */
export type Databag = ReadonlyMap<string, string>;

/** What to change in a databag or in the state: an empty string or `null` deletes the key; others are left alone. */
export type DatabagChange = Readonly<Record<string, string | null>>;

/** The phase of a relation that a hook reports. */
export type RelationPhase = 'created' | 'joined' | 'changed' | 'departed' | 'broken';

/** What a relation hook is about. */
export interface RelationHook {
  readonly phase: RelationPhase;
  /** The endpoint's name in the charm's metadata. */
  readonly endpoint: string;
  /** The relation's id as the tools take it, such as `etcd:3`. */
  readonly relationId: string;
  /** Not there in `created` and `broken`, and in `changed` when application data changed. */
  readonly remoteUnit: string | undefined;
  readonly remoteApp: string | undefined;
  /** Only in `departed`: the unit that goes, which may be the local one. */
  readonly departingUnit: string | undefined;
}

/** What a secret hook (`secret-changed` and its like) is about. */
export interface SecretHook {
  readonly id: string;
  readonly label: string | undefined;
  readonly revision: number | undefined;
}

/** The hook that runs, and where. */
export interface HookContext {
  /** The hook's name, such as `etcd-relation-changed`; empty in an action. */
  readonly hook: string;
  /** The action's name, when this is one. */
  readonly action: string | undefined;
  /** The local unit, such as `client/0`. */
  readonly unit: string;
  /** The local application, such as `client`. */
  readonly app: string;
  readonly relation: RelationHook | undefined;
  readonly secret: SecretHook | undefined;
  readonly modelUuid: string | undefined;
  readonly jujuVersion: string | undefined;
  /** The charm's directory. */
  readonly charmDir: string | undefined;
}

/** The addresses of the local unit for one endpoint. The first of each list is the preferred one. */
export interface NetworkInfo {
  /** What to listen on. */
  readonly bindAddresses: readonly string[];
  /** What others reach this unit by. */
  readonly ingressAddresses: readonly string[];
  readonly egressSubnets: readonly string[];
}

/** A status of the workload, as `juju status` shows it. */
export type WorkloadStatus = 'maintenance' | 'blocked' | 'waiting' | 'active';

/** A level of Juju's log. */
export type LogLevel = 'TRACE' | 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';

/** The value of a charm option; `null` is one that has no value. */
export type ConfigValue = string | number | boolean | null;

/** What a secret holds. Keys: `^[a-z](?:-?[a-z0-9]){2,}$`; values are not empty. */
export type SecretContent = ReadonlyMap<string, string>;

/** What to write into a secret: its full new content. */
export type NewSecretContent = Readonly<Record<string, string>>;

/** How a secret is named: by id (`secret:…`), by label, or, by a consumer only, by id to give it that label. */
export interface SecretRef {
  readonly id?: string | undefined;
  readonly label?: string | undefined;
}

/**
 * Which revision a consumer reads: the one it tracks (the first it ever read), the newest without tracking it (`peek`), or
 * the newest from now on (`refresh`). The owner always reads the newest and may not refresh.
 */
export type SecretRevision = 'tracked' | 'peek' | 'refresh';

/** The properties of a new secret. */
export interface SecretOptions {
  /** The owner's own name for it; one secret a label. */
  readonly label?: string | undefined;
  readonly description?: string | undefined;
  /** Default: the application, which only its leader can do. */
  readonly owner?: 'application' | 'unit' | undefined;
}

/** What an owner can learn about its secret. */
export interface SecretInfo {
  readonly id: string;
  readonly revision: number;
  readonly label: string | undefined;
  readonly owner: 'application' | 'unit';
}

/**
 * One hook of one unit, as Juju's tools offer it. Calls run one after another, in the order they are made; what was read
 * once is remembered for this hook until it is written.
 *
 * Errors of every method (see their codes): `hook-tool-missing`, `hook-tool-failed`, `timeout`, `closed` after the hook has ended.
 */
export interface JujuBackend {
  readonly context: HookContext;

  /** The ids of an endpoint's relations, also of the one that is just breaking. */
  relationIds(endpoint: string): Promise<readonly string[]>;
  /** The remote units of a relation; a departing one is no longer among them. @throws EtcdError `relation-not-found`. */
  relationUnits(relationId: string): Promise<readonly string[]>;
  /** The remote application of a relation, where Juju tells it. @throws EtcdError `relation-not-found`. */
  relationApp(relationId: string): Promise<string | undefined>;
  /** The UUID of the model that the other side lives in, where Juju tells it (3.6.2); else `undefined`. */
  relationModel(relationId: string): Promise<string | undefined>;
  /**
   * A member's settings: a unit's (`etcd/0`) or an application's (`etcd`).
   *
   * @throws EtcdError `relation-not-found` for an unknown relation or member; `not-leader` for the own application's
   * settings, which only the leader may read.
   */
  readDatabag(relationId: string, member: string): Promise<Databag>;
  /**
   * Changes the local unit's or the local application's settings in one step.
   *
   * @throws EtcdError `not-leader` when only the leader may (application), `relation-not-found`, `invalid-argument`.
   */
  writeDatabag(relationId: string, bag: 'unit' | 'app', change: DatabagChange): Promise<void>;

  /** Whether the local unit leads its application; true holds for at least 30 s after it was asked for. */
  isLeader(): Promise<boolean>;
  /** The charm's options, with `null` for those without a value. */
  config(): Promise<ReadonlyMap<string, ConfigValue>>;
  /** Shows a status; with `application` that of the whole application. @throws EtcdError `not-leader`. */
  setStatus(status: WorkloadStatus, message: string, options?: { readonly application?: boolean }): Promise<void>;
  setApplicationVersion(version: string): Promise<void>;
  /** Writes to Juju's log. A message that is too long for one line of it is cut. Never hand it a secret. */
  log(level: LogLevel, message: string): Promise<void>;
  /** The local unit's addresses for an endpoint, or for one of its relations. */
  networkInfo(endpoint: string, relationId?: string): Promise<NetworkInfo>;
  /**
   * Where the units of the own application reach each other on an endpoint of the `peers` section: addresses by unit, the local
   * unit included, in Juju's order. A unit that departs, or whose address Juju does not know yet, is left out; without peers there is
   * the local unit alone.
   */
  peerAddresses(endpoint: string): Promise<ReadonlyMap<string, string>>;
  /**
   * The application's leader settings, as `leader-get` gives them to every unit. To read what another charm's code keeps there;
   * they are not written here, since `leader-set` takes values only as arguments, which everybody on the machine can read: use a
   * peer relation's application databag, or a secret.
   *
   * @throws EtcdError `hook-tool-missing` on a Juju that has no such settings any more.
   */
  readLeaderSettings(): Promise<Databag>;

  /** What this unit keeps from hook to hook. */
  readState(): Promise<Databag>;
  /** Keys up to 256 bytes, values up to 64 KiB. @throws EtcdError `invalid-argument`. */
  writeState(change: DatabagChange): Promise<void>;

  /** Makes a secret. @returns its id, `secret:…`. @throws EtcdError `not-leader`, `invalid-argument`. */
  addSecret(content: NewSecretContent, options?: SecretOptions): Promise<string>;
  /** Reads a secret. Default: `tracked`. @throws EtcdError `secret-not-found`, `secret-denied`. */
  readSecret(ref: SecretRef, revision?: SecretRevision): Promise<SecretContent>;
  /** Gives an own secret a new revision with this content. @throws EtcdError `secret-not-found`, `secret-denied`, `not-leader`. */
  writeSecret(id: string, content: NewSecretContent): Promise<void>;
  /** What there is to know of an own secret; `undefined` when there is none of that id or label. */
  secretInfo(ref: SecretRef): Promise<SecretInfo | undefined>;
  /** Lets the other side of a relation, or one unit of it, read an own secret. */
  grantSecret(id: string, relationId: string, unit?: string): Promise<void>;
  revokeSecret(id: string, relationId: string, unit?: string): Promise<void>;
  /** Removes an own secret, or one revision of it. */
  removeSecret(id: string, revision?: number): Promise<void>;
  /** The ids of the secrets that this unit, or as leader its application, owns. */
  secretIds(): Promise<readonly string[]>;
}
