/**
 * One Watch stream of the scripted watch server, with the queues of etcd's own: requests, answers to them, events of all
 * watchers, what waits for a `created` answer, and the wire. It moves only step by step, as told by the server, so that a
 * test may interleave, hold back and cut at every point. No timers.
 */
import { EtcdError, toEtcdError } from '../../src/wire/errors.js';
import type { GrpcStream, StreamHandlers } from '../../src/grpc/grpc-connection.js';
import {
  encodeEvent,
  encodeWatchAnswer,
  type FakeWatchStore,
  type StoreEvent,
  type WatchAnswer,
} from './fake-watch-store.js';
import type { Rng } from './rng.js';
import { bytesOf, int64Of, readFields, varintOf, type RawField } from './raw-protobuf.js';

const CONTROL_CAPACITY = 16;

/** What a stream needs of its member. */
export interface FakeMemberView {
  readonly store: FakeWatchStore;
  readonly rng: Rng;
  /** How far this member has come. */
  readonly applied: number;
  /** Gives ids of its own, as old servers and proxies do. */
  readonly ignoresIds: boolean;
  readonly channelCapacity: number;
  /** A watcher whose history was compacted while the channel had no room goes on after it, as in etcd before 3.4.31 and 3.5.13. */
  readonly losesCompactions: boolean;
  readonly revisionsPerSync: number;
  readonly eventsPerFragment: number;
  /** What it answers creations with instead of its revision. */
  readonly createdRevision: number | undefined;
  /** Answers creations as etcd's grpc-proxy does where another watch of the range is there: the revision asked for, no ids. */
  readonly makesUpCreations: boolean;
  /** Refuses a creation, with this reason. */
  refuse(key: string, token: string | undefined): string | undefined;
  /** What ends the stream, or comes in place of the answer: for a watch of this key, when it is created or has events. */
  poison(key: string, at: 'create' | 'events'): EtcdError | Uint8Array | undefined;
  /** Whether every fragment but the first of an answer to a watch of this key is cut short. */
  breaksSecondFragment(key: string): boolean;
  /** Another revision may be applied at any moment. */
  applyOne(): void;
}

interface Watcher {
  readonly id: number;
  readonly range: { readonly key: string; readonly rangeEnd: string | undefined };
  readonly prevKv: boolean;
  readonly fragment: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly startRevision: number;
  /** The next revision it needs. */
  next: number;
  synced: boolean;
}

interface Queued extends WatchAnswer {
  readonly storeEvents?: readonly StoreEvent[];
}

export class FakeWatchStream implements GrpcStream {
  readonly writes: Uint8Array[] = [];
  /** With which it was opened. */
  readonly token: string | undefined;
  readonly #handlers: StreamHandlers;
  readonly #member: FakeMemberView;
  readonly #watchers = new Map<number, Watcher>();
  readonly #requests: Uint8Array[] = [];
  readonly #control: WatchAnswer[] = [];
  readonly #channel: Queued[] = [];
  /** Ids whose creation was answered, and what came for others before. */
  readonly #announced = new Set<number>();
  readonly #early = new Map<number, Queued[]>();
  readonly #wire: (Uint8Array | EtcdError)[] = [];
  #nextId = 0;
  #paused = false;
  #over = false;

  constructor(handlers: StreamHandlers, member: FakeMemberView, token?: string) {
    this.token = token;
    this.#handlers = handlers;
    this.#member = member;
  }

  get isOver(): boolean {
    return this.#over;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** Whether a watch of this key is on it. */
  watches(key: string): boolean {
    return [...this.#watchers.values()].some(({ range }) => range.key === key);
  }

  write(framed: Uint8Array): void {
    if (this.#over) return;
    if (this.#paused) throw new Error('a paused stream was written to');
    this.writes.push(framed);
    const view = new DataView(framed.buffer, framed.byteOffset, framed.byteLength);
    for (let at = 0; at < framed.length;) {
      const length = view.getUint32(at + 1);
      this.#requests.push(framed.subarray(at + 5, at + 5 + length));
      at += 5 + length;
    }
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  cancel(): void {
    this.#over = true;
  }

  /** Ends it as a broken connection would: whatever was on its way is gone. */
  cut(error: EtcdError = new EtcdError('the connection broke', { code: 'unavailable' })): void {
    if (this.#over) return;
    this.#over = true;
    this.#handlers.onEnd(error);
  }

  /** Whether requests or answers are on their way. */
  get isAnswering(): boolean {
    return this.#requests.length + this.#control.length + this.#channel.length + this.#wire.length > 0;
  }

  /** Ids of the watches on it. */
  get watchIds(): number[] {
    return [...this.#watchers.keys()];
  }

  /** An answer of the test's own, behind what is on the wire. */
  inject(answer: WatchAnswer): void {
    this.#wire.push(encodeWatchAnswer(answer));
  }

  /** The steps that it could take now. */
  steps(): (() => void)[] {
    if (this.#over) return [];
    const steps: (() => void)[] = [];
    if (this.#requests.length > 0 && this.#control.length < CONTROL_CAPACITY) steps.push(() => this.#receive());
    if (this.#control.length + this.#channel.length > 0) steps.push(() => this.#send());
    if (this.#wire.length > 0 && !this.#paused) steps.push(() => this.#deliver());
    if ([...this.#watchers.values()].some(({ synced }) => !synced) && !this.#isFull) steps.push(() => this.sync());
    return steps;
  }

  /** The member has applied a revision: synced watchers are told at once, unless the stream is choked. */
  applied(revision: number): void {
    for (const watcher of this.#watchers.values()) {
      if (!watcher.synced || revision < watcher.next) continue;
      const events = this.#eventsAt(watcher, revision);
      if (events.length > 0 && this.#isFull) {
        watcher.synced = false;
        watcher.next = revision;
        continue;
      }
      watcher.next = revision + 1;
      if (events.length > 0) this.#channel.push({ id: watcher.id, revision, storeEvents: events });
    }
  }

  /** The timer of `progress_notify`. */
  timedProgress(): void {
    for (const { id, synced, startRevision } of this.#watchers.values()) {
      const isDue = synced && startRevision <= this.#member.applied && !this.#isFull;
      if (isDue) this.#channel.push({ id, revision: this.#member.applied });
    }
  }

  /** One pass over the watchers that are behind. */
  sync(): void {
    const { store, applied, revisionsPerSync } = this.#member;
    for (const watcher of [...this.#watchers.values()]) {
      if (watcher.synced) continue;
      if (this.#isFull) {
        if (!this.#member.losesCompactions || watcher.next >= store.compactRevision) continue;
        watcher.next = applied + 1;
        watcher.synced = true;
        continue;
      }
      if (watcher.next < store.compactRevision) {
        this.#watchers.delete(watcher.id);
        this.#channel.push({ id: watcher.id, revision: 0, canceled: true, compactRevision: store.compactRevision });
        continue;
      }
      const events: StoreEvent[] = [];
      let revisions = 0;
      while (watcher.next <= applied && revisions < revisionsPerSync) {
        const found = this.#eventsAt(watcher, watcher.next++);
        if (found.length > 0) revisions += 1;
        events.push(...found);
      }
      watcher.synced = watcher.next > applied;
      // As etcd: the header tells the store's revision, however far this batch reaches.
      if (events.length > 0) this.#channel.push({ id: watcher.id, revision: applied, storeEvents: events });
    }
  }

  get #isFull(): boolean {
    return this.#channel.length >= this.#member.channelCapacity;
  }

  #eventsAt({ range, noPut, noDelete }: Watcher, revision: number): StoreEvent[] {
    const found = this.#member.store.at(revision, range);
    return found.filter(({ type }) => !(type === 'put' ? noPut : noDelete));
  }

  #receive(): void {
    const request = this.#requests.shift();
    if (request === undefined) return;
    const fields = readFields(request);
    const create = fields.find(({ number }) => number === 1);
    const cancel = fields.find(({ number }) => number === 2);
    if (create !== undefined) this.#create(readFields(create.bytes));
    else if (cancel !== undefined) this.#cancel(Number(int64Of(readFields(cancel.bytes), 1)));
    else this.#progress();
  }

  #create(fields: readonly RawField[]): void {
    const member = this.#member;
    const wanted = member.ignoresIds ? 0 : Number(int64Of(fields, 7));
    const id = wanted === 0 ? this.#nextId++ : wanted;
    const key = Buffer.from(bytesOf(fields, 1)).toString('latin1');
    const poison = member.poison(key, 'create');
    if (poison !== undefined) {
      this.#wire.push(poison);
      return;
    }
    const reason = this.#watchers.has(id) ? 'etcdserver: duplicate watch ID' : member.refuse(key, this.token);
    if (reason !== undefined) {
      this.#control.push({ id: -1, revision: member.applied, created: true, canceled: true, cancelReason: reason });
      return;
    }
    const end = Buffer.from(bytesOf(fields, 2)).toString('latin1');
    const startRevision = Number(int64Of(fields, 3));
    const isSynced = startRevision === 0 || startRevision > member.applied;
    this.#watchers.set(id, {
      id,
      range: { key, rangeEnd: end === '' ? undefined : end },
      prevKv: varintOf(fields, 6) !== 0n,
      fragment: varintOf(fields, 8) !== 0n,
      noPut: fields.some(({ number, varint }) => number === 5 && varint === 0n),
      noDelete: fields.some(({ number, varint }) => number === 5 && varint === 1n),
      startRevision,
      next: startRevision === 0 ? member.applied + 1 : startRevision,
      synced: isSynced,
    });
    // As etcd: the revision is read after the watch was registered, so events may carry it.
    if (member.rng.chance(0.2)) member.applyOne();
    if (member.makesUpCreations) this.#control.push({ id, revision: startRevision, clusterId: 0n, created: true });
    else this.#control.push({ id, revision: member.createdRevision ?? member.applied, created: true });
  }

  #cancel(id: number): void {
    if (!this.#watchers.delete(id)) return;
    this.#control.push({ id, revision: this.#member.applied, canceled: true });
  }

  /** Answered once for the whole stream, and only if nobody on it is behind. */
  #progress(): void {
    const { applied } = this.#member;
    const all = [...this.#watchers.values()];
    const isCurrent = all.every(({ synced, startRevision }) => synced && startRevision <= applied);
    if (all.length > 0 && isCurrent && !this.#isFull) this.#channel.push({ id: -1, revision: applied });
  }

  /** Takes from either queue, as a Go `select` does. */
  #send(): void {
    const fromControl = this.#channel.length === 0 || (this.#control.length > 0 && this.#member.rng.chance(0.5));
    const control = fromControl ? this.#control.shift() : undefined;
    if (control === undefined) {
      const queued = this.#channel.shift();
      if (queued === undefined) return;
      if (queued.id === -1 || this.#announced.has(queued.id)) this.#put(queued);
      else this.#early.set(queued.id, [...(this.#early.get(queued.id) ?? []), queued]);
      return;
    }
    this.#put(control);
    if (control.canceled === true) {
      this.#announced.delete(control.id);
    } else if (control.created === true) {
      this.#announced.add(control.id);
      for (const queued of this.#early.get(control.id) ?? []) this.#put(queued, false);
      this.#early.delete(control.id);
    }
  }

  #put(answer: Queued, mayFragment = true): void {
    const { store, eventsPerFragment } = this.#member;
    const { storeEvents = [], ...rest } = answer;
    const watcher = this.#watchers.get(answer.id);
    const poison = storeEvents.length > 0 && watcher ? this.#member.poison(watcher.range.key, 'events') : undefined;
    if (poison !== undefined) {
      this.#wire.push(poison);
      return;
    }
    const events = storeEvents.map((event) => encodeEvent(event, watcher?.prevKv === true));
    const size = mayFragment && watcher?.fragment === true ? eventsPerFragment : Infinity;
    let at = 0;
    do {
      const part = events.slice(at, at + size);
      at += size;
      const fragment = at < events.length;
      const isBroken = at > size && watcher !== undefined && this.#member.breaksSecondFragment(watcher.range.key);
      const sent = isBroken ? part.map((event) => event.subarray(0, 3)) : part;
      this.#wire.push(encodeWatchAnswer({ clusterId: store.clusterId, ...rest, events: sent, fragment }));
    } while (at < events.length);
  }

  /** One or several messages of one chunk; each stands somewhere inside a larger buffer that is overwritten afterwards. */
  #deliver(): void {
    const { rng } = this.#member;
    for (let count = rng.integer(1, 3); count > 0 && !this.#isHeld(); count -= 1) {
      const message = this.#wire.shift();
      if (message === undefined) return;
      if (message instanceof EtcdError) {
        this.cut(message);
        return;
      }
      const lent = new Uint8Array(message.length + 12).fill(0xff);
      lent.set(message, 7);
      try {
        this.#handlers.onMessage(lent, 7, 7 + message.length);
      } catch (thrown) {
        this.cut(toEtcdError(thrown));
      }
      lent.fill(0xee);
    }
  }

  /** A method, since handlers called in between may have changed it. */
  #isHeld(): boolean {
    return this.#over || this.#paused;
  }
}
