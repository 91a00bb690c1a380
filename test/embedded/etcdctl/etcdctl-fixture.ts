/** An embedded server of its own for each test, and the etcdctl beside the etcd under test (3.4 and 3.5) for it. */
import { afterEach, beforeEach } from 'vitest';
import { defaultEtcd } from '../../support/etcd-binary.js';
import { Etcdctl } from '../../support/etcdctl.js';
import { startEmbedded } from '../differential/embedded-server.js';

export type Embedded = Awaited<ReturnType<typeof startEmbedded>>;

/** Without a scheme: etcdctl 3.4 sends it along as the authority in calls to one member, which Node's HTTP/2 refuses. */
export function etcdctlFor(server: Embedded): Etcdctl {
  return new Etcdctl({ binary: defaultEtcd(), endpoint: server.address });
}

/** Call at the top of a file of tests; the functions it gives are for tests and hooks. */
export function embeddedWithEtcdctl(): { readonly server: () => Embedded; readonly ctl: () => Etcdctl } {
  let running: { readonly server: Embedded; readonly ctl: Etcdctl } | undefined;
  beforeEach(async () => {
    const server = await startEmbedded();
    running = { server, ctl: etcdctlFor(server) };
  });
  afterEach(async () => {
    await running?.server.close();
  });
  const current = (): NonNullable<typeof running> => {
    if (running === undefined) throw new Error('the server is started for each test: use it in tests, not in describe');
    return running;
  };
  return { server: () => current().server, ctl: () => current().ctl };
}

/** What a command that keeps running has printed so far. */
export function following(child: ReturnType<Etcdctl['start']>): () => string {
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  return () => printed;
}
