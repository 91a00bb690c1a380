/**
 * What a transaction gives back: types only. Public, and therefore free of the generated code's types; the answer is
 * turned into these by txn-answer.ts.
 */
import type { DeleteResult, KeyValue, PutResult, RangeResult, ResponseHeader } from './key-value.js';

/** The answer to one operation; `kind` is the operation's. */
export type TxnResponse =
  | ({ readonly kind: 'put' } & Omit<PutResult, 'header'>)
  | { readonly kind: 'get'; readonly kv: KeyValue | null }
  | ({ readonly kind: 'range' } & Omit<RangeResult, 'header'>)
  | ({ readonly kind: 'delete' } & Omit<DeleteResult, 'header'>)
  | { readonly kind: 'txn'; readonly succeeded: boolean; readonly responses: readonly TxnResponse[] };

export interface TxnResult {
  /** Whether all comparisons held, so that the `then` branch ran. */
  readonly succeeded: boolean;
  /** One for each operation of the branch that ran, in its order. */
  readonly responses: readonly TxnResponse[];
  /** `header.revision` is the revision that the transaction made, where it wrote. */
  readonly header: ResponseHeader;
}
