/**
 * What the lease service does for its shards: takes their reports, and tells the successor of a crashed one where to go on.
 * Main thread; sends nothing by itself.
 */
import { dispatch, type Handlers } from '../../wire/contract.js';
import { errorFromPlain, errorToPlain, type EtcdError } from '../../wire/errors.js';
import type { LeaseCommand, LeaseReport } from '../../wire/lease-contract.js';
import { CALL_TIMEOUT_MS, type LeaseRoom } from './lease-room.js';
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
    const commands: LeaseCommand[] = [];
    const lists = { adopt: [] as number[], revoke: [] as number[], 'keep-alive': [] as number[] };
    for (const slot of [...slots.used()]) {
      const rows = slots.owner(slot);
      if (rows === undefined) continue;
      const row = slots.row(slot);
      const reason = reasonOfStatus(slots.state.status(slot));
      const resumption = rows.resumption(row);
      if (reason !== undefined) {
        // Written before it was reported, and the report died with the worker.
        rows.ended(row, reason, undefined);
        slots.give(slot);
      } else if (resumption === undefined) {
        slots.give(slot);
      } else if (resumption === 'grant') {
        const { drawn, timeoutMs } = rows;
        commands.push({ kind: 'grant', slots: Uint32Array.of(slot), drawn, timeoutMs, resumed: true });
      } else {
        lists[resumption].push(slot);
      }
    }
    const adopted = [...lists.adopt, ...lists.revoke];
    if (adopted.length > 0) commands.push({ kind: 'adopt', slots: Uint32Array.from(adopted) });
    const revoking = Uint32Array.from(lists.revoke);
    if (revoking.length > 0)
      commands.push({ kind: 'revoke', slots: revoking, timeoutMs: CALL_TIMEOUT_MS + revoking.length });
    const foreign = Uint32Array.from(lists['keep-alive']);
    if (foreign.length > 0) commands.push({ kind: 'keep-alive', slots: foreign, timeoutMs: CALL_TIMEOUT_MS });
    return commands;
  }

  /** A shard failed for good: nobody renews its leases any longer. */
  failed(shard: number, error: EtcdError): void {
    const slots = this.#room.slots(shard);
    for (const slot of [...slots.used()]) {
      const rows = slots.owner(slot);
      const row = slots.row(slot);
      if (rows?.resumption(row) === 'grant' || rows?.resumption(row) === 'keep-alive') rows.refused(row, error);
      else rows?.ended(row, 'halted', errorToPlain(error));
      slots.give(slot);
    }
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
          rows.revokeFailed(row, error);
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
