/**
 * Whether the server has a leader, in the eyes of its clients. Server thread; pure.
 */
import { failure } from '../rpc-failure.js';
import type { CallContext } from '../services/service.js';

/** Answered by a member alone. */
const WITHOUT_LEADER = /^(?:Maintenance|Health)\//u;

export class Leadership {
  #lost = false;
  readonly #waiting = new Set<() => void>();
  readonly #streams = new Set<() => void>();

  get lost(): boolean {
    return this.#lost;
  }

  lose(): void {
    this.#lost = true;
    for (const end of [...this.#streams]) end();
  }

  comeBack(): void {
    this.#lost = false;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const go of waiting) go();
  }

  /** Undefined: the call may go on. Otherwise when that is so. @throws RpcFailure `no leader`. */
  pass(rpc: string, call: CallContext): Promise<void> | undefined {
    if (!this.#lost || WITHOUT_LEADER.test(rpc)) return undefined;
    if (call.hasLeader) throw failure('noLeader');
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
    });
  }

  /** A stream that asked for a leader. Gives what is called when it is over. */
  guard(end: () => void): () => void {
    this.#streams.add(end);
    return () => {
      this.#streams.delete(end);
    };
  }
}
