/**
 * The time of a whole simulated machine: what the code under test gets from `setTimeout`, `setInterval`, `setImmediate`,
 * `Date.now`, `performance.now` and the machine's uptime, moved by hand from one timer to the next. Nothing waits for real time.
 */

type Callback = (...args: unknown[]) => void;

/** Whose a timer is: the code's under test, or the world's around it (network, servers, the test itself). */
export type TimerOwner = 'code' | 'world';

class SimulatedTimer {
  readonly owner: TimerOwner;
  readonly callback: () => void;
  readonly everyMs: number | undefined;
  dueMs: number;
  order: number;
  readonly #time: SimulatedTime;

  constructor(
    time: SimulatedTime,
    owner: TimerOwner,
    callback: () => void,
    dueMs: number,
    order: number,
    everyMs?: number,
  ) {
    this.#time = time;
    this.owner = owner;
    this.callback = callback;
    this.dueMs = dueMs;
    this.order = order;
    this.everyMs = everyMs;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  refresh(): this {
    return this;
  }

  close(): void {
    this.#time.clear(this);
  }
}

export type { SimulatedTimer };

/** Within one second; a run of many leases and sessions needs some hundreds. */
const MOST_TIMERS = 5_000;
const BOOT_STEP_MS = 10;
/** The machine had slept before the run. */
const BOOT_AHEAD_MS = 12_345;
const MOST_PENDING = 2_000;

const NAMES = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'] as const;

export class SimulatedTime {
  /** The one installed, for what can only be mocked as a module. */
  static current: SimulatedTime | undefined;
  /** Thrown by a timer's callback: nobody would have caught it. */
  onUncaught: (error: unknown) => void = (error) => {
    throw error;
  };
  /** Whether the machine tells how long it was suspended. */
  tellsBootTime = true;
  readonly #timers = new Set<SimulatedTimer>();
  #monotonicMs = 1_000_000;
  #suspendedMs = 0;
  #wallAheadMs = 1_700_000_000_000;
  #order = 0;
  /** Timers that have run in this second. */
  #count = 0;
  #second = 0;
  #restore: () => void = () => undefined;

  /** Stands still while the machine is suspended. */
  get monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** What passes everywhere else, and on the servers. */
  get trueMs(): number {
    return this.#monotonicMs + this.#suspendedMs;
  }

  /** As the system tells it, if it does. */
  get bootMs(): number | undefined {
    return this.tellsBootTime ? Math.floor((this.trueMs + BOOT_AHEAD_MS) / BOOT_STEP_MS) * BOOT_STEP_MS : undefined;
  }

  get wallMs(): number {
    return Math.floor(this.trueMs + this.#wallAheadMs);
  }

  /** Puts this time in the place of the real one, until the function it gives is called. */
  install(): () => void {
    const globals = globalThis as unknown as Record<string, unknown>; // the very functions that are replaced
    const originals = NAMES.map((name) => [name, globals[name]] as const);
    const realNow = Date.now;
    const set = (callback: Callback, delayMs: number | undefined, args: unknown[], repeats: boolean): SimulatedTimer =>
      this.#add('code', () => callback(...args), Math.max(1, delayMs ?? 1), repeats);
    const clear = (timer: unknown): void => {
      if (timer instanceof SimulatedTimer) this.clear(timer);
    };
    Object.assign(globals, {
      setTimeout: (callback: Callback, delayMs?: number, ...args: unknown[]) => set(callback, delayMs, args, false),
      setInterval: (callback: Callback, delayMs?: number, ...args: unknown[]) => set(callback, delayMs, args, true),
      setImmediate: (callback: Callback, ...args: unknown[]) => this.#add('code', () => callback(...args), 0, false),
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
    });
    Date.now = () => this.wallMs;
    performance.now = () => this.#monotonicMs;
    SimulatedTime.current = this;
    this.#restore = () => {
      for (const [name, original] of originals) globals[name] = original;
      Date.now = realNow;
      Reflect.deleteProperty(performance, 'now'); // the prototype's shows again
      SimulatedTime.current = undefined;
    };
    return () => this.#restore();
  }

  /** A timer of the world's. */
  after(delayMs: number, callback: () => void): SimulatedTimer {
    return this.#add('world', callback, delayMs, false);
  }

  clear(timer: SimulatedTimer | undefined): void {
    if (timer !== undefined) this.#timers.delete(timer);
  }

  /** How many timers are set. */
  pending(owner: TimerOwner): number {
    let count = 0;
    for (const timer of this.#timers) if (timer.owner === owner) count += 1;
    return count;
  }

  /** Time passes for everybody while no timer runs: a thread that computes, or is not given the processor. */
  block(ms: number): void {
    this.#monotonicMs += ms;
  }

  /** Time passes for the world only. */
  suspend(ms: number): void {
    this.#suspendedMs += ms;
  }

  stepWall(ms: number): void {
    this.#wallAheadMs += ms;
  }

  /** Lets every promise run that can: node goes on to the next tick when no microtask is left. The real event loop does not turn. */
  async drain(): Promise<void> {
    await new Promise<void>((resolve) => process.nextTick(resolve));
  }

  /** Runs every timer due within so many ms, one by one, with all that follows from it. */
  async run(ms: number, afterEach: () => void): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    await this.drain();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#monotonicMs = Math.max(this.#monotonicMs, next.dueMs);
      this.#countTimer();
      if (next.everyMs === undefined) this.#timers.delete(next);
      else {
        next.dueMs = this.#monotonicMs + next.everyMs;
        next.order = this.#order += 1;
      }
      try {
        next.callback();
      } catch (error) {
        this.onUncaught(error);
      }
      await this.drain();
      afterEach();
    }
    this.#monotonicMs = Math.max(this.#monotonicMs, endMs);
  }

  #add(owner: TimerOwner, callback: () => void, delayMs: number, repeats: boolean): SimulatedTimer {
    if (!(delayMs >= 0)) throw new RangeError(`a timer of ${String(delayMs)} ms`);
    if (this.#timers.size > MOST_PENDING) throw new Error(`more than ${String(MOST_PENDING)} timers are pending`);
    this.#order += 1;
    const dueMs = this.#monotonicMs + delayMs;
    const timer = new SimulatedTimer(this, owner, callback, dueMs, this.#order, repeats ? delayMs : undefined);
    this.#timers.add(timer);
    return timer;
  }

  #countTimer(): void {
    const second = Math.floor(this.#monotonicMs / 1_000);
    this.#count = second === this.#second ? this.#count + 1 : 1;
    this.#second = second;
    if (this.#count > MOST_TIMERS) throw new Error(`more than ${String(MOST_TIMERS)} timers: time does not get on`);
  }

  #next(endMs: number): SimulatedTimer | undefined {
    let first: SimulatedTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > endMs) continue;
      if (
        first === undefined ||
        timer.dueMs < first.dueMs ||
        (timer.dueMs === first.dueMs && timer.order < first.order)
      )
        first = timer;
    }
    return first;
  }
}
