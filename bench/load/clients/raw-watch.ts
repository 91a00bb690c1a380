/**
 * One multiplexed watch stream of grpc-js, decoded by protobufjs, all creates written at once: the least that a client on
 * these two packages can do.
 */
import type { WatchPlan } from '../messages.js';
import { codec, currentRevision, RawClient, type Int64 } from '../protocol.js';
import type { WatchClient, WatchSink } from '../watch-client.js';

interface WatchResponse {
  readonly created: boolean;
  readonly canceled: boolean;
  readonly cancelReason: string;
  readonly events: readonly { readonly kv: { readonly value: Uint8Array; readonly modRevision: Int64 } }[];
}

const watchRequest = codec<unknown>('etcdserverpb.WatchRequest');
const watchResponse = codec<WatchResponse>('etcdserverpb.WatchResponse');

/** The end of the range of all keys with this prefix; ASCII prefixes only. */
function prefixEnd(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
  return end;
}

export class RawWatchClient implements WatchClient {
  #client: RawClient | undefined;

  async connect(endpoint: string): Promise<void> {
    this.#client = new RawClient(endpoint);
    await currentRevision(this.#client);
  }

  watch(plan: WatchPlan, sink: WatchSink): Promise<void> {
    if (this.#client === undefined) throw new Error('not connected');
    const { tally, latency } = sink;
    const stream = this.#client.stream('Watch/Watch', watchRequest, watchResponse);
    return new Promise((resolve, reject) => {
      let created = 0;
      stream.on('data', (answer: WatchResponse) => {
        if (answer.canceled) {
          reject(new Error(`watch cancelled: ${answer.cancelReason}`));
          return;
        }
        if (answer.created && ++created === plan.watchers) resolve();
        const { events } = answer;
        const last = events[events.length - 1];
        if (last === undefined) return;
        if (latency) for (const event of events) tally.sample(event.kv.value);
        tally.add(events.length, last.kv.modRevision.toNumber());
      });
      stream.on('error', reject);
      for (let index = 0; index < plan.watchers; index += 1) {
        const range =
          plan.kind === 'prefix'
            ? { key: Buffer.from(plan.prefix), rangeEnd: prefixEnd(plan.prefix) }
            : { key: Buffer.from(`${plan.prefix}${String(index)}`) };
        const startRevision = plan.startRevision === undefined ? 0 : Number(plan.startRevision);
        stream.write({ createRequest: { ...range, startRevision } });
      }
    });
  }

  async close(): Promise<void> {
    this.#client?.close();
  }
}
