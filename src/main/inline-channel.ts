/**
 * The port between main and a shard that runs on the same thread: a queue each way, without the copies and the waking of a
 * MessageChannel. Main thread. Keeps what a MessagePort promises: messages in order, never during the call that posts them,
 * and `close` behind what was posted before.
 */
import type { Port } from '../wire/port.js';
import { clearInterval, setImmediate, setInterval } from '../wire/timers.js';

export interface InlineChannel<Command, Report> {
  readonly main: Port<Report, Command>;
  readonly shard: Port<Command, Report>;
}

/**
 * Reports come right after the callback that posts them. Commands come in the next turn of the event loop, so that questions
 * and answers cannot keep it from turning.
 */
export function openInlineChannel<Command, Report>(): InlineChannel<Command, Report> {
  const main = new InlinePort<Report, Command>((drain) => queueMicrotask(drain), true);
  const shard = new InlinePort<Command, Report>((drain) => void setImmediate(drain), false);
  main.connect(shard);
  shard.connect(main);
  return { main, shard };
}

/** Any timer keeps the process alive; this is the longest. */
const KEEP_ALIVE_MS = 2 ** 31 - 1;

interface Listeners<In> {
  readonly message: ((message: In) => void)[];
  /** Nothing is copied, so nothing can fail to be. */
  readonly messageerror: ((error: Error) => void)[];
  readonly close: (() => void)[];
}

type State =
  | 'open'
  /** The other end was closed: what it had posted still comes. */
  | 'ending'
  | 'closed';

class InlinePort<In, Out> implements Port<In, Out> {
  readonly #later: (drain: () => void) => void;
  /** Main's end does; a shard's sockets speak for themselves. */
  readonly #holdsProcess: boolean;
  readonly #listeners: Listeners<In> = { message: [], messageerror: [], close: [] };
  #peer: InlinePort<Out, In> | undefined;
  #queue: In[] = [];
  #isScheduled = false;
  #state: State = 'open';
  #keepAlive: NodeJS.Timeout | undefined;

  constructor(later: (drain: () => void) => void, holdsProcess: boolean) {
    this.#later = later;
    this.#holdsProcess = holdsProcess;
  }

  connect(peer: InlinePort<Out, In>): void {
    this.#peer = peer;
  }

  postMessage(message: Out): void {
    if (this.#state === 'open') this.#peer?.receive(message);
  }

  /** From the other end. */
  receive(message: In): void {
    if (this.#state !== 'open') return;
    this.#queue.push(message);
    this.#schedule();
  }

  on(event: 'message', listener: (message: In) => void): void;
  on(event: 'messageerror', listener: (error: Error) => void): void;
  on(event: 'message' | 'messageerror', listener: ((message: In) => void) & ((error: Error) => void)): void {
    this.#listeners[event].push(listener);
    if (event !== 'message' || this.#listeners.message.length > 1) return;
    this.ref();
    this.#schedule();
  }

  once(_event: 'close', listener: () => void): void {
    this.#listeners.close.push(listener);
  }

  close(): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    this.#queue = [];
    this.unref();
    if (!wasOpen) return;
    setImmediate(() => this.#tellClosed());
    this.#peer?.end();
  }

  /** From the other end, which was closed. */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    setImmediate(this.#endWhenEmpty);
  }

  ref(): void {
    if (this.#holdsProcess && this.#state !== 'closed') this.#keepAlive ??= setInterval(() => undefined, KEEP_ALIVE_MS);
  }

  unref(): void {
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
  }

  readonly #endWhenEmpty = (): void => {
    if (this.#isScheduled) {
      setImmediate(this.#endWhenEmpty);
      return;
    }
    this.#state = 'closed';
    this.#queue = [];
    this.unref();
    this.#tellClosed();
  };

  #tellClosed(): void {
    for (const listener of this.#listeners.close.splice(0)) listener();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#queue.length === 0 || this.#listeners.message.length === 0) return;
    this.#isScheduled = true;
    this.#later(this.#drain);
  }

  readonly #drain = (): void => {
    this.#isScheduled = false;
    const messages = this.#queue;
    this.#queue = [];
    let next = 0;
    try {
      while (next < messages.length && this.#state !== 'closed') this.#deliver(messages[next++] as In); // within the length
    } finally {
      // A listener threw, which is its own affair: the rest comes all the same.
      if (next < messages.length && this.#state !== 'closed') {
        this.#queue = [...messages.slice(next), ...this.#queue];
        this.#schedule();
      }
    }
  };

  #deliver(message: In): void {
    for (const listener of this.#listeners.message) listener(message);
  }
}
