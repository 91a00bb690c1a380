/**
 * A transaction that can be sent. Main thread.
 */
import { checkOptions } from '../../wire/arguments.js';
import { CALL_RULES, type CallOptions } from '../unary/call-scope.js';
import { kvMethods } from '../unary/etcd-methods.js';
import type { UnaryCaller } from '../unary/unary-method.js';
import { TxnBuilder } from './txn-builder.js';
import { isReadOnly, txnRequest } from './txn-requests.js';
import { txnResultFrom } from './txn-answer.js';
import type { TxnResult } from './txn-result.js';

/** A transaction of one etcd, made by `kv.txn()` and sent by {@link commit}. */
export class Txn extends TxnBuilder {
  readonly #caller: UnaryCaller;

  /** Made by the engine. @internal */
  constructor(caller: UnaryCaller) {
    super();
    this.#caller = caller;
  }

  /**
   * Sends the transaction: comparisons and the branch they choose are one atomic step, in one revision. Committing again
   * sends it again.
   *
   * It is repeated by itself only where it provably was not applied, or where no branch writes; otherwise a failure tells
   * with `outcome` whether it may have been applied.
   *
   * @throws EtcdError `invalid-argument`, `duplicate-key`, `too-many-operations` (etcd's limit, 128 by default), and those of
   * every call.
   */
  async commit(options: CallOptions = {}): Promise<TxnResult> {
    checkOptions<CallOptions>(options, CALL_RULES, 'commit');
    const steps = this.steps();
    const response = await this.#caller.call(kvMethods.txn, txnRequest(steps), {
      signal: options.signal,
      timeoutMs: options.timeoutMs,
      repeatable: isReadOnly(steps),
      requireLeader: true,
    });
    return txnResultFrom(steps, response);
  }
}
