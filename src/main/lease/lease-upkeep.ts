/**
 * What the lease service does for its shards: takes their reports, and tells the successor of a crashed one where to go on.
 * Main thread.
 */
import { dispatch, type Handlers } from '../../wire/contract.js';
import { errorFromPlain, errorToPlain, type EtcdError } from '../../wire/errors.js';
import type { LeaseCommand, LeaseReport } from '../../wire/lease-contract.js';
import { CallLimit } from './call-limit.js';
import { CALL_TIMEOUT_MS } from './lease-options.js';
import type { LeaseRoom } from './lease-room.js';
import { reasonOfStatus, type LeaseRows } from './lease-rows.js';
import type { LeaseSlots } from './lease-slots.js';

export class LeaseUpkeep {
  readonly #room: LeaseRoom;

  constructor(room: LeaseRoom) {
    this.#room = room;
  }

  /** Takes a report of a shard. */
  report(shard: number, report: LeaseReport): void {
    const slots = this.#room.slots(shard);
    dispatch(this.#handlers(slots), report);
  }

  /**
   * The commands that put a new shard where the one that crashed was. Every report of that one has been taken.
   */
  resume(shard: number): LeaseCommand[] {
    const slots = this.#room.slots(shard);
    const resumption = new Resumption();
    for (const slot of [...slots.used()]) {
      const rows = slots.owner(slot);
      if (rows === undefined) continue;
      const row = slots.row(slot);
      // Marks it where it has run out while no shard ran: several may have been slow to start.
      rows.isAlive(row);
      const reason = reasonOfStatus(slots.state.status(slot));
      if (reason !== undefined) {
        // Written before it was reported, and the report died with the worker.
        rows.ended(row, reason, undefined);
        slots.give(slot);
      } else if (!resumption.add(rows, row)) slots.give(slot);
    }
    return resumption.commands();
  }

  /**
   * A shard failed for good: nobody renews its leases any longer. What was asked of it, grants and revocations, another one
   * does, where one lives; where none does, revocations are asked for from here.
   */
  failed(shard: number, error: EtcdError): void {
    const slots = this.#room.slots(shard);
    const moved = new Map<number, Resumption>();
    const unrevoked: bigint[] = [];
    for (const slot of [...slots.used()]) {
      const rows = slots.owner(slot);
      const row = slots.row(slot);
      const work = rows?.resumption(row);
      const reason = reasonOfStatus(slots.state.status(slot));
      if (reason !== undefined) rows?.ended(row, reason, undefined);
      else if (rows !== undefined && work !== undefined && work !== 'adopt' && this.#room.move(rows, row)) {
        const to = rows.shard(row);
        const resumption = moved.get(to) ?? new Resumption();
        resumption.add(rows, row);
        moved.set(to, resumption);
      } else if (work === 'grant' || work === 'keep-alive') rows?.refused(row, error);
      else {
        rows?.ended(row, 'halted', errorToPlain(error));
        if (rows !== undefined && work === 'revoke') unrevoked.push(rows.leaseId(row));
      }
      slots.give(slot);
    }
    // Nobody may wait for these: an aborted grant, a call that was given up.
    const limit = new CallLimit({}, CALL_TIMEOUT_MS);
    this.#room.revokeElsewhere(unrevoked, limit).catch(() => undefined);
    for (const [to, resumption] of moved) for (const command of resumption.commands()) this.#room.send(to, command);
  }

  /** The engine closes. */
  close(error: EtcdError): void {
    const owners = new Set<LeaseRows>();
    for (const slots of this.#room.shards) {
      for (const slot of slots.used()) {
        const rows = slots.owner(slot);
        if (rows !== undefined) owners.add(rows);
      }
    }
    for (const rows of owners) rows.close(error);
  }

  #handlers(slots: LeaseSlots<LeaseRows>): Handlers<LeaseReport> {
    const each = (list: Uint32Array, visit: (rows: LeaseRows, row: number) => void): void => {
      for (const slot of list) {
        const rows = slots.owner(slot);
        if (rows !== undefined) visit(rows, slots.row(slot));
      }
    };
    const over = (list: Uint32Array, visit: (rows: LeaseRows, row: number) => void): void => {
      each(list, visit);
      for (const slot of list) slots.give(slot);
    };
    return {
      'lease-granted': (report) => {
        each(report.slots, (rows, row) => {
          rows.granted(row);
        });
      },
      'lease-refused': (report) => {
        const error = errorFromPlain(report.error);
        over(report.slots, (rows, row) => {
          rows.refused(row, error);
        });
      },
      'lease-ended': (report) => {
        over(report.slots, (rows, row) => {
          rows.ended(row, report.reason, report.error);
        });
      },
      'lease-forgotten': (report) => {
        over(report.slots, () => undefined);
      },
      'lease-revoke-failed': (report) => {
        const error = errorFromPlain(report.error);
        each(report.slots, (rows, row) => {
          if (error.code === 'timeout') rows.revokeLate(row, error);
          else rows.revokeRefused(row, error);
        });
      },
      'lease-renewed': (report) => {
        each(report.slots, (rows, row) => {
          rows.renewed(row);
        });
      },
    };
  }
}

/** What a shard must be told of rows that another one had before. */
class Resumption {
  readonly #commands: LeaseCommand[] = [];
  readonly #lists = { adopt: [] as number[], 'keep-alive': [] as number[] };
  /** By the time that is left for them. Without any, they are tried until the lease has run out, as if it had just ended. */
  readonly #revoke = new Map<number, number[]>();

  /** False where there is nothing to do for the row. */
  add(rows: LeaseRows, row: number): boolean {
    const resumption = rows.resumption(row);
    const slot = rows.slot(row);
    if (resumption === undefined) return false;
    if (resumption === 'grant') this.#grant(rows, slot);
    else if (resumption === 'revoke') {
      const timeoutMs = rows.revocationTimeMs(row);
      // Given up before the answer to its grant: it must be known to be there, or not, before it can be revoked.
      if (rows.isPending(row)) this.#grant(rows, slot);
      else this.#lists.adopt.push(slot);
      const slots = this.#revoke.get(timeoutMs);
      if (slots === undefined) this.#revoke.set(timeoutMs, [slot]);
      else slots.push(slot);
    } else {
      this.#lists[resumption].push(slot);
    }
    return true;
  }

  #grant({ drawn, timeoutMs }: LeaseRows, slot: number): void {
    this.#commands.push({ kind: 'grant', slots: Uint32Array.of(slot), drawn, timeoutMs, resumed: true });
  }

  commands(): LeaseCommand[] {
    const commands = [...this.#commands];
    const { adopt, 'keep-alive': keepAlive } = this.#lists;
    if (adopt.length > 0) commands.push({ kind: 'adopt', slots: Uint32Array.from(adopt) });
    for (const [timeoutMs, slots] of this.#revoke)
      commands.push({ kind: 'revoke', slots: Uint32Array.from(slots), timeoutMs });
    if (keepAlive.length > 0)
      commands.push({ kind: 'keep-alive', slots: Uint32Array.from(keepAlive), timeoutMs: CALL_TIMEOUT_MS });
    return commands;
  }
}
