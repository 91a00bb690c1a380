/**
 * The members that unary calls go to under one version of the settings: a channel each, which one is next, and which are
 * known to belong to the cluster. Main thread. Replaced as a whole when the settings change: calls that run on it finish on
 * it, and its channels close after the last of them, except those that its successor has taken over.
 */
import type { ConnectionSettings } from '../../wire/connection-settings.js';
import { keepsConnection, sameAddress } from '../../wire/settings-change.js';
import { performanceNow } from '../../wire/timers.js';
import { Failover } from './failover.js';
import { MemberChannel } from './member-channel.js';

export class MemberSet {
  readonly settings: ConnectionSettings;
  readonly channels: readonly MemberChannel[];
  readonly failover: Failover;
  /** Places of members that have shown to belong to the cluster. */
  readonly verified: Set<number> = new Set();
  readonly #taken = new Set<MemberChannel>();
  #users = 0;
  #isRetired = false;
  #isClosed = false;
  #onClosed: (() => void) | undefined;

  constructor(settings: ConnectionSettings, random: () => number, before?: MemberSet) {
    this.settings = settings;
    this.channels = settings.endpoints.map((endpoint, member) => {
      const kept = before?.channels.findIndex(
        (channel) => sameAddress(channel.endpoint, endpoint) && keepsConnection(endpoint, before.settings, settings),
      );
      const channel = kept === undefined || kept < 0 ? undefined : before?.channels[kept];
      if (before === undefined || kept === undefined || channel === undefined)
        return new MemberChannel(endpoint, settings);
      before.#taken.add(channel);
      if (before.verified.has(kept)) this.verified.add(member);
      return channel;
    });
    if (before !== undefined && before.#taken.size > 0) {
      // Calls that still run there may use what was taken over: it lives as long as they do.
      this.enter();
      before.#onClosed = () => this.leave();
    }
    this.failover = new Failover(this.channels.length, performanceNow, random);
  }

  /** A call begins to use it. */
  enter(): void {
    this.#users += 1;
  }

  leave(): void {
    this.#users -= 1;
    if (this.#isRetired && this.#users === 0) this.close();
  }

  /** Nothing new begins on it. */
  retire(): void {
    this.#isRetired = true;
    if (this.#users === 0) this.close();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Ends its connections, but for those of its successor. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClosed?.();
    for (const channel of this.channels) if (!this.#taken.has(channel)) channel.close();
  }
}
