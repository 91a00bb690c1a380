/** This package with its default options: one group, read by `onBatch` or by its iterator; other transports and `inline` on request. */
import { connect, type ConnectOptions, type Etcd, type GroupBatch, type WatchGroup } from 'etcd-vigil';
import type { WatchPlan } from '../messages.js';
import type { WatchClient, WatchSink } from '../watch-client.js';

export interface VigilUse {
  readonly consumer: 'onBatch' | 'iterator';
  readonly options: Pick<ConnectOptions, 'shards' | 'transport'>;
}

export class VigilWatchClient implements WatchClient {
  readonly #use: VigilUse;
  #etcd: Etcd | undefined;

  constructor(use: VigilUse) {
    this.#use = use;
  }

  async connect(endpoint: string): Promise<void> {
    this.#etcd = await connect({ endpoints: endpoint, ...this.#use.options });
  }

  async watch(plan: WatchPlan, sink: WatchSink): Promise<void> {
    if (this.#etcd === undefined) throw new Error('not connected');
    const read = sink.latency ? sampler(sink) : counter(sink);
    const group = this.#etcd.watchGroup(this.#use.consumer === 'onBatch' ? { onBatch: read } : {});
    if (this.#use.consumer === 'iterator') void iterate(group, read);
    const startRevision = plan.startRevision === undefined ? undefined : BigInt(plan.startRevision);
    for (let index = 0; index < plan.watchers; index += 1) {
      const range = plan.kind === 'prefix' ? { prefix: plan.prefix } : { key: `${plan.prefix}${String(index)}` };
      group.add(range, { startRevision });
    }
    await group.ready();
  }

  async close(): Promise<void> {
    await this.#etcd?.close();
  }
}

async function iterate(group: WatchGroup, read: (batch: GroupBatch) => void): Promise<void> {
  for await (const batch of group) read(batch);
}

function counter({ tally }: WatchSink): (batch: GroupBatch) => void {
  return (batch) => {
    for (const part of batch) {
      const last = part.events.at(-1);
      if (last !== undefined) tally.add(part.length, Number(last.modRevision));
    }
  };
}

function sampler({ tally }: WatchSink): (batch: GroupBatch) => void {
  return (batch) => {
    for (const part of batch) {
      for (const event of part.events) {
        tally.sample(event.value);
        tally.add(1, Number(event.modRevision));
      }
    }
  };
}
