/** A watch bench as the client's process runs it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadWatchClient } from './clients/watch-clients.js';
import type { Parent } from './client-process.js';
import { Meter, peakRssMiB, type Figures } from './figures.js';
import type { ClientTask } from './messages.js';
import { Tally } from './tally.js';

/** A doubled event would come in this time. */
const SETTLE_MS = 300;
/** Without an event for so long, the rest does not come. */
const STALL_MS = 20_000;

export async function runWatchTask(
  task: Extract<ClientTask, { readonly kind: 'watch' }>,
  parent: Parent,
): Promise<void> {
  const client = await loadWatchClient(task.client);
  await client.connect(task.endpoint);
  const tally = new Tally();
  const creating = new Meter();
  // Read at the last event itself, whatever else is on its way by then.
  const measure = (events: number): Promise<Figures> => {
    const meter = new Meter();
    return Promise.race([tally.expect(events), stalled(tally)]).then(() => meter.read());
  };
  const replay = task.replayEvents === undefined ? undefined : measure(task.replayEvents);
  await client.watch(task.plan, { tally, latency: task.latency });
  parent.send({ kind: 'created', figures: creating.read() });
  const { events } = await parent.next('start');
  const measured = replay ?? measure(events);
  parent.send({ kind: 'started' });
  const figures = await measured;
  await sleep(SETTLE_MS);
  parent.send({
    kind: 'received',
    figures,
    events: tally.events,
    lastRevision: tally.lastRevision,
    peakRssMiB: peakRssMiB(),
    latency: task.latency ? tally.latency() : undefined,
  });
  await parent.next('leave');
  await client.close();
}

/** Resolves when nothing has come for a long time; the wrong count is then the parent's to tell. */
function stalled(tally: Tally): Promise<void> {
  return new Promise((resolve) => {
    let seen = -1;
    let since = performance.now();
    const timer = setInterval(() => {
      if (tally.events !== seen) {
        seen = tally.events;
        since = performance.now();
      } else if (performance.now() - since > STALL_MS) {
        clearInterval(timer);
        resolve();
      }
    }, 1_000);
    timer.unref();
  });
}
