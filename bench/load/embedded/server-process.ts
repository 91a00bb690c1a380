/** The embedded server alone in a process of its own, as a user's process would hold it. */
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { currentRevision, RawClient } from '../protocol.js';
import type { FromServer, ToServer } from './messages.js';

function send(message: FromServer): void {
  process.send?.(message);
}

async function start(): Promise<void> {
  const started = performance.now();
  const server = await EmbeddedEtcd.start();
  const [endpoint = ''] = server.endpoints;
  const client = new RawClient(endpoint);
  await currentRevision(client);
  const firstAnswerMs = performance.now() - started;
  client.close();
  send({ kind: 'started', endpoint, firstAnswerMs });
}

// The parent is server-run.ts, which sends nothing else.
process.on('message', ({ kind }: ToServer) => {
  if (kind === 'usage') {
    const { user, system } = process.cpuUsage();
    send({ kind: 'usage', usage: { rssBytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1_000 } });
  } else
    start().catch((error: unknown) => {
      send({ kind: 'failed', message: String(error) });
    });
});
// Without its parent nobody wants the server.
process.on('disconnect', () => process.exit());
