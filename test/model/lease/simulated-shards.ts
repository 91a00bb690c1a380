/**
 * Shards that run the real command loop on simulated time, behind ports that take their time, and that crash when told:
 * then nothing more comes of them, not even what they had not yet posted.
 */
import type { ShardInit, ShardReport } from '../../../src/wire/contract.js';
import type { Port } from '../../../src/wire/port.js';
import type { PostedCommand } from '../../../src/wire/posted-command.js';
import type { ShardPool, ShardRun } from '../../../src/main/shard-pool.js';
import { CommandLoop } from '../../../src/workers/command-loop.js';
import type { OpenConnection } from '../../../src/grpc/grpc-connection.js';
import type { Rng } from '../../support/rng.js';
import type { SimulatedTime } from './simulated-time.js';

/** One end of a port whose messages take up to this long. */
const LONGEST_MS = 3;

class SlowPort<In, Out> implements Port<In, Out> {
  peer: SlowPort<Out, In> | undefined;
  /** The thread is gone: nothing goes out and nothing is heard. */
  isDead = false;
  readonly #time: SimulatedTime;
  readonly #rng: Rng;
  readonly #messages: ((message: In) => void)[] = [];
  readonly #closes: (() => void)[] = [];
  #lastMs = 0;
  #isClosed = false;

  constructor(time: SimulatedTime, rng: Rng) {
    this.#time = time;
    this.#rng = rng;
  }

  postMessage(message: Out): void {
    if (!this.#isClosed && !this.isDead) this.peer?.arrive(() => this.peer?.receive(message));
  }

  receive(message: In): void {
    if (this.#isClosed || this.isDead) return;
    for (const listener of this.#messages) listener(message);
  }

  /** Behind everything that is on its way already. */
  arrive(action: () => void): void {
    const nowMs = this.#time.monotonicMs;
    this.#lastMs = Math.max(this.#lastMs, nowMs + LONGEST_MS * this.#rng.fraction());
    this.#time.after(this.#lastMs - nowMs, action);
  }

  on(event: 'message', listener: (message: In) => void): void;
  on(event: 'messageerror', listener: (error: Error) => void): void;
  on(event: 'message' | 'messageerror', listener: ((message: In) => void) & ((error: Error) => void)): void {
    if (event === 'message') this.#messages.push(listener);
  }

  once(_event: 'close', listener: () => void): void {
    this.#closes.push(listener);
  }

  close(): void {
    if (this.#isClosed) return;
    this.peer?.arrive(() => this.peer?.closed());
    this.arrive(() => this.closed());
    if (!this.isDead) this.#isClosed = true;
  }

  closed(): void {
    this.#isClosed = true;
    for (const listener of this.#closes.splice(0)) listener();
  }

  ref(): void {
    // Nothing to keep alive here.
  }

  unref(): void {
    // As above.
  }
}

interface Running {
  readonly port: SlowPort<PostedCommand, ShardReport>;
  readonly end: (cause: unknown) => void;
}

export class SimulatedShards implements ShardPool {
  readonly #time: SimulatedTime;
  readonly #rng: Rng;
  readonly #open: OpenConnection;
  readonly #running = new Map<number, Running>();

  constructor(time: SimulatedTime, rng: Rng, open: OpenConnection) {
    this.#time = time;
    this.#rng = rng;
    this.#open = open;
  }

  get alive(): number[] {
    return [...this.#running.keys()];
  }

  start(init: ShardInit): ShardRun {
    const main = new SlowPort<ShardReport, PostedCommand>(this.#time, this.#rng);
    const shard = new SlowPort<PostedCommand, ShardReport>(this.#time, this.#rng);
    main.peer = shard;
    shard.peer = main;
    const crashed = new Promise<unknown>((resolve) => {
      this.#running.set(init.shard, { port: shard, end: resolve });
    });
    const ran = new CommandLoop(shard, init, this.#open, 'shared').run().then(
      () => undefined,
      (error: unknown) => error,
    );
    const ended = Promise.race([ran, crashed]).then((cause) => {
      if (this.#running.get(init.shard)?.port === shard) this.#running.delete(init.shard);
      shard.close();
      return cause;
    });
    return { port: main, ended, discard: () => this.crash(init.shard, new Error('discarded')) };
  }

  /** The thread dies: its connections break off and its timers are no more, as if it were told to stop and heard by nobody. */
  crash(shard: number, cause: Error): void {
    const running = this.#running.get(shard);
    if (running === undefined) return;
    this.#running.delete(shard);
    const { port, end } = running;
    const peer = port.peer;
    port.peer = undefined; // whatever it says from here on is lost
    port.receive({ kind: 'stop' });
    port.isDead = true;
    port.peer = peer;
    end(cause);
  }

  setRef(): void {
    // Nothing keeps the process alive here.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
