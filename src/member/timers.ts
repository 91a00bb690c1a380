/** Time as the search for members is given it: the system's, or a test's. Types only. */

/** A timer that was set; {@link Timers.clear} takes it back. */
export type TimerHandle = NodeJS.Timeout | number;

export interface Timers {
  set(callback: () => void, delayMs: number): TimerHandle;
  clear(timer: TimerHandle | undefined): void;
}
