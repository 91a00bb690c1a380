/**
 * What main and a shard need of the port between them: a MessagePort of node, or inline an end of an in-process channel, where
 * messages are handed over as they are. So whoever posts a message never changes it afterwards. Both threads; types only.
 */

/** One end. `In` comes in, `Out` goes out, both in order. */
export interface Port<In, Out> {
  postMessage(message: Out, transfer?: readonly ArrayBuffer[]): void;
  /** Messages come from the first listener on, never before the present call has returned. */
  on(event: 'message', listener: (message: In) => void): unknown;
  on(event: 'messageerror', listener: (error: Error) => void): unknown;
  /** Both ends have been closed by either; the other one has given out everything posted before. */
  once(event: 'close', listener: () => void): unknown;
  close(): void;
  /** Keeps the process alive, which it does from the first listener for messages on. */
  ref(): void;
  unref(): void;
}
