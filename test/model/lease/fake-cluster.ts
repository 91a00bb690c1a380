/**
 * An etcd cluster for leases, reached through connections that lose, delay and refuse as told: every message takes its time
 * on the simulated clock, a keep-alive stream is processed strictly in order, and what was written before a connection broke
 * may still arrive. Tells its observer what passes, since that is what a client is judged by.
 */
import type { ConnectionSettings, Endpoint } from '../../../src/wire/connection-settings.js';
import type { ConnectionHandlers, OpenConnection } from '../../../src/grpc/grpc-connection.js';
import type { Rng } from '../../support/rng.js';
import { FakeConnection } from './fake-connection.js';
import type { FakeLessor } from './fake-lessor.js';
import type { SimulatedTime } from './simulated-time.js';

/** How a member treats its clients. */
export type MemberMood =
  | 'serves'
  /** Nobody listens: connections are refused, open ones have been broken. */
  | 'down'
  /** Nothing passes, in either direction, and nothing is refused: it all comes later, or never. */
  | 'silent';

/** What a call is answered with instead of its result. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
  /** It was carried out all the same. */
  readonly applied: boolean;
}

export interface Refusing {
  readonly chance: number;
  readonly refusals: readonly Refusal[];
  /** Only this member refuses. Default: all of them. */
  readonly by?: FakeMember | undefined;
}

/** What the model wants to know of what passes. */
export interface ClusterObserver {
  connecting(): void;
  streaming(): void;
  /** The client wrote a renewal. */
  renewalWritten(leaseId: bigint, stream: object): void;
  /** The server is about to carry a call out. */
  arrived(path: string, leaseId: bigint): void;
  /** The server denied a renewal: not known, or refused (and the stream ended by it). */
  denied(leaseId: bigint, why: 'unknown' | 'refused'): void;
  /** The client has read an answer with a TTL; `sentMs` is when it wrote what is answered, on the true clock. */
  answerRead(kind: 'grant' | 'renewal', leaseId: bigint, sentMs: number, ttlSeconds: number): void;
}

export class FakeMember {
  readonly index: number;
  readonly memberId: bigint;
  readonly endpoint: Endpoint;
  readonly connections = new Set<FakeConnection>();
  mood: MemberMood = 'serves';
  /** Milliseconds one way. */
  latencyMs = 1;
  /** To carry a renewal out. */
  renewalMs = 0;

  constructor(index: number) {
    this.index = index;
    this.memberId = BigInt(index + 1);
    this.endpoint = { kind: 'tcp', tls: false, host: 'fake', port: index + 1, text: `fake:${String(index + 1)}` };
  }
}

export class FakeCluster {
  readonly time: SimulatedTime;
  readonly rng: Rng;
  readonly lessor: FakeLessor;
  readonly members: readonly FakeMember[];
  readonly observer: ClusterObserver;
  leader: number;
  /** Leases whose renewal is refused, which ends its stream. */
  readonly poisoned = new Set<bigint>();
  /** Chance that a unary call is refused, and how. */
  unaryRefusal: Refusing | undefined;
  /** Chance that a stream ends with an error instead of an answer. */
  streamRefusal: Refusing | undefined;

  constructor(time: SimulatedTime, rng: Rng, lessor: FakeLessor, members: number, observer: ClusterObserver) {
    this.time = time;
    this.rng = rng;
    this.lessor = lessor;
    this.observer = observer;
    this.members = Array.from({ length: members }, (_, index) => new FakeMember(index));
    this.leader = rng.integer(0, members - 1);
  }

  get endpoints(): Endpoint[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  /** For the code under test. */
  readonly open: OpenConnection = (endpoint, settings, handlers) => {
    this.observer.connecting();
    return this.openUncounted(endpoint, settings, handlers);
  };

  /** For everybody else. */
  openUncounted(endpoint: Endpoint, settings: ConnectionSettings, handlers: ConnectionHandlers): FakeConnection {
    const member = this.member(endpoint.kind === 'tcp' ? endpoint.port - 1 : 0);
    return new FakeConnection(this, member, settings, handlers);
  }

  get connections(): FakeConnection[] {
    return this.members.flatMap((member) => [...member.connections]);
  }

  member(index: number): FakeMember {
    const member = this.members[index];
    if (member === undefined) throw new Error(`no member ${String(index)}`);
    return member;
  }

  setMood(member: FakeMember, mood: MemberMood): void {
    member.mood = mood;
    for (const connection of [...member.connections]) {
      if (mood === 'down') connection.cut();
      else connection.moodChanged();
    }
  }

  /** No leader from here on, or a new one. */
  setLeader(leader: number | undefined): void {
    const nowMs = this.time.trueMs;
    if (leader === undefined) {
      this.lessor.loseLeader(nowMs);
      return;
    }
    this.leader = leader;
    this.lessor.promote(nowMs);
  }

  calm(): void {
    for (const member of this.members) {
      member.latencyMs = 1;
      member.renewalMs = 0;
      if (member.mood !== 'serves') this.setMood(member, 'serves');
    }
    this.unaryRefusal = undefined;
    this.streamRefusal = undefined;
    if (!this.lessor.hasLeader) this.setLeader(this.leader);
  }

  /** How a member refuses this time, if it does. */
  refusal(refusing: Refusing | undefined, member: FakeMember): Refusal | undefined {
    if (refusing === undefined || (refusing.by ?? member) !== member || !this.rng.chance(refusing.chance))
      return undefined;
    return this.rng.pick(refusing.refusals);
  }
}
