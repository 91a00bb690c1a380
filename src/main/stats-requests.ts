/** Questions for a shard's figures that wait for their answers. Main thread. */
import type { ShardStats } from '../wire/contract.js';
import { whileRunning } from './running-limit.js';

export class StatsRequests {
  readonly #waiting = new Map<number, (stats: ShardStats | undefined) => void>();
  #last = 0;

  /** A new question; its answer is undefined when none has come in time, or none can come any more. */
  begin(timeoutMs: number): { readonly requestId: number; readonly answer: Promise<ShardStats | undefined> } {
    const requestId = (this.#last += 1);
    const answer = new Promise<ShardStats | undefined>((resolve) => {
      const endLimit = whileRunning(timeoutMs, () => this.answer(requestId, undefined));
      this.#waiting.set(requestId, (stats) => {
        endLimit();
        resolve(stats);
      });
    });
    return { requestId, answer };
  }

  answer(requestId: number, stats: ShardStats | undefined): void {
    const resolve = this.#waiting.get(requestId);
    this.#waiting.delete(requestId);
    resolve?.(stats);
  }

  /** Nobody answers any more. */
  drop(): void {
    for (const requestId of Array.from(this.#waiting.keys())) this.answer(requestId, undefined);
  }
}
