/**
 * What a transaction consists of, step by step. Main thread; sends nothing.
 */
import { defineInspect, inspectFields } from '../../wire/text-form.js';
import { invalidOption } from '../../wire/arguments.js';
import { compareRequest, operationRequest } from './txn-parts.js';
import type { Comparison, Operation } from './txn-types.js';

/** What a branch may hold: an operation, or a transaction inside the transaction. */
export type TxnStep = Operation | TxnBuilder;

/** A transaction as it is written down so far. */
export interface TxnSteps {
  readonly comparisons: readonly Comparison[];
  readonly success: readonly TxnStep[];
  readonly failure: readonly TxnStep[];
}

/**
 * A transaction being written: `txn().if(…).then(…).else(…)`. Each part may be given in several calls. Give it to the
 * `then()` or `else()` of another one to nest it; `kv.txn()` makes one with `commit()`.
 */
export class TxnBuilder {
  readonly #comparisons: Comparison[] = [];
  readonly #success: TxnStep[] = [];
  readonly #failure: TxnStep[] = [];

  static {
    // Kinds only: which keys and values are in it is told by nothing that could end in a log.
    defineInspect<TxnBuilder>(TxnBuilder.prototype, function (options) {
      const kinds = (steps: readonly TxnStep[]): unknown[] =>
        steps.map((step) => (step instanceof TxnBuilder ? step : step.kind));
      const fields = { if: this.#comparisons.length, then: kinds(this.#success), else: kinds(this.#failure) };
      return inspectFields('commit' in this ? 'Txn' : 'TxnBuilder', fields, options);
    });
  }

  /** All must hold for the `then` branch to run; none given always hold. @throws EtcdError `invalid-argument`. */
  if(...comparisons: readonly Comparison[]): this {
    for (const comparison of comparisons) compareRequest(comparison);
    this.#comparisons.push(...comparisons);
    return this;
  }

  /** What runs when all comparisons hold, in this order and in one revision. @throws EtcdError `invalid-argument`. */
  then(...steps: readonly TxnStep[]): this {
    const [first, reject]: readonly unknown[] = steps;
    if (typeof first === 'function') {
      // `await builder` calls this with two functions. It must not look like a transaction that was sent.
      const error = invalidOption(
        'then: steps must be operations, not functions: a transaction is sent by commit(); await that, not the builder',
      );
      if (typeof reject !== 'function') throw error;
      (reject as (error: Error) => void)(error); // what `await` passes
      return this;
    }
    checkSteps(steps, 'then');
    this.#success.push(...steps);
    return this;
  }

  /** What runs when some comparison does not hold. @throws EtcdError `invalid-argument`. */
  else(...steps: readonly TxnStep[]): this {
    checkSteps(steps, 'else');
    this.#failure.push(...steps);
    return this;
  }

  /** What was given so far. */
  steps(): TxnSteps {
    return { comparisons: [...this.#comparisons], success: [...this.#success], failure: [...this.#failure] };
  }
}

function checkSteps(steps: readonly TxnStep[], what: string): void {
  for (const step of steps) if (!(step instanceof TxnBuilder)) operationRequest(step, what);
}

/** A transaction to be nested in another one. */
export function txn(): TxnBuilder {
  return new TxnBuilder();
}
