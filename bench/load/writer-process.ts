/** The load in a process of its own: connects, says so, and writes when told, with a fixed number of puts in flight. */
import { setTimeout as sleep } from 'node:timers/promises';
import { codec, currentRevision, RawClient, type Header } from './protocol.js';
import type { FromWriter, ToWriter, WriterReport, WriterTask } from './messages.js';

const putRequest = codec<unknown>('etcdserverpb.PutRequest');
const putResponse = codec<Header>('etcdserverpb.PutResponse');

async function write(client: RawClient, task: WriterTask): Promise<WriterReport> {
  const keys = Array.from({ length: task.keys }, (_, index) => Buffer.from(`${task.prefix}${String(index)}`));
  const startNs = process.hrtime.bigint();
  const started = performance.now();
  let next = 0;
  let answered = 0;
  let firstRevision = Number.POSITIVE_INFINITY;
  let lastRevision = 0;
  const worker = async (): Promise<void> => {
    while (next < task.writes) {
      const index = next++;
      if (task.writesPerSecond > 0) {
        const waitMs = started + (index / task.writesPerSecond) * 1_000 - performance.now();
        if (waitMs > 0) await sleep(waitMs);
      }
      const value = Buffer.alloc(task.valueBytes, 0x2e);
      // The stamp that latency is measured from: all clocks of this machine are the same CLOCK_MONOTONIC.
      value.writeBigUInt64BE(process.hrtime.bigint());
      const { header } = await client.unary('KV/Put', putRequest, putResponse, {
        key: keys[index % keys.length],
        value,
      });
      const revision = header.revision.toNumber();
      answered += 1;
      firstRevision = Math.min(firstRevision, revision);
      lastRevision = Math.max(lastRevision, revision);
    }
  };
  await Promise.all(Array.from({ length: Math.min(task.concurrency, task.writes) }, worker));
  const wallMs = performance.now() - started;
  return { writes: answered, firstRevision, lastRevision, startNs: String(startNs), wallMs };
}

function send(message: FromWriter): void {
  process.send?.(message);
}

let job: { readonly client: RawClient; readonly task: WriterTask } | undefined;

async function handle(message: ToWriter): Promise<void> {
  if (message.kind === 'task') {
    job = { client: new RawClient(message.task.address), task: message.task };
    await currentRevision(job.client);
    send({ kind: 'connected' });
    return;
  }
  if (job === undefined) throw new Error('no task yet');
  const report = await write(job.client, job.task);
  job.client.close();
  send({ kind: 'written', report });
}

// The parent is writer.ts, which sends nothing else.
process.on('message', (message) => {
  handle(message as ToWriter).catch((error: unknown) => {
    send({ kind: 'failed', message: String(error) });
  });
});
// Without its parent nobody wants the load.
process.on('disconnect', () => process.exit());
