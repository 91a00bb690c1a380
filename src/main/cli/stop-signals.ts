/** Ctrl-C and SIGTERM for commands that run until they are stopped: the first asks, the second ends at once. */
import { exitCode } from './exit-code.js';

export interface StopSignals {
  /** Fires at the first SIGINT, SIGTERM or SIGHUP. */
  readonly signal: AbortSignal;
  /** The exit code for the signal that came; undefined when none did. */
  exitCode(): number | undefined;
  /** The same as a signal, for another reason; leaves the exit code undefined. */
  stop(): void;
  /** Signals have their usual effect again. */
  release(): void;
}

export function stopSignals(): StopSignals {
  const controller = new AbortController();
  let code: number | undefined;
  const handle = (name: NodeJS.Signals): void => {
    const next = name === 'SIGINT' ? exitCode.interrupted : exitCode.terminated;
    if (code !== undefined) process.exit(next);
    code = next;
    controller.abort();
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, handle);
  return {
    signal: controller.signal,
    exitCode: () => code,
    stop: () => controller.abort(),
    release: () => {
      for (const name of names) process.removeListener(name, handle);
    },
  };
}
