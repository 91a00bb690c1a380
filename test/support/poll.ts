/** Waiting for a condition with a deadline: tests never sleep for a fixed time. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** A guard against waiting for ever, not a rule: default 100,000, ten times what a busy machine needs. */
  readonly timeoutMs?: number;
  /** Pause between attempts; default 10. */
  readonly intervalMs?: number;
  /** What is waited for, for the error. */
  readonly what?: string;
}

/**
 * Calls `attempt` until it neither throws nor returns `false` or `undefined`, and gives its value. At the deadline it throws
 * the last failure. Works with `expect` inside: `await eventually(() => { expect(seen).toHaveLength(3); return true; })`.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false | undefined>> {
  const { timeoutMs = 100_000, intervalMs = 10, what = 'the condition' } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let failure: unknown;
    try {
      const value = await attempt();
      // The narrowing of a generic is not seen by the compiler: both excluded values are ruled out on this line.
      if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= deadline) {
      throw failure instanceof Error ? failure : new Error(`${what} did not come true within ${String(timeoutMs)} ms`);
    }
    await sleep(intervalMs);
  }
}
