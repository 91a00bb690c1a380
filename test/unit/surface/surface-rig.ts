/**
 * Something to call every public function on, and for each a list of right arguments, of which the test spoils one at a time.
 * Functions without parameters need none.
 */
import { readFileSync } from 'node:fs';
import * as main from 'etcd-vigil';
import * as embedded from 'etcd-vigil/embedded';
import * as relation from 'etcd-vigil/relation';
import * as testing from 'etcd-vigil/testing';
import { TestCertificates } from '../../support/certificates.js';

export interface Rig {
  /** What is exported, by name. */
  readonly exported: Readonly<Record<string, unknown>>;
  /** Objects to call methods on, by the name of their class or interface. */
  readonly receivers: Readonly<Record<string, readonly object[]>>;
  /** By the name of the callable. */
  readonly right: Readonly<Record<string, readonly unknown[]>>;
  close(): Promise<void>;
}

const nothing = (): undefined => undefined;
const asyncNothing = (): Promise<undefined> => Promise.resolve(undefined);

export async function makeRig(): Promise<Rig> {
  const server = await embedded.EmbeddedEtcd.start({ clock: 'manual' });
  const etcd = await main.connect({ endpoints: server.endpoints, shards: 'inline', requestTimeoutMs: 5_000 });
  const group = etcd.watchGroup();
  const member = group.add('rig', { watchId: 7n });
  const watcher = etcd.watch('rig');
  await Promise.all([watcher.ready, member.ready]);
  const batches = watcher[Symbol.asyncIterator]();
  const groupBatches = group[Symbol.asyncIterator]();
  await etcd.kv.put('rig', 'value');
  const { value: batch } = (await batches.next()) as { value: main.WatchBatch };
  const { value: groupBatch } = (await groupBatches.next()) as { value: main.GroupBatch };
  const part = groupBatch.parts[0];
  const event = batch.at(0);
  if (part === undefined || event === undefined) throw new Error('the rig saw no event');
  const lease = await etcd.leases.grant({ ttlSeconds: 60 });
  const collection = await etcd.leases.grantMany(2, { ttlSeconds: 60 });
  const session = etcd.leases.session({ ttlSeconds: 60 });
  await session.ready;
  const registration = await etcd.leases.register('registered', 'value', { ttlSeconds: 60 });
  const comparison = main.compare('k').version.equals(1n);
  const step = main.put('k', 'v');

  const certificates = TestCertificates.create();
  const { cert, key } = TestCertificates.text(certificates.issue('client'));
  const ca = readFileSync(certificates.caFile, 'utf8');
  const model = new relation.JujuModel();
  model.deploy('client');
  model.deploy('etcd');
  model.relate('client:etcd', 'etcd:db');
  model.relate('client:store', 'etcd:clients');
  await model.settle();
  model.fire('client/0', 'update-status');
  model.fire('etcd/0', 'update-status');
  const hook = model.begin('client/0');
  const providing = model.begin('etcd/0');
  if (hook === undefined || providing === undefined) throw new Error('the rig has no hook');
  const { backend } = hook;
  const env = { JUJU_UNIT_NAME: 'client/0', JUJU_HOOK_NAME: 'update-status', PATH: certificates.folder };
  const requires = await relation.EtcdRequires.load(backend, 'etcd');
  const provides = await relation.EtcdProvides.load(providing.backend, 'db');
  const clientRequires = await relation.EtcdClientRequires.load(backend, { name: 'store', prefix: '/rig/' });
  const clientProvides = await relation.EtcdClientProvides.load(providing.backend, 'clients');
  const reactive = new relation.Reactive(backend, { endpoints: [requires] });
  const kit = testing.FaultKit.of(server);
  const fault: testing.Fault = { rpc: 'KV/Put', at: 'call', action: { kind: 'delay', byMs: 0 } };
  const paths = {
    keyPath: `${certificates.folder}/rig.key`,
    certPath: `${certificates.folder}/rig.crt`,
    caPath: `${certificates.folder}/rig.ca`,
  };
  const file = `${certificates.folder}/connection.json`;
  const access = { endpoints: ['10.0.0.1:2379'], version: '3.5.16', ca };
  const endpoints = 'http://127.0.0.1:1';
  const secret = { password: 'secret' };
  const comparisonOf = main.compare('k');

  return {
    exported: { ...main, ...embedded, ...relation, ...testing },
    receivers: {
      Etcd: [etcd],
      Watcher: [watcher],
      WatchGroup: [group],
      GroupWatch: [member],
      WatchBatch: [batch],
      GroupBatch: [groupBatch],
      GroupPart: [part],
      EventSpan: [part.events],
      WatchEvent: [event],
      Leases: [etcd.leases],
      Lease: [lease],
      LeaseCollection: [collection],
      LeaseSession: [session],
      Registration: [registration],
      Bytes: [event.key],
      Kv: [etcd.kv],
      ...Object.fromEntries(
        Object.entries(comparisonOf).map(([name, comparator]) => [`CompareTarget.${name}`, [comparator]]),
      ),
      Txn: [etcd.kv.txn()],
      TxnBuilder: [main.txn()],
      JujuBackend: [backend, relation.hookTools({ env })],
      HookRun: [hook],
      EtcdConnectionSource: [requires, clientRequires],
      EtcdRequires: [requires],
      EtcdProvides: [provides],
      EtcdClientRequires: [clientRequires],
      EtcdClientProvides: [clientProvides],
      Reactive: [reactive],
      JujuModel: [model],
      EmbeddedEtcd: [server],
      FaultKit: [kit],
      InjectedFault: [await kit.inject({ ...fault, rpc: 'KV/Compact' })],
    },
    right: {
      connect: [{ endpoints, lazy: true }],
      connectFromFile: [file, {}],
      connectFromRelation: [requires, {}],
      connection: ['no such name'],
      'Etcd.watch': ['k', {}],
      'Etcd.watchGroup': [{}],
      'Etcd.reconfigure': [{ endpoints: server.endpoints }],
      'Watcher.progress': [{}],
      'WatchGroup.add': ['k', {}],
      'WatchGroup.get': [9n],
      'WatchGroup.cancel': [9n],
      'GroupWatch.progress': [{}],
      'WatchBatch.at': [0],
      'EventSpan.at': [0],
      'Leases.grant': [{ ttlSeconds: 60 }],
      'Leases.grantMany': [1, { ttlSeconds: 60 }],
      'Leases.keepAlive': [lease.leaseId, {}],
      'Leases.session': [{ ttlSeconds: 60 }],
      'Leases.register': ['k', 'v', { ttlSeconds: 60 }],
      'Leases.keepAliveOnce': [lease.leaseId, {}],
      'Leases.revoke': [1n, {}],
      'Leases.timeToLive': [lease.leaseId, {}],
      'Leases.list': [{}],
      'Lease.revoke': [{}],
      'Lease.onRenewed': [nothing],
      'LeaseCollection.at': [0],
      'LeaseCollection.leaseIdAt': [0],
      'LeaseCollection.isAliveAt': [0],
      'LeaseCollection.onEnded': [nothing],
      'LeaseCollection.revoke': [{}],
      'LeaseSession.on': [nothing],
      'LeaseSession.close': [{}],
      'Registration.on': [nothing],
      'Registration.close': [{}],
      'Registration.update': ['v'],
      'Bytes.view (static)': [new Uint8Array(1)],
      'Bytes.from (static)': [[1, 2]],
      'Bytes.of (static)': [1, 2],
      'Kv.get': ['k', {}],
      'Kv.range': ['k', {}],
      'Kv.count': ['k', {}],
      'Kv.pages': ['k', {}],
      'Kv.put': ['k', 'v', {}],
      'Kv.delete': ['k', {}],
      'Kv.compact': [1n, {}],
      compare: ['k'],
      ...Object.fromEntries(
        Object.entries(comparisonOf).flatMap(([name, comparator]) =>
          Object.keys(comparator as object).map((way) => [
            `CompareTarget.${name}.${way}`,
            [name === 'value' ? 'v' : 1n],
          ]),
        ),
      ),
      del: ['k', {}],
      get: ['k', {}],
      put: ['k', 'v', {}],
      range: ['k', {}],
      'Txn.commit': [{}],
      'Txn.if': [comparison],
      'Txn.then': [step],
      'Txn.else': [step],
      'TxnBuilder.if': [comparison],
      'TxnBuilder.then': [step],
      'TxnBuilder.else': [step],
      'JujuBackend.relationIds': ['etcd'],
      'JujuBackend.relationUnits': ['etcd:0'],
      'JujuBackend.relationApp': ['etcd:0'],
      'JujuBackend.relationModel': ['etcd:0'],
      'JujuBackend.readDatabag': ['etcd:0', 'client/0'],
      'JujuBackend.writeDatabag': ['etcd:0', 'unit', {}],
      'JujuBackend.setStatus': ['active', 'well', {}],
      'JujuBackend.setApplicationVersion': ['1'],
      'JujuBackend.log': ['INFO', 'well'],
      'JujuBackend.networkInfo': ['etcd', 'etcd:0'],
      'JujuBackend.peerAddresses': ['etcd'],
      'JujuBackend.writeState': [{}],
      'JujuBackend.addSecret': [secret, {}],
      'JujuBackend.readSecret': [{ label: 'rig' }, 'peek'],
      'JujuBackend.writeSecret': ['secret:rig', secret],
      'JujuBackend.secretInfo': [{ label: 'rig' }],
      'JujuBackend.grantSecret': ['secret:rig', 'etcd:0', 'etcd/0'],
      'JujuBackend.revokeSecret': ['secret:rig', 'etcd:0', 'etcd/0'],
      'JujuBackend.removeSecret': ['secret:rig', 1],
      'EtcdConnectionSource.refresh': [backend],
      'EtcdConnectionSource.onConnection': [nothing],
      'EtcdRequires.load (static)': [backend, 'etcd'],
      'EtcdRequires.getConnectionString': [{}],
      'EtcdRequires.getVersion': [{}],
      'EtcdRequires.getClientCredentials': [{}],
      'EtcdRequires.saveClientCredentials': [paths.keyPath, paths.certPath, paths.caPath],
      'EtcdRequires.connection': [{}],
      'EtcdRequires.onConnection': [nothing],
      'EtcdRequires.refresh': [backend],
      'EtcdProvides.load (static)': [providing.backend, 'db'],
      'EtcdProvides.setConnectionString': ['https://10.0.0.1:2379', '3.5.16'],
      'EtcdProvides.setClientCredentials': [key, cert, ca],
      'EtcdClientRequires.load (static)': [backend, { name: 'store', prefix: '/rig/', certificate: { cert, key } }],
      'EtcdClientRequires.saveClientCredentials': [paths],
      'EtcdClientRequires.onConnection': [nothing],
      'EtcdClientRequires.refresh': [backend],
      'EtcdClientRequires.setClientCertificate': [{ cert, key }],
      'EtcdClientProvides.load (static)': [providing.backend, 'clients'],
      'EtcdClientProvides.answer': [access, undefined],
      'EtcdClientProvides.withdraw': ['clients:1'],
      'EtcdClientProvides.setStatuses': ['clients:1', []],
      'new Reactive': [backend, {}],
      'Reactive.when': ['flag', nothing],
      'Reactive.whenNot': ['flag', nothing],
      'Reactive.whenAny': ['flag', nothing],
      'Reactive.handle': [{ when: 'flag' }, nothing],
      'Reactive.hook': ['start', nothing],
      'Reactive.on': [requires, 'connected', nothing],
      'Reactive.isFlagSet': ['flag'],
      'Reactive.setFlag': ['flag'],
      'Reactive.clearFlag': ['flag'],
      hookTools: [{ env }],
      'new JujuModel': [{}],
      'JujuModel.deploy': ['other', { units: 1 }],
      'JujuModel.addUnit': ['client'],
      'JujuModel.removeUnit': ['client/0'],
      'JujuModel.relate': ['client:peer', 'etcd:peer'],
      'JujuModel.removeRelation': [0],
      'JujuModel.setLeader': ['client/0'],
      'JujuModel.setConfig': ['client', {}],
      'JujuModel.setLeaderSettings': ['client', {}],
      'JujuModel.fire': ['client/0', 'update-status'],
      'JujuModel.bag': [0, 'client/0'],
      'JujuModel.publish': [0, 'client/0', {}],
      'JujuModel.unit': ['client/0'],
      'JujuModel.application': ['client'],
      'JujuModel.state': ['client/0'],
      'JujuModel.begin': ['client/0'],
      'JujuModel.run': [asyncNothing, 'client/0'],
      'JujuModel.settle': [{}],
      readConnectionFile: [file],
      writeConnectionFile: [file, undefined, {}],
      readCredentialFiles: [paths],
      removeCredentialFiles: [paths],
      saveCredentialFiles: [paths, { key, cert, ca }, {}],
      'EmbeddedEtcd.start (static)': [{}],
      'EmbeddedEtcd.advanceClock': [1],
      'FaultKit.of (static)': [server],
      'FaultKit.inject': [fault],
      'FaultKit.act': [{ kind: 'compact' }, server.endpoints[0]],
      'FaultKit.addEndpoint': [{}],
      findLosses: [[], [], {}],
      randomFaults: [{ seed: 1 }],
    },
    close: async () => {
      await etcd.close();
      await server.close();
      certificates.close();
    },
  };
}
