/** What a link to a shard tells the engine that owns it. Types only. */
import type { ShardCommand, ShardReport, ShardStatus, StoreMark } from '../wire/contract.js';
import type { EtcdError } from '../wire/errors.js';
import type { EventBatchData } from '../wire/event-batch.js';

/** Reports that are about watches, leases and the login, not about the shard itself. */
export type TenantReport = Exclude<
  ShardReport,
  { readonly kind: 'batch' | 'ready' | 'status' | 'store' | 'stats' | 'stopped' }
>;

/** What the owner of a link is told. */
export interface LinkOwner {
  batch(data: EventBatchData): void;
  report(report: TenantReport): void;
  status(status: ShardStatus): void;
  /** Which store it works with, and how far that has come. */
  store(mark: StoreMark): void;
  /** A batch has come from members that showed the store to be so far. */
  brought(revision: number): void;
  /** For the first time; later ones are `replaced`. */
  ready(epoch: number): void;
  /** A new shard is about to run: the commands that put it where the old one was. */
  resume(): readonly ShardCommand[];
  replaced(epoch: number, cause: EtcdError): void;
  /** It failed for good. */
  failed(error: EtcdError): void;
}
