/** Waiting, on the calling thread, until a process that got SIGSTOP really stands still. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const TIMEOUT_MS = 60_000;

/**
 * The kernel stops the threads of a process one by one, and on a busy machine some of them still answer for a while.
 * Blocks until all have stopped; where there is no /proc it can only return.
 */
export function awaitStandstill(pid: number): void {
  if (!existsSync('/proc/self/task')) return;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const deadline = performance.now() + TIMEOUT_MS;
  while (!allStopped(`/proc/${String(pid)}/task`)) {
    if (performance.now() > deadline) throw new Error(`process ${String(pid)} does not stop`);
    Atomics.wait(sleeper, 0, 0, 1);
  }
}

function allStopped(folder: string): boolean {
  try {
    // Each file reads `id (name) state ...`.
    return readdirSync(folder).every(
      (thread) => /\) (\w)/.exec(readFileSync(`${folder}/${thread}/stat`, 'utf8'))?.[1] === 'T',
    );
  } catch {
    // A thread ended between listing and reading: look again.
    return false;
  }
}
