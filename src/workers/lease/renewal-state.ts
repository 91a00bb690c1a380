/** What the table says of renewals: which are still wanted, and when those that wait together are sent. Pure. */
import { renewalIntervalMs, spreadRenewals } from './lease-schedule.js';
import { SlotState, type LeaseTable } from './lease-table.js';
import type { SentRenewal } from './sent-renewals.js';

/** For each of these, which stand with the most urgent first: the time of its renewal, and its limit. */
export function renewalTimes(
  table: LeaseTable,
  slots: readonly number[],
  nowMs: number,
): { readonly times: Float64Array; readonly limits: Float64Array } {
  const times = new Float64Array(slots.length);
  const limits = Float64Array.from(slots, (slot) => table.limitMs(slot));
  const intervals = Float64Array.from(slots, (slot) =>
    renewalIntervalMs(table.ttlSeconds(slot), table.shared.intervalMs[slot] ?? 0),
  );
  spreadRenewals(nowMs, limits, intervals, times);
  return { times, limits };
}

/** Whether the lease that a renewal was sent for still lives here. */
export function isRenewing(table: LeaseTable, sent: SentRenewal): boolean {
  if (table.generation[sent.slot] !== sent.generation) return false;
  const state = table.state(sent.slot);
  return state === SlotState.InFlight || state === SlotState.Waiting || state === SlotState.Parked;
}

/** Whether a newer copy of the slot's renewal is on its way: it is waited for before there is a third. */
export function isOlderCopy(table: LeaseTable, { slot, sentMs }: SentRenewal): boolean {
  return table.state(slot) === SlotState.InFlight && table.sentMs[slot] !== sentMs;
}
