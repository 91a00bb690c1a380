/**
 * All leases of one shard: takes the lease commands, ticks, and owns the parts that grant, renew and revoke. The command
 * loop constructs it and hands it every `LeaseCommand`; it reports by itself. Runs in the shard; touches etcd only through
 * the connections it is given.
 */
import type { ConnectionSettings } from '../../wire/connection-settings.js';
import type { Handlers } from '../../wire/contract.js';
import { EtcdError } from '../../wire/errors.js';
import type { LeaseCommand } from '../../wire/lease-contract.js';
import { LeaseState, LeaseStatus } from '../../wire/lease-state.js';
import type { TimerHandle } from '../../member/timers.js';
import type { LeaseEngineInit } from './engine-parts.js';
import { HaltWatch } from './halt-watch.js';
import { LeaseCalls } from './lease-calls.js';
import { LeaseLanes } from './lease-lanes.js';
import { LeaseReports } from './lease-reports.js';
import { LeaseSchedule, renewalIntervalMs, tickMsFor } from './lease-schedule.js';
import { LeaseTable, SlotFlag, SlotState } from './lease-table.js';
import { Renewer } from './renewer.js';

/** Totals and levels of a shard's leases. */
export interface LeaseStats {
  /** Leases held or being granted. */
  readonly leases: number;
  /** Open keep-alive streams. */
  readonly streams: number;
  /** Renewals answered since the shard started. */
  readonly keepAlives: number;
  /** Renewals tried again because nothing came back. */
  readonly retries: number;
}

const GIVEN_UP = { code: 'aborted', outcome: 'not-sent' } as const;

/** While calls wait or are tried again, the wheel is looked at this often. */
const CALL_TICK_MS = 50;
/** While many grants or revocations wait for their turn, main is told of those done this often: messages cost it most. */
const BULK_REPORT_MS = 10;
/** The shortest interval is worked out anew this often, since leases go. */
const SURVEY_MS = 10_000;

export class LeaseEngine {
  /** One handler a command, for the command loop's table. */
  readonly handlers: Handlers<LeaseCommand>;
  readonly #init: LeaseEngineInit;
  readonly #state: LeaseState;
  readonly #schedule: LeaseSchedule;
  readonly #reports: LeaseReports;
  readonly #table: LeaseTable;
  readonly #lanes: LeaseLanes;
  readonly #renewer: Renewer;
  readonly #calls: LeaseCalls;
  readonly #halts: HaltWatch;
  #timer: TimerHandle | undefined;
  #tickMs = 1_000;
  #nextTickMs = Infinity;
  #surveyMs = 0;
  #stopped = false;

  constructor(init: LeaseEngineInit) {
    const nowMs = init.clock.monotonicMs();
    this.#init = init;
    this.#state = new LeaseState(init.state);
    this.#schedule = new LeaseSchedule(nowMs);
    this.#reports = new LeaseReports(init.report, (flush) => {
      init.timers.set(flush, this.#calls.hasQueue ? BULK_REPORT_MS : 0);
    });
    this.#table = new LeaseTable(this.#state, this.#schedule, this.#reports);
    this.#halts = new HaltWatch(this.#state, init.clock);
    const lanes = (): LeaseLanes => this.#lanes;
    const look = (): number => {
      this.#checkHalt(init.clock.monotonicMs());
      return this.#halts.sleptMs;
    };
    this.#renewer = new Renewer({
      init,
      table: this.#table,
      reports: this.#reports,
      lanes,
      look,
      regrant: (slot) => {
        this.#calls.regrant(slot);
      },
    });
    const parts = { init, table: this.#table, reports: this.#reports, renewer: this.#renewer, lanes, look };
    this.#calls = new LeaseCalls(parts);
    this.#lanes = new LeaseLanes(init, {
      onUp: (lane) => {
        this.#renewer.laneUp(lane);
        this.#calls.pump();
      },
      onRetired: (lane, lingers) => {
        this.#renewer.laneRetired(lane, lingers);
      },
    });
    this.handlers = {
      grant: (command) => {
        this.#grant(command);
      },
      'keep-alive': (command) => {
        this.#keepAlive(command);
      },
      adopt: (command) => {
        this.#adopt(command.slots);
      },
      reschedule: (command) => {
        this.#reschedule(command.slots);
      },
      forget: (command) => {
        for (const slot of command.slots) if (this.#isTaken(slot)) this.#table.forget(slot);
      },
      revoke: (command) => {
        this.#revoke(command);
      },
    };
  }

  /** Executes a command. A halt that main has asked for counts for what came before it. */
  handle(command: LeaseCommand): void {
    if (this.#stopped) return;
    this.#checkHalt(this.#init.clock.monotonicMs());
    const handler = this.handlers[command.kind] as (command: LeaseCommand) => void; // a handler only takes its own kind
    handler(command);
    if (this.#table.count > 0) this.#lanes.need();
    this.#calls.pump();
    this.#arm();
  }

  /** New endpoints or TLS material. */
  updateSettings(settings: ConnectionSettings, firstEndpoint: number): void {
    this.#lanes.update(settings, firstEndpoint);
  }

  /** The engine is another user: renewals go over streams that were opened as that. */
  userChanged(): void {
    this.#renewer.userChanged();
  }

  stats(): LeaseStats {
    const { streams, keepAlives, retries } = this.#renewer;
    return { leases: this.#table.count, streams, keepAlives, retries };
  }

  /** Ends streams, connections and timers; leases run out on the server. Nothing is reported afterwards. Idempotent. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#init.timers.clear(this.#timer);
    this.#renewer.stop();
    this.#lanes.close();
    this.#reports.flush();
  }

  #grant(command: Extract<LeaseCommand, { kind: 'grant' }>): void {
    const nowMs = this.#init.clock.monotonicMs();
    const flags = (command.drawn ? SlotFlag.Drawn : 0) | (command.resumed ? SlotFlag.MaybeGranted : 0);
    for (const slot of command.slots) {
      this.#table.enter(slot, SlotState.Granting, flags, nowMs + command.timeoutMs);
      this.#calls.add(slot);
      this.#hurry(renewalIntervalMs(this.#table.ttlSeconds(slot), this.#state.intervalMs[slot] ?? 0));
    }
  }

  #keepAlive(command: Extract<LeaseCommand, { kind: 'keep-alive' }>): void {
    const nowMs = this.#init.clock.monotonicMs();
    for (const slot of command.slots) {
      this.#table.enter(slot, SlotState.Waiting, SlotFlag.Foreign, nowMs + command.timeoutMs);
      // Its TTL is not known yet and may be as short as etcd allows.
      this.#hurry(this.#state.intervalMs[slot] || 500);
    }
    this.#renewer.renewSoon(command.slots);
  }

  #adopt(slots: Uint32Array): void {
    const nowMs = this.#init.clock.monotonicMs();
    for (const slot of slots) {
      this.#table.enter(slot, SlotState.Waiting, 0, 0);
      // A halt before this shard had looked at main's count of them is only to be seen here.
      const end = this.#table.givenUp(slot);
      if (end !== undefined) this.#table.endLease(slot, end);
      else this.#hurry(renewalIntervalMs(this.#table.ttlSeconds(slot), this.#state.intervalMs[slot] ?? 0));
    }
    const { hung } = this.#halts.look(nowMs);
    if (hung) this.#haltAll();
    else this.#renewer.renewSoon(slots.filter((slot) => this.#isTaken(slot)));
  }

  #reschedule(slots: Uint32Array): void {
    for (const slot of slots) {
      if (this.#table.state(slot) !== SlotState.Waiting) continue;
      this.#hurry(this.#state.intervalMs[slot] || 1_000);
      this.#renewer.renewSoon([slot]);
    }
  }

  #revoke(command: Extract<LeaseCommand, { kind: 'revoke' }>): void {
    const giveUpMs = this.#init.clock.monotonicMs() + command.timeoutMs;
    for (const slot of command.slots) {
      const state = this.#table.state(slot);
      if (state === SlotState.Free) continue;
      if (state === SlotState.Granting && !this.#table.has(slot, SlotFlag.Calling | SlotFlag.MaybeGranted)) {
        this.#table.refuse(slot, new EtcdError('the grant was given up before it was sent', GIVEN_UP));
        continue;
      }
      if (state === SlotState.Granting) this.#table.setFlag(slot, SlotFlag.RevokeWanted, true);
      else this.#calls.revoke(slot, giveUpMs);
    }
  }

  #isTaken(slot: number): boolean {
    return this.#table.state(slot) !== SlotState.Free;
  }

  readonly #tick = (): void => {
    const nowMs = this.#init.clock.monotonicMs();
    this.#timer = undefined;
    this.#nextTickMs = Infinity;
    this.#renewer.look();
    const count = this.#schedule.advance(nowMs);
    let calls = 0;
    for (let i = 0; i < count; i += 1) {
      const slot = this.#schedule.due[i] ?? 0;
      // What came up before it in this round has planned it anew: a stream that stalled, whose renewals were all sent again.
      if (this.#schedule.has(slot)) continue;
      const state = this.#table.state(slot);
      if (state === SlotState.Granting || state === SlotState.Revoking) {
        this.#calls.due(slot, nowMs);
        calls += 1;
      } else if (state !== SlotState.Free) {
        this.#renewer.due(slot, nowMs);
      }
    }
    this.#renewer.flush(nowMs);
    if (calls > 0) this.#calls.pump();
    if (this.#table.count > 0) this.#lanes.need();
    if (nowMs >= this.#surveyMs) this.#survey(nowMs);
    this.#arm();
  };

  #arm(): void {
    if (this.#stopped) return;
    if (this.#table.count === 0 && this.#schedule.size === 0) {
      this.#init.timers.clear(this.#timer);
      this.#timer = undefined;
      this.#nextTickMs = Infinity;
      return;
    }
    const nowMs = this.#init.clock.monotonicMs();
    const delayMs = this.#calls.isBusy(nowMs) ? CALL_TICK_MS : this.#tickMs;
    const atMs = nowMs + delayMs;
    if (this.#timer !== undefined && this.#nextTickMs <= atMs) return;
    this.#init.timers.clear(this.#timer);
    this.#nextTickMs = atMs;
    this.#timer = this.#init.timers.set(this.#tick, delayMs);
  }

  /** Ticks at least as often as a lease with this interval needs. */
  #hurry(intervalMs: number): void {
    this.#tickMs = Math.min(this.#tickMs, tickMsFor(intervalMs, this.#state.livenessMs));
  }

  /** The tick that the leases of now need: short ones may have gone. */
  #survey(nowMs: number): void {
    this.#surveyMs = nowMs + SURVEY_MS;
    let shortestMs = Infinity;
    for (let slot = 0; slot < this.#table.end; slot += 1) {
      if (!this.#isTaken(slot)) continue;
      const intervalMs = renewalIntervalMs(this.#table.ttlSeconds(slot), this.#state.intervalMs[slot] ?? 0);
      shortestMs = Math.min(shortestMs, intervalMs === 0 ? 500 : intervalMs);
    }
    this.#tickMs = tickMsFor(shortestMs, this.#state.livenessMs);
  }

  #checkHalt(nowMs: number): void {
    const { hung, suspendedMs } = this.#halts.look(nowMs);
    if (hung) this.#haltAll();
    if (suspendedMs === 0) return;
    // Also of leases that this shard is about to take over from a crashed one: main compares deadlines with what was just seen.
    for (let slot = 0; this.#state.hasBeenUsed(slot); slot += 1) {
      if (this.#table.isMarkedExpired(slot)) this.#table.endLease(slot, 'halted');
      if (this.#state.status(slot) !== LeaseStatus.Live) continue;
      const deadlineMs = (this.#state.deadlineMs[slot] ?? 0) - suspendedMs;
      if (!this.#table.isHeld(slot)) this.#state.deadlineMs[slot] = deadlineMs;
      else {
        this.#table.bringForward(slot, suspendedMs);
        if (deadlineMs <= nowMs) this.#table.endLease(slot, 'halted');
      }
    }
  }

  #haltAll(): void {
    for (let slot = 0; slot < this.#table.end; slot += 1) {
      if (this.#table.isHeld(slot)) this.#table.endLease(slot, 'halted');
    }
  }
}
