/**
 * One seeded run: an engine over simulated shards and a simulated cluster, an application that does everything it can with
 * leases, and a world that fails in every way; judged step by step by the ledger, and once more when all is calm.
 */
import { writeSync } from 'node:fs';
import { resolveConnectOptions } from '../../../src/main/connect-options.js';
import { Engine } from '../../../src/main/engine.js';
import { Etcd } from '../../../src/main/etcd.js';
import { Rng } from '../../support/rng.js';
import { ListenerFault } from './actor.js';
import { Application } from './application.js';
import { FakeCluster } from './fake-cluster.js';
import { FakeLessor } from './fake-lessor.js';
import { FakeUnary } from './fake-unary.js';
import { LeaseLedger } from './lease-ledger.js';
import { SimulatedShards } from './simulated-shards.js';
import { SimulatedTime } from './simulated-time.js';
import { World } from './world.js';

/** What a run was like, so that a test can tell whether it tried anything. */
export interface RunFigures {
  readonly leases: number;
  readonly answers: number;
  readonly simulatedMs: number;
}

/** MODEL_TRACE=1 prints each step as it is made, for a run that does not end. */
const TRACES = process.env['MODEL_TRACE'] === '1';
const LONGEST_PAUSE_MS = 1_500;
/** The longest TTL, a wait of each kind, and some more. */
const CALM_MS = 60_000;
const AFTER_CLOSE_MS = 30_000;

/** Ports and threads that end. A timer that is left at a stop is found before it has run. */
const STOP_MS = 20;

/**
 * How often a shard may try within a second, and within ten: about twice what runs without a fault need. Connections for each
 * member, since a round of them is tried without a pause. Streams are as many as a busy member needs, anew with each lane.
 */
const MOST_CONNECTS = { second: 16, ten: 45 } as const;
const MOST_STREAMS = { second: 320, ten: 800 } as const;

export class ModelRun {
  readonly rng: Rng;
  readonly time = new SimulatedTime();
  readonly trace: string[] = [];
  readonly #seed: number;
  #faults = 0;
  #uncaught: unknown;

  constructor(seed: number) {
    this.#seed = seed;
    this.rng = new Rng(seed);
  }

  async run(steps: number): Promise<RunFigures> {
    const uninstall = this.time.install();
    const giveBack = this.#takeUncaught();
    const realRandom = Math.random;
    Math.random = () => this.rng.fraction();
    try {
      return await this.#run(steps);
    } catch (error) {
      const trace = this.trace.slice(-60).join('\n');
      throw new Error(`seed ${String(this.#seed)} at ${this.#now()}: ${String(error)}\n${trace}`, { cause: error });
    } finally {
      Math.random = realRandom;
      giveBack();
      uninstall();
    }
  }

  async #run(steps: number): Promise<RunFigures> {
    const { rng, time } = this;
    const startMs = time.trueMs;
    time.tellsBootTime = rng.chance(0.8);
    const livenessMs = rng.chance(0.25) ? rng.pick([500, 2_000]) : 0;
    const shardCount = rng.integer(1, 2);
    const parts: { world?: World } = {};
    const ledger = new LeaseLedger(time, {
      lastMs: () => parts.world?.lastMs() ?? 0,
      mayHalt: () => parts.world?.mayHalt() ?? false,
      sleeps: () => parts.world?.sleeps() ?? 0,
      stoppedMs: () => parts.world?.stoppedMs() ?? 0,
      waryMs: () => parts.world?.waryMs() ?? -Infinity,
    });
    const cluster = new FakeCluster(time, rng, new FakeLessor(), rng.integer(1, 3), ledger);
    ledger.cluster = cluster;
    const options = await resolveConnectOptions({
      endpoints: cluster.endpoints.map(({ text }) => text),
      shards: shardCount,
      lazy: true,
      ...(livenessMs > 0 ? { livenessMs } : undefined),
    });
    const shards = new SimulatedShards(time, rng, cluster.open);
    const unary = new FakeUnary(cluster, options.settings);
    const engine = new Engine(options, { unary: unary.asClient, openPool: () => shards });
    const etcd = new Etcd(engine, () => undefined);
    const world = new World(time, rng, cluster, shards, livenessMs);
    parts.world = world;
    const application = new Application({ etcd, cluster, ledger, world, say: (line) => this.say(line) });
    this.say(
      `${String(cluster.members.length)} members, ${String(shardCount)} shards, liveness ${String(livenessMs)}, boot time ${String(time.tellsBootTime)}`,
    );

    const check = (): void => {
      if (this.#uncaught !== undefined) throw new Error('an exception was uncaught', { cause: this.#uncaught });
      ledger.check();
      application.check();
    };
    const troubled = rng.pick([0, 0.05, 0.2, 0.5]);
    for (let step = 0; step < steps; step += 1) {
      if (rng.chance(troubled)) this.say(`! ${world.disturb()}`);
      else application.act();
      check();
      await time.run(rng.chance(0.5) ? rng.integer(0, 20) : rng.integer(0, LONGEST_PAUSE_MS), check);
    }
    world.calm();
    application.settle();
    this.say('calm');
    await time.run(CALM_MS, check);
    application.checkCalm();
    ledger.checkCalm(application.registeredLeases);

    await application.leave();
    ledger.engine = 'closing';
    this.say('close');
    let isClosed = false;
    let closeError: unknown;
    etcd.close().then(
      () => {
        isClosed = true;
        ledger.engine = 'closed';
      },
      (error: unknown) => {
        closeError = error;
      },
    );
    for (let waitedMs = 0; !isClosed && waitedMs < AFTER_CLOSE_MS; waitedMs += STOP_MS) await time.run(STOP_MS, check);
    if (!isClosed) throw new Error(`close() does not settle`, { cause: closeError });
    await time.run(STOP_MS, check);
    this.#checkLeft(cluster);
    await time.run(AFTER_CLOSE_MS, check);
    application.checkClosed();
    if (this.#faults !== application.thrown)
      throw new Error(`listeners threw ${String(application.thrown)} times, ${String(this.#faults)} were reported`);
    this.#checkLeft(cluster);
    this.#checkAttempts('connections', ledger.connects, MOST_CONNECTS, shardCount * cluster.members.length);
    this.#checkAttempts('streams', ledger.streams, MOST_STREAMS, shardCount);
    return { leases: ledger.held.size, answers: ledger.answers, simulatedMs: time.trueMs - startMs };
  }

  /** What listeners throw is to end here, once each, and nothing else; until the function it gives is called. */
  #takeUncaught(): () => void {
    const others = process.listeners('uncaughtException');
    const take = (error: unknown): void => {
      if (error instanceof ListenerFault) this.#faults += 1;
      else this.#uncaught ??= error;
    };
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', take);
    return () => {
      process.off('uncaughtException', take);
      for (const other of others) process.on('uncaughtException', other);
    };
  }

  say(line: string): void {
    this.trace.push(`${this.#now()} ${line}`);
    if (TRACES) writeSync(2, `${this.#now()} ${line}\n`);
  }

  #now(): string {
    return ((this.time.trueMs - 1_000_000) / 1_000).toFixed(3);
  }

  #checkLeft(cluster: FakeCluster): void {
    const timers = this.time.pending('code');
    if (timers > 0) throw new Error(`${String(timers)} timers are left after close()`);
    const connections = cluster.connections.filter(({ isOver }) => !isOver);
    if (connections.length > 0) throw new Error(`${String(connections.length)} connections are left after close()`);
  }

  #checkAttempts(
    what: string,
    timesMs: readonly number[],
    most: typeof MOST_CONNECTS | typeof MOST_STREAMS,
    times: number,
  ): void {
    const second = busiest(timesMs, 1_000);
    if (second > most.second * times) throw new Error(`${String(second)} ${what} opened within a second`);
    const ten = busiest(timesMs, 10_000);
    if (ten > most.ten * times) throw new Error(`${String(ten)} ${what} opened within 10 s`);
  }
}

/** The most that fell into a window of this length. */
function busiest(timesMs: readonly number[], windowMs: number): number {
  let most = 0;
  let first = 0;
  for (const [last, timeMs] of timesMs.entries()) {
    while (timeMs - (timesMs[first] ?? 0) > windowMs) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
