// The hooks of the charm. Every unit publishes: consumers read one of them, and which one they choose is theirs.
import { join } from 'node:path';
import { EtcdError, EtcdProvides, hookTools, Reactive, readCredentialFiles } from 'etcd-vigil/relation';

const juju = hookTools();
const db = await EtcdProvides.load(juju, 'db');

async function publish() {
  const config = await juju.config();
  const [endpoints, version, folder] = ['endpoints', 'version', 'credentials'].map((name) =>
    String(config.get(name) ?? ''),
  );
  if (!endpoints || !folder) {
    await db.retract();
    await juju.setStatus('blocked', 'set the options endpoints and credentials');
    return;
  }
  try {
    const paths = { keyPath: 'client.key', certPath: 'client.crt', caPath: 'ca.crt' };
    const { key, cert, ca } = await readCredentialFiles({
      keyPath: join(folder, paths.keyPath),
      certPath: join(folder, paths.certPath),
      caPath: join(folder, paths.caPath),
    });
    await db.setConnectionString(endpoints, version);
    await db.setClientCredentials({ key, cert, ca });
    await juju.setStatus('active', db.flags.has('db.connected') ? 'related' : 'nobody is related');
  } catch (error) {
    // What the operator can mend is a status, not a failed hook. The message never holds the material.
    if (!(error instanceof EtcdError)) throw error;
    await juju.setStatus('blocked', error.message);
  }
}

await new Reactive(juju, { endpoints: [db] })
  .hook('install', () => juju.setStatus('maintenance', 'installed'))
  .hook(['config-changed', 'start', 'update-status', 'db-relation-{joined,changed,departed,broken}'], publish)
  .dispatch();
