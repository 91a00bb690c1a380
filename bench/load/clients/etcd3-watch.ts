/** npm etcd3 1.1.2 with its default options: a watcher a range, its `put` event. */
import { Etcd3, type IKeyValue, type Watcher } from 'etcd3';
import type { WatchPlan } from '../messages.js';
import type { WatchClient, WatchSink } from '../watch-client.js';

export class Etcd3WatchClient implements WatchClient {
  #client: Etcd3 | undefined;

  async connect(endpoint: string): Promise<void> {
    this.#client = new Etcd3({ hosts: endpoint });
    await this.#client.get('\0');
  }

  async watch(plan: WatchPlan, sink: WatchSink): Promise<void> {
    const { tally, latency } = sink;
    const onPut = latency
      ? (kv: IKeyValue): void => {
          tally.sample(kv.value);
          tally.add(1, Number(kv.mod_revision));
        }
      : (kv: IKeyValue): void => {
          tally.add(1, Number(kv.mod_revision));
        };
    await Promise.all(Array.from({ length: plan.watchers }, (_, index) => this.#create(plan, index, onPut)));
  }

  // create() would give the watcher some microtasks after its events may begin; the handler is set before it connects.
  #create(plan: WatchPlan, index: number, onPut: (kv: IKeyValue) => void): Promise<void> {
    if (this.#client === undefined) throw new Error('not connected');
    const builder = this.#client.watch();
    if (plan.kind === 'prefix') builder.prefix(plan.prefix);
    else builder.key(`${plan.prefix}${String(index)}`);
    if (plan.startRevision !== undefined) builder.startRevision(plan.startRevision);
    const watcher: Watcher = builder.watcher();
    watcher.on('put', onPut);
    return new Promise((resolve, reject) => {
      watcher.on('connected', () => {
        resolve();
      });
      watcher.on('error', reject);
    });
  }

  async close(): Promise<void> {
    this.#client?.close();
  }
}
