/**
 * The members that unary calls go to under one version of the settings: a link to each. Main thread. Replaced as a whole when
 * the settings change: calls that run on it finish on it, and its links close after the last of them, except those that its
 * successor has taken over.
 */
import type { ConnectionSettings } from '../../wire/connection-settings.js';
import { keepsConnection, sameAddress } from '../../wire/settings-change.js';
import { MemberLink, type LinkParts } from './member-link.js';

export class MemberSet {
  readonly settings: ConnectionSettings;
  readonly links: readonly MemberLink[];
  /** The texts of the endpoints, in order. */
  readonly names: readonly string[];
  readonly #taken = new Set<MemberLink>();
  readonly #searches = new Set<() => void>();
  #users = 0;
  #isRetired = false;
  #isClosed = false;
  #onClosed: (() => void) | undefined;

  constructor(settings: ConnectionSettings, parts: LinkParts, before?: MemberSet) {
    this.settings = settings;
    this.names = settings.endpoints.map(({ text }) => text);
    this.links = settings.endpoints.map((endpoint) => {
      const kept = before?.links.find(
        (link) => sameAddress(link.endpoint, endpoint) && keepsConnection(endpoint, before.settings, settings),
      );
      if (before === undefined || kept === undefined) return new MemberLink(endpoint, settings, parts);
      before.#taken.add(kept);
      return kept;
    });
    if (before !== undefined && before.#taken.size > 0) {
      // Calls that still run there may use what was taken over: it lives as long as they do.
      this.enter();
      before.#onClosed = () => this.leave();
    }
  }

  /** A call begins to use it. */
  enter(): void {
    this.#users += 1;
  }

  leave(): void {
    this.#users -= 1;
    if (this.#isRetired && this.#users === 0) this.close();
  }

  /** Calls once when nothing new begins on it any more; the function it gives takes that back. */
  onRetired(listener: () => void): () => void {
    this.#searches.add(listener);
    return () => void this.#searches.delete(listener);
  }

  /** Nothing new begins on it. */
  retire(): void {
    this.#isRetired = true;
    for (const listener of [...this.#searches]) listener();
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
    for (const link of this.links) if (!this.#taken.has(link)) link.close();
  }
}
