/** What goes wrong around the code under test: members, network, leaders, clocks, threads. Each trouble lasts its time. */
import { GrpcStatus } from '../../../src/wire/server-errors.js';
import type { Rng } from '../../support/rng.js';
import type { FakeCluster, FakeMember, Refusal } from './fake-cluster.js';
import type { Trouble } from './lease-ledger.js';
import type { SimulatedShards } from './simulated-shards.js';
import type { SimulatedTime } from './simulated-time.js';

/** Texts of etcd that pass: tried again, and no lease is lost for them. */
const PASSING: readonly Refusal[] = [
  { status: GrpcStatus.UNAVAILABLE, text: 'etcdserver: request timed out', applied: false },
  { status: GrpcStatus.UNAVAILABLE, text: 'etcdserver: request timed out', applied: true },
  { status: GrpcStatus.UNAVAILABLE, text: 'etcdserver: leader changed', applied: false },
  { status: GrpcStatus.UNAVAILABLE, text: 'etcdserver: leader changed', applied: true },
  { status: GrpcStatus.UNAVAILABLE, text: 'etcdserver: no leader', applied: false },
  { status: GrpcStatus.RESOURCE_EXHAUSTED, text: 'etcdserver: too many requests', applied: false },
  { status: GrpcStatus.UNAVAILABLE, text: 'etcdserver: server stopped', applied: true },
];
/** For these a call is given up at once. */
const LASTING: readonly Refusal[] = [
  { status: GrpcStatus.PERMISSION_DENIED, text: 'etcdserver: permission denied', applied: false },
  { status: GrpcStatus.RESOURCE_EXHAUSTED, text: 'etcdserver: mvcc: database space exceeded', applied: false },
];
const STREAM_ENDS: readonly Refusal[] = [
  ...PASSING,
  { status: GrpcStatus.UNAUTHENTICATED, text: 'etcdserver: invalid auth token', applied: false },
];

/** A shard may crash so often within a minute, and a crash more fails it for good. */
const MOST_CRASHES = 3;

/** A shard looks at its clocks at least this often, while it holds something. */
const SEEN_MS = 2_000;

export class World implements Trouble {
  readonly time: SimulatedTime;
  readonly rng: Rng;
  readonly cluster: FakeCluster;
  readonly shards: SimulatedShards;
  readonly livenessMs: number;
  crashes = 0;
  #stoppedMs = 0;
  #lastTroubleMs = 0;
  #troubles = 0;
  #slept = false;
  #sleeps = 0;
  #jumpedMs = 0;
  #waryMs = -Infinity;

  constructor(time: SimulatedTime, rng: Rng, cluster: FakeCluster, shards: SimulatedShards, livenessMs: number) {
    this.time = time;
    this.rng = rng;
    this.cluster = cluster;
    this.shards = shards;
    this.livenessMs = livenessMs;
    this.#lastTroubleMs = time.trueMs;
  }

  lastMs(): number {
    return this.#troubles > 0 ? this.time.trueMs : this.#lastTroubleMs;
  }

  mayHalt(): boolean {
    return this.#slept;
  }

  sleeps(): number {
    return this.#sleeps;
  }

  stoppedMs(): number {
    return this.#stoppedMs;
  }

  waryMs(): number {
    return this.#waryMs;
  }

  /** One trouble at random; gives its name. */
  disturb(): string {
    const names = Object.keys(this.#disturbances);
    const name = this.rng.pick(names);
    return `${name} ${this.#disturbances[name]?.() ?? ''}`.trim();
  }

  /** No trouble any more. */
  calm(): void {
    this.cluster.calm();
    this.#touch();
    this.#troubles = 0;
  }

  /** @param longest for troubles that leases of usual length should survive, mostly. */
  #lasting(longest: number, begin: () => void, end: () => void): string {
    const ms = this.rng.chance(0.2) ? this.rng.integer(1, 6 * longest) : this.rng.integer(1, longest);
    begin();
    this.#troubles += 1;
    this.time.after(ms, () => {
      if (this.#troubles === 0) return; // it is calm already
      this.#touch();
      this.#troubles -= 1;
      end();
    });
    return `${String(ms)} ms`;
  }

  /** A clock that is set back while the machine sleeps hides the sleep, until the next one is looked at: not both at once. */
  #mayJump(): boolean {
    const isSeen = this.time.trueMs > this.#jumpedMs + SEEN_MS;
    if (isSeen) this.#jumpedMs = this.time.trueMs;
    return isSeen;
  }

  #touch(): void {
    this.#lastTroubleMs = this.time.trueMs;
  }

  #member(): FakeMember {
    return this.rng.pick(this.cluster.members);
  }

  #moody(mood: 'down' | 'silent'): string {
    const member = this.#member();
    if (member.mood !== 'serves') return 'already';
    const end = (): void => this.cluster.setMood(member, 'serves');
    const lasts = this.#lasting(2_000, () => this.cluster.setMood(member, mood), end);
    return `member ${String(member.index)} ${lasts}`;
  }

  readonly #disturbances: Readonly<Record<string, () => string | undefined>> = {
    cut: () => {
      const { connections } = this.cluster;
      if (connections.length > 0) this.rng.pick(connections).cut();
      this.#touch();
      return undefined;
    },
    'cut all': () => {
      for (const connection of this.cluster.connections) connection.cut();
      this.#touch();
      return undefined;
    },
    goaway: () => {
      for (const connection of this.#member().connections) connection.goaway();
      this.#touch();
      return undefined;
    },
    down: () => this.#moody('down'),
    silent: () => this.#moody('silent'),
    slow: () => {
      const member = this.#member();
      const latencyMs = this.rng.integer(20, 600);
      const lasts = this.#lasting(
        4_000,
        () => (member.latencyMs = latencyMs),
        () => (member.latencyMs = 1),
      );
      return `member ${String(member.index)} takes ${String(latencyMs)} ms, ${lasts}`;
    },
    'slow renewals': () => {
      const member = this.#member();
      const renewalMs = this.rng.integer(10, 400);
      const lasts = this.#lasting(
        4_000,
        () => (member.renewalMs = renewalMs),
        () => (member.renewalMs = 0),
      );
      return `member ${String(member.index)} takes ${String(renewalMs)} ms each, ${lasts}`;
    },
    'no leader': () => {
      if (!this.cluster.lessor.hasLeader) return 'already';
      const next = this.rng.integer(0, this.cluster.members.length - 1);
      return this.#lasting(
        2_000,
        () => this.cluster.setLeader(undefined),
        () => this.cluster.setLeader(next),
      );
    },
    'refuse calls': () => {
      const refusals = this.rng.chance(0.8) ? PASSING : LASTING;
      const chance = this.rng.pick([0.2, 0.5, 1]);
      return this.#lasting(
        2_000,
        () => (this.cluster.unaryRefusal = { chance, refusals }),
        () => (this.cluster.unaryRefusal = undefined),
      );
    },
    'end streams': () => {
      const chance = this.rng.pick([0.1, 0.5, 1]);
      return this.#lasting(
        2_000,
        () => (this.cluster.streamRefusal = { chance, refusals: STREAM_ENDS }),
        () => (this.cluster.streamRefusal = undefined),
      );
    },
    'crash a shard': () => {
      const { alive } = this.shards;
      if (alive.length === 0 || this.crashes >= MOST_CRASHES) return 'not';
      this.crashes += 1;
      this.#touch();
      this.shards.crash(this.rng.pick(alive), new Error('the model crashed it'));
      return undefined;
    },
    block: () => {
      const ms = this.rng.pick([30, 300, 1_500, 4_000]);
      this.time.block(ms);
      this.#stoppedMs += ms;
      if (this.livenessMs > 0 && ms > this.livenessMs / 2) this.#slept = true;
      this.#touch();
      return `${String(ms)} ms`;
    },
    suspend: () => {
      if (!this.#mayJump()) return 'not';
      const ms = this.rng.pick([1_200, 3_000, 9_000, 60_000]);
      this.time.suspend(ms);
      this.#jumpedMs = this.time.trueMs;
      this.#sleeps += 1;
      this.#slept = true;
      this.#touch();
      return `${String(ms)} ms`;
    },
    'set the clock': () => {
      const ms = this.rng.pick([-3_600_000, -5_000, -700, 700, 5_000, 3_600_000]);
      if (!this.#mayJump()) return 'not';
      this.time.stepWall(ms);
      // Without the system's word for it, it may as well have slept.
      if (!this.time.tellsBootTime) {
        this.#waryMs = this.time.trueMs;
        this.#slept = true;
        this.#touch();
      }
      return `${String(ms)} ms`;
    },
  };
}
