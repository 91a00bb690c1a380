/**
 * Renews the leases of a shard: sends what is due, takes answers, tries unanswered ones elsewhere, and keeps a lease that
 * ends or blocks streams away from the others. Owns the keep-alive streams of the current lane; the schedule's ticks and
 * the lanes are the engine's.
 *
 * A deadline counts from the send time of the renewal that was answered, never from the answer's arrival. Once a deadline
 * has passed, the lease stays ended: `isAlive()` never turns true again.
 */
import { backoffDelayMs } from '../../wire/backoff.js';
import type { EtcdError } from '../../wire/errors.js';
import type { Metadata } from '../../grpc/grpc-connection.js';
import { isTokenError } from '../../wire/server-errors.js';
import type { TimerHandle } from '../../member/timers.js';
import { KeepAliveStream, type StreamRole } from './keep-alive-stream.js';
import type { Lane } from './lease-lanes.js';
import { LeaseDenials } from './lease-denials.js';
import { nextRenewalMs, renewalIntervalMs, retryAfterMs } from './lease-schedule.js';
import { isOlderCopy, isRenewing, renewalTimes } from './renewal-state.js';
import { notFound, SlotFlag, SlotState, type LeaseTable } from './lease-table.js';
import type { RenewerParts } from './renewer-parts.js';
import type { SentRenewal } from './sent-renewals.js';
import { StreamLoad } from './stream-load.js';
import { endsWithItsLease, splitSuspects } from './suspects.js';

const REOPEN = { initialMs: 50, maxMs: 1_000 } as const;

export class Renewer {
  /** Renewals answered. */
  keepAlives = 0;
  /** Renewals that were tried again because nothing came back. */
  retries = 0;
  readonly #parts: RenewerParts;
  readonly #table: LeaseTable;
  readonly #load = new StreamLoad();
  /** Every open stream with its lane; those of a retired lane linger. */
  readonly #laneOf = new Map<KeepAliveStream, Lane>();
  /** Streams that take new renewals. */
  #shared: KeepAliveStream[] = [];
  /** Renewals that wait behind too many others and are about to run out; sent together, apart. */
  #urgent: number[] = [];
  #lane: Lane | undefined;
  #reopenTimer: TimerHandle | undefined;
  #failures = 0;
  /** On any stream. */
  #lastAnswerMs = 0;
  /** As last looked at: before each round of renewals, and whenever something comes from the network. */
  #sleptMs = 0;
  readonly #denials: LeaseDenials;
  /** Why the server ended streams for want of a (valid) token, until it answers a renewal again. */
  #lastRefusal: EtcdError | undefined;

  constructor(parts: RenewerParts) {
    this.#parts = parts;
    this.#table = parts.table;
    this.#denials = new LeaseDenials(parts.table, parts.init.random);
  }

  get streams(): number {
    return this.#laneOf.size;
  }

  /** Plans the first renewal of a lease that has just begun to live. */
  begin(slot: number, sentMs: number): void {
    this.#plan(slot, sentMs, true);
  }

  /** Renews as soon as the storm protection allows; parks where there is no stream. */
  renewSoon(slots: Iterable<number>): void {
    this.look();
    this.#again([...slots]);
  }

  /** The entry of a held lease has come up. The caller flushes after a round. */
  due(slot: number, nowMs: number): void {
    const table = this.#table;
    const limitMs = table.limitMs(slot);
    if (nowMs >= limitMs || table.isMarkedExpired(slot)) {
      const denial = this.#denials.errorOf(slot);
      this.#denials.delete(slot);
      if (denial !== undefined) table.endLease(slot, 'lost', denial);
      else table.endLease(slot, 'expired', this.#lastRefusal ?? this.#parts.lanes().lastError);
      return;
    }
    if (table.state(slot) === SlotState.Waiting && table.has(slot, SlotFlag.Suspect)) {
      this.#apart([[slot]]);
      return;
    }
    const stream = table.stream[slot];
    if (table.state(slot) === SlotState.Waiting || (stream === undefined && table.state(slot) === SlotState.InFlight)) {
      this.#send(slot, nowMs);
      return;
    }
    if (stream === undefined) {
      table.schedule.set(slot, limitMs);
      return;
    }
    const patienceMs = retryAfterMs(table.ttlSeconds(slot));
    if (nowMs - stream.lastAnswerMs >= patienceMs) {
      this.#stalled(stream, nowMs - this.#lastAnswerMs >= patienceMs);
      return;
    }
    // The stream moves and this renewal waits behind others: another copy would only make it slower.
    const isUrgent = limitMs - nowMs < (table.ttlSeconds(slot) * 1_000) / 3 && stream.role === 'shared';
    if (isUrgent) this.#urgent.push(slot);
    else table.schedule.set(slot, Math.min(nowMs + patienceMs / 2, limitMs));
  }

  /** One write a stream for everything that was due. */
  flush(nowMs: number): void {
    if (this.#urgent.length > 0) {
      const urgent = this.#urgent;
      this.#urgent = [];
      this.#apart([urgent]);
    }
    for (const stream of this.#shared) stream.flush();
    const wanted = this.#load.wanted(this.#shared, nowMs);
    // A stream that has just failed is made up for after its back-off, or a member that refuses them would be asked in a loop.
    if (this.#lane === undefined || this.#shared.length === 0 || this.#reopenTimer !== undefined) return;
    while (this.#shared.length < wanted) this.#open('shared');
  }

  laneUp(lane: Lane): void {
    this.#lane = lane;
    this.#shared = [];
    this.#reopen();
  }

  /** Renewals go over streams that were opened as another user from now on; nothing on the earlier ones is waited for. */
  userChanged(): void {
    this.look();
    for (const slot of this.#shared.flatMap((stream) => this.#close(stream))) this.#park(slot);
    this.#reopen();
  }

  laneRetired(lane: Lane, lingers: boolean): void {
    this.look();
    if (lane === this.#lane) {
      this.#lane = undefined;
      this.#shared = [];
    }
    const left: number[] = [];
    for (const [stream, itsLane] of [...this.#laneOf]) {
      if (itsLane !== lane || (lingers && stream.unanswered > 0)) continue;
      left.push(...this.#close(stream));
    }
    this.#again(left);
  }

  stop(): void {
    this.#parts.init.timers.clear(this.#reopenTimer);
    for (const stream of this.#laneOf.keys()) stream.cancel();
    this.#laneOf.clear();
    this.#shared = [];
    this.#lane = undefined;
  }

  /** Also to be called before a round of {@link due}. */
  look(): void {
    this.#sleptMs = this.#parts.look();
  }

  #plan(slot: number, sentMs: number, isFirst: boolean): void {
    const table = this.#table;
    const intervalMs = renewalIntervalMs(table.ttlSeconds(slot), table.shared.intervalMs[slot] ?? 0);
    this.#waitUntil(slot, nextRenewalMs(sentMs, intervalMs, isFirst, this.#parts.init.random()));
  }

  #waitUntil(slot: number, dueMs: number): void {
    this.#table.setState(slot, SlotState.Waiting);
    this.#table.stream[slot] = undefined;
    this.#table.schedule.set(slot, dueMs);
  }

  #send(slot: number, nowMs: number): void {
    const stream = this.#shared[slot % this.#shared.length];
    if (stream === undefined) this.#park(slot);
    else this.#sendOn(stream, slot, nowMs);
  }

  #sendOn(stream: KeepAliveStream, slot: number, nowMs: number): void {
    const table = this.#table;
    const sentMs = nowMs + this.#sleptMs; // as the servers count: the machine may sleep until the answer is read
    table.setState(slot, SlotState.InFlight);
    table.stream[slot] = stream;
    table.sentMs[slot] = sentMs;
    stream.add(slot, table.generation[slot] ?? 0, table.low(slot), table.high(slot), sentMs);
    table.schedule.set(slot, Math.min(nowMs + retryAfterMs(table.ttlSeconds(slot)), table.limitMs(slot)));
  }

  #park(slot: number): void {
    this.#table.setState(slot, SlotState.Parked);
    this.#table.stream[slot] = undefined;
    this.#table.schedule.set(slot, this.#table.limitMs(slot));
  }

  readonly #onAnswer = (stream: KeepAliveStream, sent: SentRenewal, ttlSeconds: number): void => {
    const { slot } = sent;
    this.look();
    this.#failures = 0;
    this.#lastRefusal = undefined;
    this.#lastAnswerMs = stream.lastAnswerMs;
    this.#parts.lanes().answered('renewals');
    if (isRenewing(this.#table, sent))
      this.#take(slot, sent.sentMs - this.#sleptMs, ttlSeconds, isOlderCopy(this.#table, sent));
    const isOver = stream.role === 'apart' || this.#laneOf.get(stream) !== this.#lane;
    if (isOver && stream.unanswered === 0) this.#close(stream);
  };

  #take(slot: number, sentMs: number, ttlSeconds: number, isOlder: boolean): void {
    const table = this.#table;
    if (ttlSeconds <= 0) {
      const isForeign = table.has(slot, SlotFlag.Foreign);
      if (isForeign && table.has(slot, SlotFlag.Drawn)) this.#parts.regrant(slot);
      else table.endLease(slot, 'lost', isForeign ? notFound(table.leaseId(slot)) : undefined);
      return;
    }
    this.keepAlives += 1;
    this.#denials.delete(slot);
    table.setFlag(slot, SlotFlag.Suspect, false);
    const deadlineMs = sentMs + ttlSeconds * 1_000;
    if (table.has(slot, SlotFlag.Foreign)) {
      table.setFlag(slot, SlotFlag.Foreign, false);
      table.live(slot, ttlSeconds, deadlineMs);
      if (!isOlder) this.#plan(slot, sentMs, true);
      return;
    }
    const before = table.shared.deadlineMs[slot] ?? 0;
    if (this.#parts.init.clock.monotonicMs() >= before || table.isMarkedExpired(slot)) {
      table.endLease(slot, 'expired');
      return;
    }
    table.shared.ttlSeconds[slot] = ttlSeconds;
    if (deadlineMs > before) table.shared.deadlineMs[slot] = deadlineMs;
    if (table.shared.observed[slot] === 1) this.#parts.reports.renewed(slot);
    if (!isOlder) this.#plan(slot, sentMs, false);
  }

  readonly #onEnd = (stream: KeepAliveStream, error: EtcdError): void => {
    this.look();
    const lane = this.#laneOf.get(stream);
    const left = this.#close(stream);
    if (lane === undefined || lane !== this.#lane) {
      this.#again(left);
      return;
    }
    if (isTokenError(error)) {
      this.#lastRefusal = error;
      this.#renewToken(lane, stream.metadata, left);
      return;
    }
    const [only] = left;
    if (only !== undefined && endsWithItsLease(error)) {
      // Only now is it certain which lease the server refuses.
      if (stream.role === 'apart' && left.length === 1) this.#refused(only, error);
      else this.#apart(splitSuspects(left));
      if (this.#shared.length === 0) this.#reopen();
      return;
    }
    this.#parts.lanes().complain(lane, 'renewals', error);
    if (stream.role === 'apart') {
      // Each gets a stream of its own again, but not in a loop with a member that opens none.
      for (const slot of left) this.#park(slot);
      if (left.length > 0) this.#reopenLater();
      return;
    }
    if (this.#shared.length < this.#load.count) this.#reopenLater();
    this.#again(left);
  };

  /** The server will not renew this lease, now or at all. */
  #refused(slot: number, error: EtcdError): void {
    const table = this.#table;
    // Only that it is not there is certain; all else may pass, and a proxy says it of every lease. Whoever waits for the first renewal
    // of a lease is told at once.
    if (error.code === 'lease-not-found' || table.has(slot, SlotFlag.Foreign)) {
      table.endLease(slot, 'lost', error);
      return;
    }
    table.setFlag(slot, SlotFlag.Suspect, true);
    const retryMs = this.#parts.init.clock.monotonicMs() + this.#denials.add(slot, error);
    this.#waitUntil(slot, Math.min(retryMs, table.limitMs(slot)));
  }

  /** @param isSilent nothing at all is answered, on no stream: it may be the member, not a lease. */
  #stalled(stream: KeepAliveStream, isSilent: boolean): void {
    const lane = this.#laneOf.get(stream);
    const left = this.#close(stream);
    this.retries += left.length;
    if (lane !== undefined && isSilent) this.#parts.lanes().suspect(lane);
    if (this.#lane !== undefined && this.#shared.length === 0) this.#open('shared');
    // Whatever stands at the head may be what holds up the others.
    const [head, ...others] = left;
    if (head !== undefined) this.#apart([[head]]);
    this.#again(others);
  }

  /** Sends each group on a stream of its own. */
  #apart(groups: readonly (readonly number[])[]): void {
    const nowMs = this.#parts.init.clock.monotonicMs();
    for (const group of groups) {
      const [only] = group;
      if (only !== undefined && group.length === 1) this.#table.setFlag(only, SlotFlag.Suspect, true);
      const stream = this.#lane === undefined ? undefined : this.#open('apart');
      for (const slot of group) {
        if (nowMs >= this.#table.limitMs(slot)) this.#table.endLease(slot, 'expired');
        else if (stream === undefined) this.#park(slot);
        else this.#sendOn(stream, slot, nowMs);
      }
      if (stream !== undefined && stream.unanswered === 0) this.#close(stream);
      stream?.flush();
    }
  }

  /** Renews leases that wait together, the most urgent first. */
  #again(given: readonly number[]): void {
    if (given.length === 0) return;
    const table = this.#table;
    if (this.#shared.length === 0) {
      for (const slot of given) this.#park(slot);
      return;
    }
    const slots = given.filter((slot) => !table.has(slot, SlotFlag.Suspect));
    if (slots.length < given.length) {
      this.#apart(given.filter((slot) => table.has(slot, SlotFlag.Suspect)).map((slot) => [slot]));
    }
    slots.sort((a, b) => table.limitMs(a) - table.limitMs(b));
    const nowMs = this.#parts.init.clock.monotonicMs();
    const { times, limits } = renewalTimes(table, slots, nowMs);
    slots.forEach((slot, i) => {
      const dueMs = times[i] ?? nowMs;
      if (nowMs >= (limits[i] ?? 0))
        table.endLease(slot, 'expired', this.#lastRefusal ?? this.#parts.lanes().lastError);
      else if (dueMs <= nowMs) this.#send(slot, nowMs);
      else this.#waitUntil(slot, dueMs);
    });
    this.flush(nowMs);
  }

  /** Every stream that was opened with the same token would end as well. */
  #renewToken(lane: Lane, refused: Metadata, left: number[]): void {
    const { credentials } = this.#parts.init;
    const stale = this.#shared.filter(({ metadata }) => metadata['token'] === refused['token']);
    for (const slot of [...left, ...stale.flatMap((stream) => this.#close(stream))]) this.#park(slot);
    const reopen = (): void => {
      if (lane === this.#lane) this.#reopenLater();
    };
    credentials.renew(lane.connection, refused).then(reopen, reopen);
  }

  #reopenLater(): void {
    const { timers, random } = this.#parts.init;
    timers.clear(this.#reopenTimer);
    this.#failures += 1;
    this.#reopenTimer = timers.set(() => this.#reopen(), backoffDelayMs(this.#failures, REOPEN, random));
  }

  /** Opens the shared streams of the lane and renews what waited for them. */
  #reopen(): void {
    this.#parts.init.timers.clear(this.#reopenTimer);
    this.#reopenTimer = undefined;
    if (this.#lane === undefined) return;
    this.look();
    while (this.#shared.length < this.#load.count) this.#open('shared');
    const parked: number[] = [];
    for (let slot = 0; slot < this.#table.end; slot += 1) {
      if (this.#table.state(slot) === SlotState.Parked) parked.push(slot);
    }
    this.#again(parked);
  }

  #open(role: StreamRole): KeepAliveStream | undefined {
    const { clock, credentials } = this.#parts.init;
    const lane = this.#lane;
    if (lane === undefined) return undefined;
    // A member that has lost its leader then ends the stream instead of letting renewals wait.
    const metadata = { ...credentials.metadata(), hasleader: 'true' };
    const stream = new KeepAliveStream(lane.connection, role, metadata, clock.monotonicMs.bind(clock), {
      onAnswer: this.#onAnswer,
      onEnd: this.#onEnd,
    });
    this.#laneOf.set(stream, lane);
    if (role === 'shared') this.#shared.push(stream);
    return stream;
  }

  /** Gives the leases whose renewals were on their way and are still wanted, oldest first. */
  #close(stream: KeepAliveStream): number[] {
    stream.cancel();
    this.#laneOf.delete(stream);
    this.#shared = this.#shared.filter((other) => other !== stream);
    // A set, since a lease may have an older copy on the same stream: one that was overtaken by another stream's.
    const slots = new Set<number>();
    for (const sent of stream.drain()) {
      // A renewal may have been tried again on another stream meanwhile; that one looks after the lease now.
      if (isRenewing(this.#table, sent) && this.#table.stream[sent.slot] === stream) slots.add(sent.slot);
    }
    return [...slots];
  }
}
