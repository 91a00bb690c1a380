/**
 * The requiring side of the interface `etcd`: where etcd is, and the client's key and certificate. Main thread. Writes nothing to the
 * relation, as the interface has it.
 */
import { Listeners } from '../callbacks.js';
import { fieldsRule, functionRule, optional, stringRule } from '../../wire/arguments.js';
import { EtcdError } from '../../wire/errors.js';
import type { JujuBackend } from './backend.js';
import { saveCredentialFiles, type SavedCredentials } from './credential-files.js';
import {
  ACCESS_RULES,
  PATH_RULES,
  pathRule,
  PATHS,
  type CredentialFileOptions,
  type CredentialPaths,
} from './credential-paths.js';
import { connectionOf, relationView, unitView, type EtcdRelationView } from './etcd-view.js';
import { hideFields } from './hidden-secrets.js';
import { databagOrNone, liveRelations } from './live-relations.js';
import { backendRule, endpointNameRule } from './relation-arguments.js';
import type { EtcdConnectionInfo, EtcdConnectionSource } from './relation-endpoint.js';
import { requirerEvents, requirerFlags, requirerSnapshot, type EtcdRequiresEvent } from './requirer-snapshot.js';
import { EMPTY_SNAPSHOT, readSnapshot, writeSnapshot, type Snapshot } from './snapshot.js';

/** The names of {@link EtcdRequiresEvent}. */
export type EtcdRequiresEventType = EtcdRequiresEvent['type'];

/** A client's material as the Python class hands it out; all three texts, or `null` three times. */
export interface ClientCredentials {
  readonly client_cert: string | null;
  readonly client_key: string | null;
  readonly client_ca: string | null;
}

/** Which relation of the endpoint is asked. Default: the first with a connection string. */
export interface RelationChoice {
  readonly relationId?: string | undefined;
}

const choiceRule = optional(fieldsRule<RelationChoice>({ relationId: stringRule }));
const placesRule = fieldsRule<CredentialPaths & CredentialFileOptions & RelationChoice>(
  { ...PATH_RULES, ...ACCESS_RULES, relationId: stringRule },
  PATHS,
);
const NO_CREDENTIALS: ClientCredentials = { client_cert: null, client_key: null, client_ca: null };

/**
 * A charm's endpoint that requires `etcd`. Everything is derived from the relation data as it is in the hook that runs, so a unit that
 * went, a retracted key and a broken relation are seen at once.
 *
 * Flags: `<name>.connected` (a unit has joined one of the relations, until that relation is broken), `<name>.available` (a unit has a
 * connection string), `<name>.tls.available` (and one unit of that relation has key, certificate and authorities).
 */
export class EtcdRequires implements EtcdConnectionSource {
  readonly name: string;
  readonly role = 'requires';
  readonly interface = 'etcd';
  readonly ownFlags: readonly string[];
  #backend: JujuBackend;
  readonly #listeners = new Listeners<EtcdConnectionInfo | undefined>();
  #relations: readonly EtcdRelationView[] = [];
  #remembered: Snapshot = EMPTY_SNAPSHOT;
  #current: Snapshot = EMPTY_SNAPSHOT;
  #events: readonly EtcdRequiresEvent[] = [];

  private constructor(backend: JujuBackend, name: string) {
    this.#backend = backend;
    this.name = name;
    this.ownFlags = requirerFlags(name);
  }

  /**
   * Reads the endpoint's relations in the hook that runs.
   *
   * @param name the endpoint in the charm's metadata, such as `etcd`.
   * @throws EtcdError `invalid-argument`.
   */
  static async load(backend: JujuBackend, name: string): Promise<EtcdRequires> {
    backendRule(backend, 'EtcdRequires.load: backend');
    endpointNameRule(name, 'EtcdRequires.load: name');
    const endpoint = new EtcdRequires(backend, name);
    await endpoint.refresh();
    return endpoint;
  }

  get flags(): ReadonlySet<string> {
    return new Set(this.#current.names);
  }

  get events(): readonly EtcdRequiresEvent[] {
    return this.#events;
  }

  /** Every relation that is not breaking, with what each of its units offers. */
  relations(): readonly EtcdRelationView[] {
    return this.#relations;
  }

  /** The connection string exactly as published: endpoints with commas between them; `null` while there is none. */
  getConnectionString(choice?: RelationChoice): string | null {
    return this.#chosen(choice, 'getConnectionString')?.source?.connectionString ?? null;
  }

  /** @deprecated The name of old charms for {@link getConnectionString}. */
  connectionString(): string | null {
    return this.getConnectionString();
  }

  /** The server's version from the unit of {@link getConnectionString}; `null` means that etcd 2 must be assumed. */
  getVersion(choice?: RelationChoice): string | null {
    return this.#chosen(choice, 'getVersion')?.source?.version ?? null;
  }

  /** The client's material, of one unit. It was published in clear: everybody who may see the relation sees the key. */
  getClientCredentials(choice?: RelationChoice): ClientCredentials {
    const bundle = this.#chosen(choice, 'getClientCredentials')?.credentials;
    if (bundle === undefined) return NO_CREDENTIALS;
    return hideFields({ client_cert: bundle.cert, client_key: bundle.key, client_ca: bundle.ca }, 'client_key');
  }

  /**
   * Saves the client's material as three files, all or nothing; see {@link saveCredentialFiles}. Mind the order of the positional form:
   * key, certificate, authorities.
   *
   * @throws EtcdError `relation-not-ready` while `tls.available` does not hold; `invalid-credentials` for material that cannot be used;
   *   `file-failed`. The files hold what they held before.
   */
  saveClientCredentials(key: string, cert: string, ca: string): Promise<SavedCredentials>;
  saveClientCredentials(paths: CredentialPaths & CredentialFileOptions & RelationChoice): Promise<SavedCredentials>;
  async saveClientCredentials(
    keyOrPaths: string | (CredentialPaths & CredentialFileOptions & RelationChoice),
    cert = '',
    ca = '',
  ): Promise<SavedCredentials> {
    if (typeof keyOrPaths === 'string')
      for (const [name, path] of Object.entries({ key: keyOrPaths, cert, ca }))
        pathRule(path, `saveClientCredentials: ${name}`);
    else placesRule(keyOrPaths, 'saveClientCredentials: paths');
    const paths = typeof keyOrPaths === 'string' ? { keyPath: keyOrPaths, certPath: cert, caPath: ca } : keyOrPaths;
    const { relationId, certMode, owner, ...places } = {
      relationId: undefined,
      certMode: undefined,
      owner: undefined,
      ...paths,
    };
    const bundle = this.#chosen({ relationId }, 'saveClientCredentials')?.credentials;
    if (bundle === undefined)
      throw new EtcdError(
        `endpoint '${this.name}': no unit has published key, certificate and authorities; wait for the flag '${this.#flag('tls.available')}'`,
        { code: 'relation-not-ready' },
      );
    return saveCredentialFiles(places, bundle, { certMode, owner });
  }

  connection(choice?: RelationChoice): EtcdConnectionInfo | undefined {
    return connectionOf(this.#chosen(choice, 'connection'));
  }

  onConnection(listener: (connection: EtcdConnectionInfo | undefined) => void): () => void {
    functionRule(listener, 'onConnection: listener');
    return this.#listeners.add(listener);
  }

  async refresh(backend: JujuBackend = this.#backend): Promise<void> {
    backendRule(backend, 'refresh: backend');
    this.#backend = backend;
    const before = JSON.stringify(this.connection());
    this.#remembered = await readSnapshot(this.#backend, this.#stateKey);
    const live = await liveRelations(this.#backend, this.name);
    const relations: EtcdRelationView[] = [];
    for (const { relationId, units } of live) {
      const views = [];
      for (const unit of units) views.push(unitView(unit, await databagOrNone(this.#backend, relationId, unit)));
      relations.push(relationView(relationId, views));
    }
    this.#relations = relations;
    const joined = live
      .filter(({ relationId, units }) => units.length > 0 || this.#joinedBefore(relationId))
      .map(({ relationId }) => relationId);
    const connection = this.connection();
    this.#current = requirerSnapshot(this.name, joined, connection);
    this.#events = requirerEvents(this.name, this.#remembered, this.#current, connection);
    if (JSON.stringify(connection) !== before) this.#listeners.tell(connection);
  }

  async commit(): Promise<void> {
    await writeSnapshot(this.#backend, this.#stateKey, this.#current);
    this.#remembered = this.#current;
    this.#events = [];
  }

  get #stateKey(): string {
    return `etcd-vigil.requires.${this.name}`;
  }

  /** A unit has joined this relation in an earlier hook, or joins or goes in this one. */
  #joinedBefore(relationId: string): boolean {
    const hook = this.#backend.context.relation;
    return (
      this.#remembered.joined.includes(relationId) || (hook?.relationId === relationId && hook.remoteUnit !== undefined)
    );
  }

  #chosen(choice: RelationChoice | undefined, call: string): EtcdRelationView | undefined {
    choiceRule(choice, `${call}: choice`);
    return choice?.relationId === undefined
      ? this.#relations.find(({ source }) => source !== undefined)
      : this.#relations.find(({ relationId }) => relationId === choice.relationId);
  }

  #flag(state: string): string {
    return `${this.name}.${state}`;
  }
}
