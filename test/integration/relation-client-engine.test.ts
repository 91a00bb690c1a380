/**
 * From the interface etcd_client to the engine, in one process, on etcd over TLS that wants client certificates: a provider
 * answers, and an engine follows the requiring endpoint from hook to hook while endpoints, both certificates and the relation
 * itself are exchanged.
 */
import { readFileSync } from 'node:fs';
import { connectFromRelation, type Etcd, type LeaseEnd } from 'etcd-vigil';
import {
  EtcdClientProvides,
  EtcdClientRequires,
  JujuModel,
  type Charm,
  type EtcdClientProtocol,
  type ProvidedAccess,
} from 'etcd-vigil/relation';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StatusLog } from '../fault/status-log.js';
import { WatchFleet } from '../fault/watch-fleet.js';
import { TestCertificates } from '../support/certificates.js';
import { EtcdProcess } from '../support/etcd.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { eventually } from '../support/poll.js';
import { RawEtcd } from '../support/raw-etcd.js';

const WATCHES = 50;
const LEASES = 100;
const TTL_SECONDS = 10;
const NAME = 'etcd-client';

let certificates: TestCertificates;
let server: EtcdProcess;
let proxy: FaultProxy;

beforeAll(async () => {
  certificates = TestCertificates.create();
  const tls = { ...certificates.issue('server'), clientCaFile: certificates.caFile };
  server = await EtcdProcess.start({ tls, unixSocket: true });
  proxy = await FaultProxy.start({ port: server.port });
});
afterAll(async () => {
  await proxy.close();
  await server.close();
  certificates.close();
});

/** Both charms in a model; the requiring endpoint lives through all hooks, as the engine that follows it does. */
class Deployment {
  /** What the provider answers; without it, it says nothing. */
  access: ProvidedAccess | undefined;
  /** Undefined before the relation was told of. */
  requires: EtcdClientRequires | undefined;
  readonly #model = new JujuModel();
  readonly #protocol: EtcdClientProtocol;
  #relation: number;

  constructor(protocol: EtcdClientProtocol) {
    this.#protocol = protocol;
    this.#model.deploy('etcd');
    this.#model.deploy('client');
    this.#relation = this.#relate();
  }

  readonly #provider: Charm = async (backend) => {
    const provides = await EtcdClientProvides.load(backend, NAME);
    if (this.access !== undefined) await provides.answer(this.access);
    await provides.commit();
  };

  readonly #requirer: Charm = async (backend) => {
    if (this.requires === undefined)
      this.requires = await EtcdClientRequires.load(backend, { name: NAME, prefix: '/', protocol: this.#protocol });
    else await this.requires.refresh(backend);
    await this.requires.publish();
    await this.requires.commit();
  };

  async settle(): Promise<void> {
    this.#model.fire('client/0', 'update-status');
    this.#model.fire('etcd/0', 'update-status');
    await this.#model.settle({ etcd: this.#provider, client: this.#requirer });
  }

  async breakRelation(): Promise<void> {
    this.#model.removeRelation(this.#relation);
    await this.settle();
  }

  async relateAgain(): Promise<void> {
    this.#relation = this.#relate();
    await this.settle();
  }

  #relate(): number {
    return this.#model.relate(`etcd:${NAME}`, `client:${NAME}`);
  }
}

async function expectLeasesKnown(etcd: Etcd): Promise<void> {
  let known = 0;
  for await (const id of etcd.leases.list()) known += id === 0n ? 0 : 1;
  expect(known).toBe(LEASES);
}

describe('an engine that follows etcd_client', () => {
  it.each(['v0', 'v1', 'dual'] as const)(
    'waits for the answer, and loses nothing when endpoints, certificates and the relation change: %s',
    async (protocol) => {
      const ca = readFileSync(certificates.caFile, 'utf8');
      const access = (address: string): ProvidedAccess => ({ endpoints: [address], version: '3.5.0', ca });
      const [direct, proxied] = [`127.0.0.1:${String(server.port)}`, `127.0.0.1:${String(proxy.port)}`];
      const deployment = new Deployment(protocol);
      await deployment.settle();
      const { requires } = deployment;
      if (requires === undefined) throw new Error('no hook of the client ran');

      // The provider answers nobody without a certificate.
      const connecting = connectFromRelation(requires, { shards: 1 });
      deployment.access = access(direct);
      await deployment.settle();
      expect(requires.connection()).toBeUndefined();
      requires.setClientCertificate(TestCertificates.text(certificates.issue('client')));
      await deployment.settle();
      expect(requires.connection()).toMatchObject({ endpoints: [`https://${direct}`], isComplete: true });
      const etcd = await connecting;
      const raw = new RawEtcd(`unix:${server.socketPath}`);
      try {
        const status = new StatusLog(etcd);
        const prefix = `client ${protocol}/`;
        const fleet = new WatchFleet(etcd);
        for (let index = 0; index < WATCHES; index += 1) fleet.addKey(`${prefix}${String(index)}`);
        await fleet.group.ready();
        const leases = await etcd.leases.grantMany(LEASES, { ttlSeconds: TTL_SECONDS, timeoutMs: 40_000 });
        const ends: LeaseEnd[] = [];
        leases.onEnded((end) => ends.push(end));
        let puts = 0;
        const write = async (): Promise<void> => {
          for (let index = 0; index < WATCHES; index += 1) {
            await raw.put(`${prefix}${String(index)}`, String(puts));
            puts += 1;
          }
        };
        const changes = (): number => status.of('settings-changed').length;

        deployment.access = access(proxied);
        await Promise.all([deployment.settle(), write()]);
        await eventually(() => changes() === 1);
        await eventually(() => status.of('left').some(({ endpoint }) => endpoint.endsWith(direct)));

        requires.setClientCertificate(TestCertificates.text(certificates.issue('client')));
        await Promise.all([deployment.settle(), write()]);
        await eventually(() => status.of('settings-changed').some(({ credentials }) => credentials));

        await Promise.all([deployment.breakRelation(), write()]);
        await eventually(() => status.has('settings-withdrawn'));
        const before = changes();
        deployment.access = access(direct);
        await Promise.all([deployment.relateAgain(), write()]);
        await eventually(() => changes() > before);
        await etcd.kv.put(`${prefix}0`, 'last');

        // Renewed with the newest settings.
        const untilMs = Date.now() + TTL_SECONDS * 1_000;
        const all = Array.from({ length: LEASES }, (_, index) => leases.at(index));
        await eventually(() => all.every(({ deadline }) => deadline.getTime() > untilMs));
        await fleet.verify(raw, await fleet.settle(raw));
        expect(fleet.living.length).toBe(WATCHES);
        expect(ends).toEqual([]);
        await expectLeasesKnown(etcd);
        expect(status.has('settings-refused')).toBe(false);
        await leases.revoke();
      } finally {
        await etcd.close();
        raw.close();
      }
    },
  );
});
