/**
 * From the relation to the engine, end to end, on etcd over TLS that wants client certificates: a provider publishes, a
 * requirer's hooks save, an engine in another place follows, while everything that can change about them does.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectFromFile, type Etcd, type LeaseEnd } from 'etcd-vigil';
import {
  EtcdProvides,
  EtcdRequires,
  JujuModel,
  readConnectionFile,
  readCredentialFiles,
  writeConnectionFile,
  type Charm,
} from 'etcd-vigil/relation';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StatusLog } from '../fault/status-log.js';
import { WatchFleet } from '../fault/watch-fleet.js';
import { TestCertificates, type CertificatePair } from '../support/certificates.js';
import { EtcdCluster } from '../support/etcd-cluster.js';
import { eventually } from '../support/poll.js';
import { RawEtcd } from '../support/raw-etcd.js';

const WATCHES = 200;
const LEASES = 1_000;
// Long enough for a machine that is busy with other tests: what is tested is the exchange, not the clock.
const TTL_SECONDS = 10;
/** Between two readings, and between two writes: the rest of the tests runs beside them. */
const PAUSE_MS = 5;

let certificates: TestCertificates;
let cluster: EtcdCluster;
let folder: string;

beforeAll(async () => {
  certificates = TestCertificates.create();
  const tls = { ...certificates.issue('server'), clientCaFile: certificates.caFile };
  cluster = await EtcdCluster.start({ tls, unixSocket: true });
  folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-relation-'));
});
afterAll(async () => {
  await cluster.close();
  certificates.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A model with both charms; what the provider publishes is for the test to change. */
class Deployment {
  readonly file = join(folder, 'run', 'etcd.json');
  readonly paths = {
    keyPath: join(folder, 'run', 'client.key'),
    certPath: join(folder, 'run', 'client.crt'),
    caPath: join(folder, 'run', 'ca.crt'),
  };
  endpoints: readonly string[] = [];
  pair: CertificatePair;
  readonly #model = new JujuModel();
  #relation: number;

  constructor(pair: CertificatePair) {
    this.pair = pair;
    this.#model.deploy('etcd');
    this.#model.deploy('client');
    this.#relation = this.#model.relate('etcd:db', 'client:etcd');
  }

  readonly #provider: Charm = async (backend) => {
    const provides = await EtcdProvides.load(backend, 'db');
    await provides.setConnectionString(this.endpoints, '3.5.0');
    const ca = readFileSync(certificates.caFile, 'utf8');
    await provides.setClientCredentials({ ...TestCertificates.text(this.pair), ca });
    await provides.commit();
  };

  readonly #requirer: Charm = async (backend) => {
    const requires = await EtcdRequires.load(backend, 'etcd');
    await writeConnectionFile(this.file, requires.connection(), { credentials: this.paths });
    await requires.commit();
  };

  /** Lets the provider publish what is to be published, and every hook that follows run. */
  async settle(): Promise<void> {
    this.#model.fire('etcd/0', 'update-status');
    await this.#model.settle({ etcd: this.#provider, client: this.#requirer });
  }

  async breakRelation(): Promise<void> {
    this.#model.removeRelation(this.#relation);
    await this.#model.settle({ etcd: this.#provider, client: this.#requirer });
  }

  async relateAgain(): Promise<void> {
    this.#relation = this.#model.relate('etcd:db', 'client:etcd');
    await this.settle();
  }
}

/** Reads the files again and again: each reading finds them whole, fitting, and closed to others. */
class FileReader {
  readings = 0;
  readonly problems: string[] = [];
  readonly #over: Promise<void>;
  #isStopped = false;

  constructor({ file, paths }: Deployment) {
    this.#over = this.#run(file, Object.values(paths), () => readCredentialFiles(paths));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#over;
  }

  async #run(file: string, files: readonly string[], readBundle: () => Promise<unknown>): Promise<void> {
    while (!this.#isStopped) {
      try {
        await readConnectionFile(file);
        await readBundle();
        for (const path of [file, ...files]) {
          const mode = (await stat(path)).mode & 0o777;
          if (mode !== 0o600) this.problems.push(`${path} has mode ${mode.toString(8)}`);
        }
        this.readings += 1;
        await sleep(PAUSE_MS);
      } catch (error) {
        this.problems.push(String(error));
      }
    }
  }
}

/** Writes into the watched keys until stopped. */
async function write(raw: RawEtcd, prefix: string, isOver: () => boolean): Promise<number> {
  let count = 0;
  while (!isOver()) {
    try {
      await raw.put(`${prefix}${String(count % WATCHES)}`, String(count));
      count += 1;
      await sleep(PAUSE_MS);
    } catch {
      // While a new leader is elected. It may have been applied: what happened is what the history says.
    }
  }
  return count;
}

async function expectLeasesKnown(etcd: Etcd): Promise<void> {
  let known = 0;
  for await (const id of etcd.leases.list()) known += id === 0n ? 0 : 1;
  expect(known).toBe(LEASES);
}

describe('a service that follows its charm', () => {
  it.each(['http2', 'grpc-js'] as const)(
    'loses no event and no lease while endpoints, certificates and the relation itself are exchanged: %s',
    async (transport) => {
      const [a, b, c] = cluster.members;
      if (a === undefined || b === undefined || c === undefined) throw new Error('three members');
      const deployment = new Deployment(certificates.issue('client-1'));
      deployment.endpoints = [a.endpoint];
      await deployment.settle();
      const reader = new FileReader(deployment);
      const raw = new RawEtcd(`unix:${c.socketPath}`);
      const etcd = await connectFromFile(deployment.file, { shards: 2, transport });
      try {
        const status = new StatusLog(etcd);
        const prefix = `end-to-end ${transport}/`;
        const fleet = new WatchFleet(etcd);
        for (let index = 0; index < WATCHES; index += 1) fleet.addKey(`${prefix}${String(index)}`);
        await fleet.group.ready();
        const leases = await etcd.leases.grantMany(LEASES, { ttlSeconds: TTL_SECONDS, timeoutMs: 40_000 });
        const ends: LeaseEnd[] = [];
        leases.onEnded((end) => ends.push(end));
        let isOver = false;
        const writing = write(raw, prefix, () => isOver);

        const changes = (): number => status.of('settings-changed').length;
        // An endpoint is added, the first one removed, and then its member says nothing any more.
        deployment.endpoints = [a.endpoint, b.endpoint];
        await deployment.settle();
        await eventually(() => changes() === 1);
        deployment.endpoints = [b.endpoint, c.endpoint];
        await deployment.settle();
        await eventually(() => changes() === 2);
        await eventually(() => status.of('left').filter(({ lane }) => lane === 'live').length >= 2);
        await eventually(() => status.of('connected').filter(({ lane }) => lane === 'lease').length >= 4);
        a.pause();
        // Certificates of both sides.
        certificates.issue('server');
        deployment.pair = certificates.issue('client-2');
        await deployment.settle();
        await eventually(() => status.of('settings-changed').some(({ credentials }) => credentials));
        await eventually(() => status.of('left').filter(({ lane }) => lane === 'live').length >= 4);
        // The relation is broken, and made again with another certificate.
        await deployment.breakRelation();
        await eventually(() => status.has('settings-withdrawn'));
        a.resume();
        await a.waitReady();
        const before = changes();
        deployment.pair = certificates.issue('client-3');
        await deployment.relateAgain();
        await eventually(() => changes() > before);
        // Each lease is renewed with the newest settings.
        const untilMs = Date.now() + TTL_SECONDS * 1_000;
        const all = Array.from({ length: LEASES }, (_, index) => leases.at(index));
        await eventually(() => all.every(({ deadline }) => deadline.getTime() > untilMs));

        isOver = true;
        const written = await writing;
        await reader.stop();
        const last = await fleet.settle(raw);
        await fleet.verify(raw, last);
        expect(fleet.living.length).toBe(WATCHES);
        expect(ends).toEqual([]);
        expect(leases.aliveCount).toBe(LEASES);
        await expectLeasesKnown(etcd);
        expect(reader.problems.slice(0, 5)).toEqual([]);
        expect(reader.readings).toBeGreaterThan(50);
        // The machine decides how many; some there must be in each phase.
        expect(written).toBeGreaterThan(20);
        expect(status.has('settings-refused')).toBe(false);
        await leases.revoke();
      } finally {
        await etcd.close();
        await reader.stop();
        raw.close();
        if (!a.running) a.resume();
        await a.waitReady();
      }
    },
  );
});
