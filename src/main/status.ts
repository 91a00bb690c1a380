/**
 * What changes in an engine, for whoever listens: any number of consumers, each with a bounded buffer that loses the oldest
 * when it is not read. Main thread. Tells no keys and no values.
 */
import { publishStatus } from './diagnostics.js';
import { defineInspect, inspectFields } from '../wire/text-form.js';
import type { EngineStatus } from './engine-status.js';

const BUFFER_LENGTH = 1_024;

type Waiting = (result: IteratorResult<EngineStatus>) => void;

class StatusReader implements AsyncIterableIterator<EngineStatus> {
  readonly #leave: (reader: StatusReader) => void;
  #buffer: EngineStatus[] = [];
  #waiting: Waiting[] = [];
  #isClosed: boolean;

  constructor(isClosed: boolean, leave: (reader: StatusReader) => void) {
    this.#isClosed = isClosed;
    this.#leave = leave;
  }

  push(status: EngineStatus): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting({ done: false, value: status });
    else if (this.#buffer.push(status) > BUFFER_LENGTH) this.#buffer.shift();
  }

  close(): void {
    this.#isClosed = true;
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<EngineStatus>> {
    const status = this.#buffer.shift();
    if (status !== undefined) return Promise.resolve({ done: false, value: status });
    if (this.#isClosed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<EngineStatus>> {
    this.#buffer = [];
    this.close();
    this.#leave(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** The changes of one engine. */
export class StatusFeed implements AsyncIterable<EngineStatus> {
  readonly #readers = new Set<StatusReader>();
  readonly #engine: string | undefined;
  #isClosed = false;

  static {
    defineInspect<StatusFeed>(StatusFeed.prototype, function (options) {
      const fields = { engine: this.#engine, state: this.#isClosed ? 'closed' : 'open', readers: this.#readers.size };
      return inspectFields('StatusFeed', fields, options);
    });
  }

  /** @param engine the engine's name, for diagnostics. */
  constructor(engine: string | undefined) {
    this.#engine = engine;
  }

  publish(status: EngineStatus): void {
    if (this.#isClosed) return;
    publishStatus(this.#engine, status);
    for (const reader of this.#readers) reader.push(status);
  }

  /** Tells `closed`; every loop ends after it. */
  close(): void {
    this.publish({ type: 'closed' });
    this.#isClosed = true;
    for (const reader of this.#readers) reader.close();
    this.#readers.clear();
  }

  /** A consumer of its own, from now on. */
  [Symbol.asyncIterator](): AsyncIterableIterator<EngineStatus> {
    const reader = new StatusReader(this.#isClosed, (left) => this.#readers.delete(left));
    if (!this.#isClosed) this.#readers.add(reader);
    return reader;
  }
}
