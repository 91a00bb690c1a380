/**
 * A time limit for something whose answer this thread has to read itself: counts only while the thread runs. One that was blocked
 * for longer than the limit has the answer waiting, or was itself what the other side waited for. Main thread.
 */
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from '../wire/timers.js';

/** A block costs the other side at most one of so many parts of its time. */
const PARTS = 30;

/** Calls back after `limitMs` during which this thread could read answers, unless the function it gives is called before. */
export function whileRunning(limitMs: number, onOver: () => void): () => void {
  const partMs = limitMs / PARTS;
  let left = PARTS;
  let immediate: NodeJS.Immediate | undefined;
  let timer = setTimeout(nextPart, partMs);
  timer.unref();
  function nextPart(): void {
    left -= 1;
    // Timers run before messages are read: what came during a block is read before the last word.
    if (left === 0) immediate = setImmediate(onOver);
    else timer = setTimeout(nextPart, partMs).unref();
  }
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
