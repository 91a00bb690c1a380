/**
 * A small etcd for watches only, inside the test: members with a revision history, connections and streams that move one
 * step at a time in an order drawn from a seed. It does what etcd does where a client could go wrong: catch-up batches whose
 * header runs ahead, fragments, choked streams, progress that overtakes creations, lagging members. No timers, no sockets.
 */
import { EtcdError } from '../../src/wire/errors.js';
import type { Endpoint } from '../../src/wire/connection-settings.js';
import type {
  ConnectionHandlers,
  GrpcConnection,
  GrpcStream,
  Metadata,
  OpenConnection,
  StreamHandlers,
} from '../../src/grpc/grpc-connection.js';
import { FakeWatchStore } from './fake-watch-store.js';
import { FakeWatchStream, type FakeMemberView } from './fake-watch-stream.js';
import { writeFields } from './raw-protobuf.js';
import { Rng } from './rng.js';

export interface FakeWatchServerOptions {
  readonly seed?: number;
  readonly members?: number;
  readonly store?: FakeWatchStore;
  readonly version?: string;
  readonly ignoresIds?: boolean;
  readonly channelCapacity?: number;
  readonly losesCompactions?: boolean;
  readonly revisionsPerSync?: number;
  readonly eventsPerFragment?: number;
}

class FakeMember implements FakeMemberView {
  store: FakeWatchStore;
  readonly rng: Rng;
  readonly ignoresIds: boolean;
  readonly channelCapacity: number;
  readonly losesCompactions: boolean;
  readonly revisionsPerSync: number;
  readonly eventsPerFragment: number;
  readonly connections: FakeConnection[] = [];
  /** While true, every connection attempt fails. */
  isDown = false;
  applied: number;
  createdRevision: number | undefined;
  makesUpCreations = false;
  /** While true its streams are dead: nothing that is sent on them is read, and nothing comes. Its connections live. */
  isMute = false;
  /** While true it applies nothing by itself, only what a linearizable read needs. */
  isHolding = false;
  /** Why the creation of a watch on this key is refused, given the token that its stream was opened with. */
  refuse: FakeMemberView['refuse'] = () => undefined;
  poison: FakeMemberView['poison'] = () => undefined;
  breaksSecondFragment: FakeMemberView['breaksSecondFragment'] = () => false;

  constructor(store: FakeWatchStore, rng: Rng, options: FakeWatchServerOptions) {
    this.store = store;
    this.rng = rng;
    this.applied = store.revision;
    this.ignoresIds = options.ignoresIds ?? false;
    this.channelCapacity = options.channelCapacity ?? 128;
    this.losesCompactions = options.losesCompactions ?? false;
    this.revisionsPerSync = options.revisionsPerSync ?? 1000;
    this.eventsPerFragment = options.eventsPerFragment ?? 1000;
  }

  applyOne(): void {
    if (this.applied >= this.store.revision) return;
    this.applied += 1;
    for (const stream of this.streams()) stream.applied(this.applied);
  }

  streams(): FakeWatchStream[] {
    return this.connections.flatMap(({ streams }) => streams).filter((stream) => !stream.isOver);
  }
}

class FakeConnection implements GrpcConnection {
  readonly endpoint: Endpoint;
  readonly freeStreams = 100;
  acceptsStreams = true;
  readonly handlers: ConnectionHandlers;
  readonly streams: FakeWatchStream[] = [];
  /** Answers on their way, in order. */
  readonly tasks: (() => void)[] = [];
  readonly #member: FakeMember;
  readonly #version: string;
  readonly #ready: Promise<void>;
  closed = false;
  holds = 0;
  isHeld = false;

  constructor(endpoint: Endpoint, member: FakeMember, version: string, handlers: ConnectionHandlers) {
    this.endpoint = endpoint;
    this.#member = member;
    this.#version = version;
    this.handlers = handlers;
    this.#ready = new Promise((resolve, reject) => {
      this.tasks.push(() => {
        if (member.isDown) reject(unavailable(`${endpoint.text} is down`));
        else resolve();
      });
    });
    this.#ready.catch(() => undefined);
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  openStream(_path: string, handlers: StreamHandlers, metadata: Metadata = {}): GrpcStream {
    const stream = new FakeWatchStream(handlers, this.#member, metadata['token']);
    this.streams.push(stream);
    if (!this.acceptsStreams) this.tasks.push(() => stream.cut());
    return stream;
  }

  unary(path: string): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.closed) reject(unavailable('closed'));
      const isRead = path.endsWith('/Range');
      // A linearizable read waits until this member has what the cluster had when it was asked.
      const needed = isRead ? this.#member.store.revision : 0;
      const answer = (): void => {
        while (this.#member.applied < needed) this.#member.applyOne();
        const { store, applied } = this.#member;
        const header = writeFields([
          [1, store.clusterId],
          [2, 7n],
          [3, applied],
          [4, 2n],
        ]);
        const bytes = writeFields(
          isRead
            ? [[1, header]]
            : [
                [1, header],
                [2, this.#version],
                [4, 7n],
              ],
        );
        // The answer is on its way while the store moves on.
        this.tasks.push(() => (this.closed ? reject(unavailable('closed')) : resolve(bytes)));
      };
      this.tasks.push(answer);
    });
  }

  /** Only noted: the order of steps decides what arrives when. */
  hold(): void {
    this.holds += 1;
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
  }

  close(): void {
    this.closed = true;
    for (const task of this.tasks.splice(0)) task();
    for (const stream of this.streams) stream.cancel();
  }

  goaway(): void {
    if (!this.acceptsStreams) return;
    this.acceptsStreams = false;
    this.handlers.onGoaway(unavailable('goaway'));
  }

  cut(): void {
    if (this.closed) return;
    this.closed = true;
    for (const stream of this.streams) stream.cut();
    this.handlers.onClose(unavailable('the connection broke'));
  }
}

export class FakeWatchServer {
  readonly members: readonly FakeMember[];
  readonly rng: Rng;
  readonly endpoints: readonly Endpoint[];
  readonly #version: string;

  constructor(options: FakeWatchServerOptions = {}) {
    this.rng = new Rng(options.seed ?? 1);
    this.#version = options.version ?? '3.5.16';
    const store = options.store ?? new FakeWatchStore();
    this.members = Array.from({ length: options.members ?? 1 }, () => new FakeMember(store, this.rng, options));
    this.endpoints = this.members.map((_, index) => ({
      kind: 'tcp',
      tls: false,
      host: 'fake',
      port: index,
      text: `fake:${String(index)}`,
    }));
  }

  get store(): FakeWatchStore {
    const [member] = this.members;
    if (member === undefined) throw new Error('a server has members');
    return member.store;
  }

  readonly open: OpenConnection = (endpoint, _settings, handlers) => {
    const member = this.members[endpoint.kind === 'tcp' ? endpoint.port : 0];
    if (member === undefined) throw new Error('no such member');
    const connection = new FakeConnection(endpoint, member, this.#version, handlers);
    member.connections.push(connection);
    return connection;
  };

  /** Open connections, oldest first. */
  connections(): FakeConnection[] {
    return this.members.flatMap(({ connections }) => connections).filter(({ closed }) => !closed);
  }

  streams(): FakeWatchStream[] {
    return this.members.flatMap((member) => member.streams());
  }

  /** Every step that could be taken now. */
  steps(): (() => void)[] {
    const steps: (() => void)[] = [];
    for (const member of this.members) {
      if (member.applied < member.store.revision && !member.isHolding) steps.push(() => member.applyOne());
      for (const { tasks } of member.connections) if (tasks.length > 0) steps.push(() => tasks.shift()?.());
      for (const stream of member.streams()) if (!member.isMute) steps.push(...stream.steps());
    }
    return steps;
  }

  /** Takes one step, if there is one. */
  step(): boolean {
    const steps = this.steps();
    if (steps.length > 0) this.rng.pick(steps)();
    return steps.length > 0;
  }
}

function unavailable(message: string): EtcdError {
  return new EtcdError(message, { code: 'unavailable' });
}
