/**
 * The requiring side of the interface etcd_client: asks for the keys under a prefix, and learns where etcd is. Main thread.
 * Reads the relation anew at every hook, and writes only when told to.
 */
import { Listeners } from '../../callbacks.js';
import { fieldsRule, functionRule } from '../../../wire/arguments.js';
import { EtcdError } from '../../../wire/errors.js';
import type { Databag, JujuBackend } from '../backend.js';
import { saveCredentialFiles, type SavedCredentials } from '../credential-files.js';
import {
  ACCESS_RULES,
  PATH_RULES,
  PATHS,
  type CredentialFileOptions,
  type CredentialPaths,
} from '../credential-paths.js';
import { liveRelations } from '../live-relations.js';
import { backendRule } from '../relation-arguments.js';
import type { EtcdConnectionInfo, EtcdConnectionSource } from '../relation-endpoint.js';
import { requirerEvents, requirerFlags, requirerSnapshot, type EtcdRequiresEvent } from '../requirer-snapshot.js';
import { EMPTY_SNAPSHOT, readSnapshot, writeSnapshot, type Snapshot } from '../snapshot.js';
import { readConnection, relationTls } from './answered-connection.js';
import { appRelations, ownAppBag, requireLeader, writeChanges, type AppRelation } from './app-relations.js';
import { isV1Answer, readAnswerSnapshot, readStatuses, type ProviderStatus } from './client-answer.js';
import type { AnswerProtocol } from './client-request.js';
import type { EndpointMemory } from './endpoint-choice.js';
import { removeStaleSecrets } from './owned-secret.js';
import { publishedRequestId, publishRequest } from './request-publisher.js';
import {
  checkClientCertificate,
  checkRequiresOptions,
  type ClientCertificate,
  type EtcdClientRequiresOptions,
} from './requirer-options.js';

/** A provider's messages on one relation. */
export interface RelationStatuses {
  readonly relationId: string;
  readonly statuses: readonly ProviderStatus[];
}

const placesRule = fieldsRule<CredentialPaths & CredentialFileOptions>({ ...PATH_RULES, ...ACCESS_RULES }, PATHS);

/**
 * An endpoint that requires `etcd_client`. Flags, under the endpoint's name: `connected` (it is related), `available` (a provider
 * has answered, and its secrets can be read), `tls.available` (its authorities are known, and there is an own certificate).
 *
 * With several relations the first in Juju's order that is available counts, whole.
 */
export class EtcdClientRequires implements EtcdConnectionSource {
  readonly name: string;
  readonly role = 'requires';
  readonly interface = 'etcd_client';
  #backend: JujuBackend;
  readonly #options: EtcdClientRequiresOptions;
  readonly #listeners = new Listeners<EtcdConnectionInfo | undefined>();
  #certificate: ClientCertificate | undefined;
  #connection: EtcdConnectionInfo | undefined;
  #endpointMemory: EndpointMemory = {};
  #waiting: string | undefined = 'the endpoint has not been read';
  #relations: readonly AppRelation[] = [];
  #remembered: Snapshot = EMPTY_SNAPSHOT;
  #current: Snapshot = EMPTY_SNAPSHOT;
  #events: readonly EtcdRequiresEvent[] = [];

  private constructor(backend: JujuBackend, options: EtcdClientRequiresOptions) {
    checkRequiresOptions(options);
    this.#backend = backend;
    this.#options = options;
    this.#certificate = options.certificate && checkClientCertificate(options.certificate);
    this.name = options.name;
  }

  /**
   * Reads the endpoint's relations in the hook that runs.
   *
   * @throws EtcdError `invalid-argument`, `invalid-credentials` for options that are not allowed.
   */
  static async load(backend: JujuBackend, options: EtcdClientRequiresOptions): Promise<EtcdClientRequires> {
    backendRule(backend, 'EtcdClientRequires.load: backend');
    const endpoint = new EtcdClientRequires(backend, options);
    await endpoint.refresh();
    return endpoint;
  }

  get flags(): ReadonlySet<string> {
    return new Set(this.#current.names);
  }

  get ownFlags(): readonly string[] {
    return requirerFlags(this.name);
  }

  get events(): readonly EtcdRequiresEvent[] {
    return this.#events;
  }

  /** Why {@link connection} is `undefined`, for a status message; holds no secret. */
  get waiting(): string | undefined {
    return this.#waiting;
  }

  /** What the providers tell about themselves, by relation. */
  get statuses(): readonly RelationStatuses[] {
    return this.#relations.map(({ relationId, remoteBag }) => ({ relationId, statuses: readStatuses(remoteBag) }));
  }

  /** The prefix asked for. */
  get prefix(): string {
    return this.#options.prefix;
  }

  connection(): EtcdConnectionInfo | undefined {
    return this.#connection;
  }

  /**
   * Saves the client's key and certificate, and the provider's authorities, as three files; see {@link saveCredentialFiles}.
   *
   * @throws EtcdError `relation-not-ready` while `tls.available` does not hold; `invalid-credentials`, `file-failed`.
   */
  async saveClientCredentials(paths: CredentialPaths & CredentialFileOptions): Promise<SavedCredentials> {
    placesRule(paths, 'saveClientCredentials: paths');
    const { certMode, owner, ...places } = { certMode: undefined, owner: undefined, ...paths };
    const tls = this.#connection?.tls;
    if (tls?.key === undefined) {
      const why = this.#waiting ?? 'there is no certificate of the client, or no authorities';
      throw new EtcdError(`endpoint '${this.name}': nothing to save yet: ${why}`, { code: 'relation-not-ready' });
    }
    return saveCredentialFiles(places, tls, { certMode, owner });
  }

  onConnection(listener: (connection: EtcdConnectionInfo | undefined) => void): () => void {
    functionRule(listener, 'onConnection: listener');
    return this.#listeners.add(listener);
  }

  /**
   * Reads answers and secrets, always their newest revision. An answer that is not whole, or whose secrets may not be read yet, is
   * «not ready»: {@link waiting} tells why.
   *
   * @param backend the hook to read in from now on, where one process lives through several; default: the same as before.
   */
  async refresh(backend: JujuBackend = this.#backend): Promise<void> {
    backendRule(backend, 'refresh: backend');
    this.#backend = backend;
    this.#relations = await appRelations(this.#backend, this.name);
    this.#remembered = await readSnapshot(this.#backend, this.#stateKey);
    let connection: EtcdConnectionInfo | undefined;
    let memory: EndpointMemory = {};
    let waiting: string | undefined;
    for (const relation of this.#relations) {
      const own = await ownAppBag(this.#backend, relation.relationId);
      const requestId = publishedRequestId(own, this.prefix);
      const former: EndpointMemory = this.#remembered.hashes;
      const asked = { prefix: this.prefix, requestId, certificate: this.#certificate, former };
      const reading = await readConnection(this.#backend, relation, asked);
      if ('waiting' in reading) {
        waiting ??= reading.waiting;
        continue;
      }
      ({ connection, memory } = reading);
      break;
    }
    this.#waiting = connection === undefined ? (waiting ?? 'no relation') : undefined;
    this.#endpointMemory = memory;
    this.#take(connection);
  }

  /**
   * Publishes the request on every relation: the prefix, and the certificate in a Juju secret of the application, granted to the
   * provider. Call it in every hook of the leader: what is published already is not written again.
   *
   * @returns whether anything was written.
   * @throws EtcdError `not-leader`; `invalid-argument` where roles or entity differ from what was sent before.
   */
  async publish(): Promise<boolean> {
    await requireLeader(this.#backend, 'EtcdClientRequires.publish');
    const { protocol = 'v0', ...options } = this.#options;
    let changed = false;
    for (const relation of await appRelations(this.#backend, this.name)) {
      const wanted = { ...options, protocol, endpoint: this.name, chain: this.#certificate?.cert };
      changed = (await publishRequest(this.#backend, relation, wanted)) || changed;
    }
    return changed;
  }

  /**
   * Takes a new certificate and its key. The key stays in this process; save it with saveCredentialFiles(). As leader call
   * {@link publish} next: it gives the secret a new revision. Providers take the new certificate in by restarting their members
   * one after another, so expect refused connections for a while.
   *
   * @throws EtcdError `invalid-credentials`; then the former pair stays.
   */
  setClientCertificate(certificate: ClientCertificate): void {
    this.#certificate = checkClientCertificate(certificate);
    if (this.#connection?.tls === undefined) return;
    const tls = relationTls(this.#connection.tls.ca, this.#certificate);
    this.#take({ ...this.#connection, tls, isComplete: true });
  }

  /**
   * Removes the certificate secrets of relations that are no more, as the leader; Juju keeps them otherwise.
   *
   * @returns how many there were. @throws EtcdError `not-leader`.
   */
  async removeStaleSecrets(): Promise<number> {
    await requireLeader(this.#backend, 'EtcdClientRequires.removeStaleSecrets');
    return removeStaleSecrets(this.#backend, this.name, await liveRelations(this.#backend, this.name));
  }

  async commit(): Promise<void> {
    await writeSnapshot(this.#backend, this.#stateKey, this.#current);
    this.#remembered = this.#current;
    this.#events = [];
    // Python's memory of the answer. Kept up, so that a charm can go back to its library.
    for (const { relationId, remoteBag } of this.#relations) {
      const contract = this.#memoryContract(remoteBag);
      if (contract === undefined) continue;
      const own = await this.#backend.readDatabag(relationId, this.#backend.context.unit);
      const data = readAnswerSnapshot(remoteBag, contract, own.get('data'));
      if (data !== undefined) await writeChanges(this.#backend, relationId, 'unit', own, { data });
    }
  }

  get #stateKey(): string {
    return `etcd-vigil.requires.${this.name}`;
  }

  /** The Python library that would remember this answer: that of v1 fails at an answer in v0. */
  #memoryContract(remoteBag: Databag): AnswerProtocol | undefined {
    const { protocol = 'v0' } = this.#options;
    const isV1 = isV1Answer(remoteBag);
    if (protocol === 'v1') return isV1 ? 'v1' : undefined;
    return protocol === 'dual' && isV1 ? 'v1' : 'v0';
  }

  #take(connection: EtcdConnectionInfo | undefined): void {
    const before = JSON.stringify(this.#connection);
    const joined = this.#relations.map(({ relationId }) => relationId);
    this.#connection = connection;
    this.#current = requirerSnapshot(this.name, joined, connection, this.#endpointMemory);
    this.#events = requirerEvents(this.name, this.#remembered, this.#current, connection);
    if (JSON.stringify(connection) !== before) this.#listeners.tell(connection);
  }
}
