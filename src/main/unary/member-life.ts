/**
 * Whether a member still answers on its connection. Main thread; owns the timers of its waits. A half-open connection (a peer
 * that vanished, a firewall that forgot it) looks open for many minutes, and PINGs go out only while a call has been waiting
 * for `pingIntervalMs`, which short calls never do: so the calls themselves are taken for signs of life, and where one
 * waits, the member is asked something that costs it nothing.
 */
import type { TimerHandle, Timers } from '../../member/timers.js';

/** A call without an answer for so long makes the connection suspect. */
export const SILENCE_MS = 1_500;
/** How long a suspect may take to answer the question. */
const QUESTION_TIMEOUT_MS = 1_000;

/** Asks the member; true when anything came back. */
export type Ask = (timeoutMs: number) => Promise<boolean>;

export class MemberLife {
  readonly #ask: Ask;
  readonly #timers: Timers;
  readonly #now: () => number;
  /** When the oldest request left to which, or after which, nothing came back. */
  #silentSinceMs: number | undefined;
  #lastAnswerMs = Number.NEGATIVE_INFINITY;
  /** One question serves all calls that wait. */
  #asking: Promise<boolean> | undefined;

  constructor(ask: Ask, timers: Timers, now: () => number) {
    this.#ask = ask;
    this.#timers = timers;
    this.#now = now;
  }

  /** A request leaves. */
  sent(): void {
    this.#silentSinceMs ??= this.#now();
  }

  /** Something came back. */
  answered(): void {
    this.#silentSinceMs = undefined;
    this.#lastAnswerMs = this.#now();
  }

  /** Whether nothing has come back for long although something was asked. */
  get isSilent(): boolean {
    return this.#silentSinceMs !== undefined && this.#now() - this.#silentSinceMs >= SILENCE_MS;
  }

  /** Calls `onSilent` when the member neither answers anybody nor the question; until the function it gives is called. */
  watch(onSilent: () => void): () => void {
    let isOver = false;
    let timer: TimerHandle;
    const look = async (): Promise<void> => {
      // Whoever was answered in the meantime has shown that it lives: a slow answer is none of ours.
      const isAlive = this.#now() - this.#lastAnswerMs < SILENCE_MS || (await this.#question());
      if (isOver) return;
      if (isAlive) wait();
      else onSilent();
    };
    const wait = (): void => {
      timer = this.#timers.set(() => void look(), SILENCE_MS);
    };
    wait();
    return () => {
      isOver = true;
      this.#timers.clear(timer);
    };
  }

  /** Never rejects. */
  async #question(): Promise<boolean> {
    this.#asking ??= this.#ask(QUESTION_TIMEOUT_MS).then((isAlive) => {
      this.#asking = undefined;
      if (isAlive) this.answered();
      return isAlive;
    });
    return this.#asking;
  }
}
