// The hooks of the charm. Everything here can run again at any time: a hook that failed comes again.
import { mkdir, rm } from 'node:fs/promises';
import { EtcdRequires, hookTools, Reactive, removeCredentialFiles, writeConnectionFile } from 'etcd-vigil/relation';
import { places } from './places.js';
import { isServiceRunning, startService, stopService } from './start-service.js';

const juju = hookTools();
const etcd = await EtcdRequires.load(juju, 'etcd');
const here = places(juju.context.unit);
const credentials = { keyPath: here.key, certPath: here.cert, caPath: here.ca };

await new Reactive(juju, { endpoints: [etcd] })
  .hook('install', async () => {
    await mkdir(here.folder, { recursive: true, mode: 0o700 });
    await juju.setStatus('maintenance', 'installed');
  })
  .hook(['start', 'upgrade-charm', 'update-status'], async () => {
    await startService(here, juju.context.unit);
  })
  .when('etcd.tls.available', async () => {
    // Key, certificate and CA first, all or nothing, mode 0600; then the file that the service follows.
    const { changed } = await writeConnectionFile(here.connection, etcd.connection(), { credentials });
    if (changed) await juju.log('INFO', 'etcd: endpoints or certificates are others now');
    const version = etcd.getVersion();
    await juju.setStatus('active', version === null ? 'etcd' : `etcd ${version}`);
  })
  .whenNot('etcd.tls.available', async () => {
    // The service goes on with what it has, as long as the servers let it.
    await writeConnectionFile(here.connection, undefined);
    await juju.setStatus(
      etcd.flags.has('etcd.connected') ? 'waiting' : 'blocked',
      etcd.flags.has('etcd.connected') ? 'etcd has not told where it is' : 'relate etcd',
    );
  })
  .on(etcd, 'disconnected', async () => {
    await juju.log('INFO', 'etcd: the last relation is gone');
  })
  .hook('stop', async () => {
    await stopService(here);
  })
  .hook('remove', async () => {
    if (await isServiceRunning(here)) await stopService(here);
    await removeCredentialFiles(credentials);
    await rm(here.folder, { recursive: true, force: true });
  })
  .dispatch();
