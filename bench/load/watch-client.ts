/** What the bench asks of a client that watches. One implementation a client, in clients/. */
import type { WatchPlan } from './messages.js';
import type { Tally } from './tally.js';

export interface WatchSink {
  readonly tally: Tally;
  /** Give each event's value to `tally.sample` before it is counted. */
  readonly latency: boolean;
}

export interface WatchClient {
  /** Connects and makes sure that the connection works; not part of any figure. */
  connect(endpoint: string): Promise<void>;
  /** Makes all watches of the plan. Resolves when the server has confirmed each. */
  watch(plan: WatchPlan, sink: WatchSink): Promise<void>;
  close(): Promise<void>;
}
