/**
 * The providing side of the interface `etcd`: publishes where etcd is, and a client's key and certificate. Main thread.
 *
 * Every unit of the provider must publish: consumers read one unit, and which one they choose is theirs. The key travels in clear in
 * the relation data; that is the interface's, `etcd_client` does better.
 */
import { stringRule, textOrTextsRule } from '../../wire/arguments.js';
import { parseEndpoints } from '../../wire/endpoint.js';
import type { DatabagChange, JujuBackend } from './backend.js';
import { ETCD_KEYS, splitConnectionString } from './etcd-view.js';
import { departsItself, liveRelations, type LiveRelation } from './live-relations.js';
import { checkBundle, type CredentialBundle } from './pem.js';
import { backendRule, bundleRule, endpointNameRule, pemTextRule } from './relation-arguments.js';
import type { RelationEndpoint } from './relation-endpoint.js';
import { EMPTY_SNAPSHOT, readSnapshot, writeSnapshot, type Snapshot } from './snapshot.js';

/** What changed on the endpoint since the last successful hook. */
export type EtcdProvidesEvent =
  /** The first client unit has joined. */
  | { readonly type: 'connected' }
  /** The last client unit is gone. */
  | { readonly type: 'disconnected' };

/** What a setter did. */
export interface Published {
  /** The relations whose data became different. */
  readonly changed: readonly string[];
}

const wholeBundleRule = bundleRule(pemTextRule, ['key', 'cert', 'ca']);

/** A charm's endpoint that provides `etcd`. Flag: `<name>.connected`, while a client unit is on one of the relations. */
export class EtcdProvides implements RelationEndpoint<EtcdProvidesEvent> {
  readonly name: string;
  readonly role = 'provides';
  readonly interface = 'etcd';
  readonly ownFlags: readonly string[];
  readonly #backend: JujuBackend;
  #relations: readonly LiveRelation[] = [];
  #remembered: Snapshot = EMPTY_SNAPSHOT;

  private constructor(backend: JujuBackend, name: string) {
    this.#backend = backend;
    this.name = name;
    this.ownFlags = [`${name}.connected`];
  }

  /**
   * Reads the endpoint's relations in the hook that runs.
   *
   * @param name the endpoint in the charm's metadata, such as `db`.
   * @throws EtcdError `invalid-argument`.
   */
  static async load(backend: JujuBackend, name: string): Promise<EtcdProvides> {
    backendRule(backend, 'EtcdProvides.load: backend');
    endpointNameRule(name, 'EtcdProvides.load: name');
    const endpoint = new EtcdProvides(backend, name);
    await endpoint.refresh();
    return endpoint;
  }

  get flags(): ReadonlySet<string> {
    return new Set(this.#names());
  }

  get events(): readonly EtcdProvidesEvent[] {
    const [was, is] = [this.#remembered.names.length > 0, this.#names().length > 0];
    return was === is ? [] : [{ type: is ? 'connected' : 'disconnected' }];
  }

  /** Every relation that is not breaking, with its client units. */
  relations(): readonly LiveRelation[] {
    return this.#relations;
  }

  /**
   * Publishes where etcd is, to every relation, by this unit.
   *
   * @param endpoints a connection string, or its parts, which are sorted as strings; none retracts it.
   * @param version of the server, such as `3.5.18`. Without it consumers must assume etcd 2.
   * @throws EtcdError `invalid-argument` for an endpoint that cannot be read; nothing is written.
   */
  async setConnectionString(endpoints: string | readonly string[], version = ''): Promise<Published> {
    if (typeof endpoints !== 'string') textOrTextsRule(endpoints, 'setConnectionString: endpoints');
    stringRule(version, 'setConnectionString: version');
    const parts = splitConnectionString(typeof endpoints === 'string' ? endpoints : endpoints.join(','));
    if (typeof endpoints !== 'string') parts.sort();
    // Consumers hand the string to other programs as it is, so what they could not read must not go out.
    if (parts.length > 0) parseEndpoints(parts);
    return this.#publish({
      [ETCD_KEYS.connectionString]: parts.join(','),
      [ETCD_KEYS.version]: parts.length === 0 ? '' : version.trim(),
    });
  }

  /**
   * Publishes a client's material, to every relation, by this unit. CRLF becomes LF.
   *
   * @throws EtcdError `invalid-credentials` for a part that is missing, is no PEM, or does not belong to the others; nothing is written.
   */
  setClientCredentials(key: string, cert: string, ca: string): Promise<Published>;
  setClientCredentials(bundle: CredentialBundle): Promise<Published>;
  async setClientCredentials(keyOrBundle: string | CredentialBundle, cert = '', ca = ''): Promise<Published> {
    if (typeof keyOrBundle === 'string') {
      pemTextRule(cert, 'setClientCredentials: cert');
      pemTextRule(ca, 'setClientCredentials: ca');
    } else wholeBundleRule(keyOrBundle, 'setClientCredentials: bundle');
    const checked = checkBundle(typeof keyOrBundle === 'string' ? { key: keyOrBundle, cert, ca } : keyOrBundle);
    return this.#publish({
      [ETCD_KEYS.key]: checked.key,
      [ETCD_KEYS.cert]: checked.cert,
      [ETCD_KEYS.ca]: checked.ca,
    });
  }

  /** Takes back everything that this unit has published. */
  async retract(): Promise<Published> {
    return this.#publish(Object.fromEntries(Object.values(ETCD_KEYS).map((key) => [key, null])));
  }

  async refresh(): Promise<void> {
    this.#remembered = await readSnapshot(this.#backend, this.#stateKey);
    this.#relations = await liveRelations(this.#backend, this.name);
  }

  async commit(): Promise<void> {
    this.#remembered = { names: this.#names(), joined: [], hashes: {} };
    await writeSnapshot(this.#backend, this.#stateKey, this.#remembered);
  }

  get #stateKey(): string {
    return `etcd-vigil.provides.${this.name}`;
  }

  #names(): readonly string[] {
    return this.#relations.some(({ units }) => units.length > 0) ? this.ownFlags : [];
  }

  /** One write a relation, and none where nothing would change: a write wakes every client unit. */
  async #publish(wanted: DatabagChange): Promise<Published> {
    const changed: string[] = [];
    if (departsItself(this.#backend)) return { changed };
    for (const { relationId } of this.#relations) {
      const bag = await this.#backend.readDatabag(relationId, this.#backend.context.unit);
      const change = Object.entries(wanted).filter(([key, value]) => (bag.get(key) ?? '') !== (value ?? ''));
      if (change.length === 0) continue;
      await this.#backend.writeDatabag(relationId, 'unit', Object.fromEntries(change));
      changed.push(relationId);
    }
    return { changed };
  }
}
