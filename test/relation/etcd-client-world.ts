/** A model with two applications that are related by etcd_client, and the certificates they need. For the tests of both sides. */
import { readFileSync } from 'node:fs';
import type { Charm, JujuModelOptions } from '../../src/main/relation/memory/juju-model.js';
import { JujuModel } from '../../src/main/relation/memory/juju-model.js';
import type { HookContext, JujuBackend } from '../../src/main/relation/backend.js';
import { EtcdClientProvides } from '../../src/main/relation/etcd-client/etcd-client-provides.js';
import { EtcdClientRequires } from '../../src/main/relation/etcd-client/etcd-client-requires.js';
import type {
  ClientCertificate,
  EtcdClientRequiresOptions,
} from '../../src/main/relation/etcd-client/requirer-options.js';
import type { ProvidedAccess } from '../../src/main/relation/etcd-client/answer-publisher.js';
import { TestCertificates } from '../support/certificates.js';

/** Puts something between a hook and its charm: hook tools, or nothing. */
export type Through = (charm: Charm) => Charm;

/** Certificates that the recordings call by a name. */
export interface Material {
  readonly certA: ClientCertificate;
  readonly certB: ClientCertificate;
  readonly ca: string;
  close(): void;
}

export function makeMaterial(): Material {
  const certificates = TestCertificates.create();
  const certA = TestCertificates.text(certificates.issue('cn'));
  const certB = TestCertificates.text(certificates.issue('cn'));
  const ca = readFileSync(certificates.caFile, 'utf8');
  return {
    certA,
    certB,
    ca,
    close: () => {
      certificates.close();
    },
  };
}

export const ENDPOINT = 'etcd-client';

export interface WorldOptions extends JujuModelOptions {
  readonly material: Material;
  readonly through?: Through;
  readonly requires?: Partial<EtcdClientRequiresOptions>;
  readonly units?: number;
  readonly requirer?: string;
  readonly provider?: string;
}

/** What an endpoint told in one hook. */
export interface Told<Endpoint> {
  readonly hook: string;
  readonly unit: string;
  readonly endpoint: Endpoint;
  readonly events: readonly { readonly type: string }[];
}

/** Hooks in which neither side has anything to do. */
function isForOthers({ hook }: HookContext): boolean {
  return /^(?:install|start|stop|remove|config-changed)$/u.test(hook);
}

export class World {
  readonly model: JujuModel;
  readonly requirer: string;
  readonly provider: string;
  readonly required: Told<EtcdClientRequires>[] = [];
  readonly provided: Told<EtcdClientProvides>[] = [];
  requires: EtcdClientRequiresOptions;
  /** What the provider answers; without it, it says nothing. */
  access: ProvidedAccess | undefined;
  /** Applications whose charm does nothing: something else speaks for them. */
  readonly silent = new Set<string>();
  #through: Through;

  constructor({ material, through, requires, units, requirer, provider, ...model }: WorldOptions) {
    this.model = new JujuModel({ publishAddresses: false, firstRelation: 9, ...model });
    this.requirer = requirer ?? 'app';
    this.provider = provider ?? 'etcd';
    this.requires = { name: ENDPOINT, prefix: '/app/', certificate: material.certA, ...requires };
    this.access = { endpoints: ['10.0.0.1:2379'], version: '3.6.4', ca: material.ca };
    this.#through = through ?? ((charm) => charm);
    this.model.deploy(this.requirer, { units: units ?? 1 });
    this.model.deploy(this.provider);
  }

  relate(provider: string = this.provider): number {
    return this.model.relate(`${this.requirer}:${ENDPOINT}`, `${provider}:${ENDPOINT}`);
  }

  /** The charms of both sides, as the guide has them. */
  async requirerCharm(backend: JujuBackend): Promise<void> {
    const endpoint = await EtcdClientRequires.load(backend, this.requires);
    if (await backend.isLeader()) await endpoint.publish();
    const { hook, unit } = backend.context;
    this.required.push({ hook, unit, endpoint, events: endpoint.events });
    await endpoint.commit();
  }

  async providerCharm(backend: JujuBackend): Promise<void> {
    const endpoint = await EtcdClientProvides.load(backend, ENDPOINT);
    if (this.access !== undefined && (await backend.isLeader())) await endpoint.answer(this.access);
    const { hook, unit } = backend.context;
    this.provided.push({ hook, unit, endpoint, events: endpoint.events });
    await endpoint.commit();
  }

  /** Runs all hooks that wait. */
  async settle(): Promise<readonly string[]> {
    const ran: string[] = [];
    for (;;) {
      const hook = await this.run();
      if (hook === undefined) return ran;
      ran.push(hook);
    }
  }

  /** Runs all hooks that wait in memory, whatever the world puts in between: what a test begins with. */
  async prepare(): Promise<void> {
    const through = this.#through;
    this.#through = (charm) => charm;
    await this.settle();
    this.#through = through;
  }

  /** Runs the oldest hook that waits, or the oldest of one unit, with its application's charm or the one given. */
  async run(unit?: string, charm?: Charm): Promise<string | undefined> {
    const charmOf = (backend: JujuBackend): Promise<void> => {
      if (charm !== undefined) return charm(backend);
      if (this.silent.has(backend.context.app) || isForOthers(backend.context)) return Promise.resolve();
      return backend.context.app === this.requirer ? this.requirerCharm(backend) : this.providerCharm(backend);
    };
    const context = await this.model.run(this.#through(charmOf), unit);
    return context && `${context.unit} ${context.hook}`;
  }

  /** Runs a charm in a hook of its own, once no other waits. */
  async inHook(unit: string, charm: Charm): Promise<void> {
    await this.prepare();
    this.model.fire(unit, 'update-status');
    await this.run(unit, charm);
  }

  /** The endpoint as the requirer's charm saw it last. */
  get seen(): EtcdClientRequires {
    const last = this.required.at(-1);
    if (last === undefined) throw new Error('no hook of the requirer ran');
    return last.endpoint;
  }

  /** Types of all events on a side since the last call. */
  takeEvents(side: 'required' | 'provided'): string[] {
    return this[side].splice(0).flatMap(({ events }) => events.map(({ type }) => type));
  }

  bag(relation: number, member: string): Record<string, string> {
    return Object.fromEntries(this.model.bag(relation, member));
  }
}
