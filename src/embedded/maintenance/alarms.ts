/**
 * The alarms that members have raised, and what they forbid. Server thread; pure.
 *
 * As in etcd 3.5, the alarm raised last decides what is refused, and all refusals end when the last alarm of either kind is
 * put down, even while one of the other kind is up.
 */
import { failure } from '../rpc-failure.js';

/** The numbers of etcd's `AlarmType`. */
export const AlarmType = { NONE: 0, NOSPACE: 1, CORRUPT: 2 } as const;

/** As etcd prints it. */
export function alarmName(type: number): string {
  return type === AlarmType.CORRUPT ? 'CORRUPT' : 'NOSPACE';
}

/** An alarm that is up. */
export interface Alarm {
  readonly memberId: bigint;
  readonly type: number;
}

/** A transaction, as far as alarms look at it; a decoded `TxnRequest` is one. */
export interface TxnPuts {
  readonly success: readonly { readonly requestPut?: unknown }[];
  readonly failure: readonly { readonly requestPut?: unknown }[];
}

/** What services ask before they change anything. Right after the token was looked at, before permissions. */
export interface AlarmGate {
  /** Before a put and a lease grant. @throws RpcFailure while there is no space, or the data are corrupt. */
  checkGrowth(): void;
  /** Before a deletion, a compaction and a lease revocation. @throws RpcFailure while the data are corrupt. */
  checkChange(): void;
  /** Before a transaction that is not read-only. */
  checkTxn(txn: TxnPuts): void;
}

/** All alarms. */
export class Alarms implements AlarmGate {
  readonly #raised = new Map<string, Alarm>();
  #refusing: 'nothing' | 'growth' | 'changes' = 'nothing';

  /** Those of one type; of every type for NONE. */
  list(type: number): readonly Alarm[] {
    return [...this.#raised.values()].filter((alarm) => type === AlarmType.NONE || alarm.type === type);
  }

  /** Raises an alarm. Gives it, raised now or before; nothing for NONE. */
  raise(memberId: bigint, type: number): readonly Alarm[] {
    if (type !== AlarmType.NOSPACE && type !== AlarmType.CORRUPT) return [];
    const name = nameOf(memberId, type);
    const first = this.list(type).length === 0;
    const alarm = this.#raised.get(name) ?? { memberId, type };
    this.#raised.set(name, alarm);
    if (first) this.#refusing = type === AlarmType.NOSPACE ? 'growth' : 'changes';
    return [alarm];
  }

  /** Puts an alarm down. Gives it; nothing when it was not up. */
  lower(memberId: bigint, type: number): readonly Alarm[] {
    const name = nameOf(memberId, type);
    const alarm = this.#raised.get(name);
    if (alarm === undefined) return [];
    this.#raised.delete(name);
    if (this.list(type).length === 0) this.#refusing = 'nothing';
    return [alarm];
  }

  checkGrowth(): void {
    if (this.#refusing === 'growth') throw failure('noSpace');
    this.checkChange();
  }

  checkChange(): void {
    if (this.#refusing === 'changes') throw failure('corrupt');
  }

  /** Puts of transactions inside it are not counted, as in etcd. */
  checkTxn(txn: TxnPuts): void {
    const puts = [...txn.success, ...txn.failure].some(
      ({ requestPut }) => requestPut !== undefined && requestPut !== null,
    );
    if (puts) this.checkGrowth();
    else this.checkChange();
  }
}

function nameOf(memberId: bigint, type: number): string {
  return `${type}/${memberId}`;
}
