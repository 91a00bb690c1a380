/**
 * The command's standard output: lines, back-pressure, and a reader that goes away. One a process.
 */
import { once } from 'node:events';

let onBroken: () => void = () => {
  // The reader (`| head`) has what it wanted: end quietly, as filters do.
  process.exit(0);
};
let isBroken = false;

/** Before the first line is printed. */
export function guardOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (isBroken) return;
      isBroken = true;
      onBroken();
    });
  }
}

/** What to do when nobody reads any more, instead of ending at once: for what has to be cleaned up. */
export function whenOutputBreaks(action: () => void): void {
  onBroken = action;
  if (isBroken) action();
}

/** Writes to stdout; resolves when there is room for more. */
export async function print(data: string | Uint8Array): Promise<void> {
  if (isBroken || process.stdout.write(data)) return;
  // A broken pipe emits no 'drain'.
  const waiting = new AbortController();
  const { signal } = waiting;
  const room = [once(process.stdout, 'drain', { signal }), once(process.stdout, 'close', { signal })];
  await Promise.race(room).finally(() => waiting.abort());
}

/** A line for people, beside the output proper. */
export function note(text: string): void {
  if (!isBroken) process.stderr.write(`${text}\n`);
}
