/**
 * The providing side of the interface etcd_client: learns who asks for which keys with which certificate, and answers. Main
 * thread. Reads the relation anew at every hook, and writes only when told to.
 */
import {
  arrayRule,
  choiceRule,
  fieldsRule,
  integerRule,
  optional,
  stringRule,
  textRule,
} from '../../../wire/arguments.js';
import type { JujuBackend } from '../backend.js';
import { liveRelations } from '../live-relations.js';
import { backendRule, endpointNameRule } from '../relation-arguments.js';
import type { RelationEndpoint } from '../relation-endpoint.js';
import { EMPTY_SNAPSHOT, hashOf, readSnapshot, writeSnapshot, type Snapshot } from '../snapshot.js';
import { readAccessRequests, type AccessRequest, type RequestReading } from './access-request.js';
import { checkAccess, offerEncryption, offeredKey, publishAnswers, withdrawAnswers } from './answer-publisher.js';
import type { ProvidedAccess } from './answer-publisher.js';
import { appRelations, ownAppBag, requireLeader, writeChanges, type AppRelation } from './app-relations.js';
import { statusText, type ProviderStatus } from './client-answer.js';
import { removeStaleSecrets } from './owned-secret.js';
import { EXTRAS_RULES } from './requirer-options.js';
import { parseJson } from '../python-json.js';

/** What changed since the last successful hook. */
export type EtcdClientProvidesEvent =
  /** The first unit of a requirer is there. */
  | { readonly type: 'connected' }
  /** The last one is gone. */
  | { readonly type: 'disconnected' }
  /** Somebody asks, and its certificate can be read: make its user and role, put the certificate into the truststore, answer. */
  | { readonly type: 'requested'; readonly request: AccessRequest }
  /** The certificate is another; the former one is told where Juju still has it. */
  | {
      readonly type: 'certificateChanged';
      readonly request: AccessRequest;
      readonly previousCertificate: string | undefined;
      readonly previousCommonName: string;
    }
  /** A request is no more: remove its user, its role, and its certificate from the truststore. */
  | {
      readonly type: 'withdrawn';
      readonly relationId: string;
      readonly requestId: string | undefined;
      readonly prefix: string;
      readonly commonName: string;
    };

/** One of {@link EtcdClientProvides.requests}, as it is. */
const requestRule = optional(
  fieldsRule<AccessRequest>(
    {
      ...EXTRAS_RULES,
      ...{ relationId: textRule, remoteApp: textRule, protocol: choiceRule('v0', 'v1'), requestId: stringRule },
      ...{ prefix: stringRule, certificate: stringRule, commonName: stringRule, waiting: stringRule },
    },
    ['relationId', 'remoteApp', 'protocol', 'prefix'],
  ),
);
const statusesRule = arrayRule(
  'statuses',
  fieldsRule<ProviderStatus>(
    { code: integerRule(0, Number.MAX_SAFE_INTEGER), message: stringRule, resolution: stringRule },
    ['code', 'message', 'resolution'],
  ),
);

/**
 * An endpoint that provides `etcd_client`. Flags, under the endpoint's name: `connected` (a relation with a unit on the other
 * side), `requested` (somebody asks, with a certificate).
 *
 * Every relation is answered in the contract that its requirer speaks, v0 or v1: a v1 requirer would fail at a v0 answer.
 */
export class EtcdClientProvides implements RelationEndpoint<EtcdClientProvidesEvent> {
  readonly name: string;
  readonly role = 'provides';
  readonly interface = 'etcd_client';
  readonly #backend: JujuBackend;
  /** Former certificates by request, once they were seen in this hook. */
  readonly #previous = new Map<string, string>();
  #relations: readonly AppRelation[] = [];
  #readings: readonly RequestReading[] = [];
  #remembered: Snapshot = EMPTY_SNAPSHOT;
  #current: Snapshot = EMPTY_SNAPSHOT;
  #events: readonly EtcdClientProvidesEvent[] = [];

  private constructor(backend: JujuBackend, name: string) {
    this.#backend = backend;
    this.name = name;
  }

  /**
   * Reads the endpoint's relations in the hook that runs.
   *
   * @param name the endpoint in the charm's metadata, such as `etcd-client`.
   * @throws EtcdError `invalid-argument`.
   */
  static async load(backend: JujuBackend, name: string): Promise<EtcdClientProvides> {
    backendRule(backend, 'EtcdClientProvides.load: backend');
    endpointNameRule(name, 'EtcdClientProvides.load: name');
    const endpoint = new EtcdClientProvides(backend, name);
    await endpoint.refresh();
    return endpoint;
  }

  get flags(): ReadonlySet<string> {
    return new Set(this.#current.names);
  }

  get ownFlags(): readonly string[] {
    return [`${this.name}.connected`, `${this.name}.requested`];
  }

  get events(): readonly EtcdClientProvidesEvent[] {
    return this.#events;
  }

  /** Who asks, in Juju's order, also those whose certificate is waited for. */
  get requests(): readonly AccessRequest[] {
    return this.#readings.map(({ access }) => access);
  }

  async refresh(): Promise<void> {
    this.#remembered = await readSnapshot(this.#backend, this.#stateKey);
    this.#relations = await appRelations(this.#backend, this.name);
    const readings: RequestReading[] = [];
    for (const relation of this.#relations) {
      const own = await ownAppBag(this.#backend, relation.relationId);
      const key = relation.remoteBag.has('mtls-cert') ? await offeredKey(this.#backend, own) : undefined;
      readings.push(...(await readAccessRequests(this.#backend, relation, key)));
    }
    this.#readings = readings;
    for (const { access, previousCertificate } of readings) {
      if (previousCertificate !== undefined) this.#previous.set(keyOf(access), previousCertificate);
    }
    this.#current = this.#derive();
    this.#events = this.#compare();
  }

  /**
   * Answers requests: endpoints and version in the databag, user and authorities in Juju secrets of the application, granted to the
   * requirer. Call it in every hook of the leader; what is published already is not written again. Requests without a usable
   * certificate are left unanswered.
   *
   * @param request only this one of {@link requests}; the answers to others stay.
   * @returns whether anything was written.
   * @throws EtcdError `not-leader`; `invalid-argument`, `invalid-credentials` for an answer that is not allowed: nothing was written.
   */
  async answer(access: ProvidedAccess, request?: AccessRequest): Promise<boolean> {
    const checked = checkAccess(access);
    requestRule(request, 'answer: request');
    await requireLeader(this.#backend, 'EtcdClientProvides.answer');
    let changed = false;
    for (const relation of this.#relations) {
      changed = (await offerEncryption(this.#backend, relation)) || changed;
      const readings = this.#readings.filter(({ access: { relationId } }) => relationId === relation.relationId);
      const isMeant = ({ access: { waiting, ...one } }: RequestReading): boolean =>
        waiting === undefined && (request === undefined || keyOf(one) === keyOf(request));
      changed = (await publishAnswers(this.#backend, relation, readings, checked, isMeant)) || changed;
    }
    return changed;
  }

  /**
   * Takes back the answers on a relation that lives, and removes their secrets.
   *
   * @returns whether there was anything. @throws EtcdError `not-leader`, `relation-not-found`.
   */
  async withdraw(relationId: string): Promise<boolean> {
    textRule(relationId, 'withdraw: relationId');
    await requireLeader(this.#backend, 'EtcdClientProvides.withdraw');
    return withdrawAnswers(this.#backend, relationId);
  }

  /**
   * Tells the requirer's operator something; an empty list takes it back. Codes: 1xxx informs, 4xxx passes, 5xxx needs somebody.
   *
   * @returns whether anything was written. @throws EtcdError `not-leader`, `relation-not-found`.
   */
  async setStatuses(relationId: string, statuses: readonly ProviderStatus[]): Promise<boolean> {
    textRule(relationId, 'setStatuses: relationId');
    statusesRule(statuses, 'setStatuses: statuses');
    await requireLeader(this.#backend, 'EtcdClientProvides.setStatuses');
    const own = await this.#backend.readDatabag(relationId, this.#backend.context.app);
    const status = statuses.length === 0 ? '' : statusText(statuses);
    return writeChanges(this.#backend, relationId, 'app', own, { status });
  }

  /**
   * Removes the secrets of relations that are no more, as the leader; Juju keeps them otherwise.
   *
   * @returns how many there were. @throws EtcdError `not-leader`.
   */
  async removeStaleSecrets(): Promise<number> {
    await requireLeader(this.#backend, 'EtcdClientProvides.removeStaleSecrets');
    return removeStaleSecrets(this.#backend, this.name, await liveRelations(this.#backend, this.name));
  }

  async commit(): Promise<void> {
    await writeSnapshot(this.#backend, this.#stateKey, this.#current);
    this.#remembered = this.#current;
    this.#events = [];
    this.#previous.clear();
  }

  get #stateKey(): string {
    return `etcd-vigil.provides.${this.name}`;
  }

  #derive(): Snapshot {
    const [connected = '', requested = ''] = this.ownFlags;
    const hashes: Record<string, string> = {};
    for (const { access } of this.#readings) {
      const { certificate, commonName, prefix } = access;
      const key = keyOf(access);
      // A certificate that cannot be read for now is no withdrawal.
      const kept = this.#remembered.hashes[key];
      if (certificate !== undefined) hashes[key] = requestMark(prefix, commonName ?? '', hashOf([certificate]));
      else if (kept !== undefined) hashes[key] = kept;
    }
    const names = this.#relations.some(({ units }) => units.length > 0) ? [connected] : [];
    if (this.#readings.some(({ access }) => access.waiting === undefined)) names.push(requested);
    return { names, joined: this.#relations.map(({ relationId }) => relationId), hashes };
  }

  #compare(): readonly EtcdClientProvidesEvent[] {
    const [before, now] = [this.#remembered, this.#current];
    const events: EtcdClientProvidesEvent[] = [];
    const [connected = ''] = this.ownFlags;
    const [was, is] = [before.names.includes(connected), now.names.includes(connected)];
    if (is && !was) events.push({ type: 'connected' });
    for (const { access: request } of this.#readings) {
      const key = keyOf(request);
      const former = before.hashes[key];
      if (request.certificate === undefined || former === now.hashes[key]) continue;
      if (former === undefined) {
        events.push({ type: 'requested', request });
        continue;
      }
      const { commonName: previousCommonName } = requestOfMark(former);
      const previousCertificate = this.#previous.get(key);
      events.push({ type: 'certificateChanged', request, previousCertificate, previousCommonName });
    }
    for (const [key, former] of Object.entries(before.hashes)) {
      if (key in now.hashes) continue;
      const [relationId = '', requestId = ''] = key.split(' ');
      const { prefix, commonName } = requestOfMark(former);
      events.push({ type: 'withdrawn', relationId, requestId: requestId || undefined, prefix, commonName });
    }
    if (was && !is) events.push({ type: 'disconnected' });
    return events;
  }
}

function keyOf({ relationId, requestId }: Pick<AccessRequest, 'relationId' | 'requestId'>): string {
  return `${relationId} ${requestId ?? ''}`;
}

/** Prefix and name are public, and asked for when the request is gone. */
function requestMark(prefix: string, commonName: string, certificateHash: string): string {
  return JSON.stringify([prefix, commonName, certificateHash]);
}

function requestOfMark(mark: string): { readonly prefix: string; readonly commonName: string } {
  const parts = parseJson(mark);
  const list: readonly unknown[] = Array.isArray(parts) ? parts : [];
  const [prefix, commonName] = list;
  return {
    prefix: typeof prefix === 'string' ? prefix : '',
    commonName: typeof commonName === 'string' ? commonName : '',
  };
}
