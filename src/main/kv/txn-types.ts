/** What a transaction consists of, as its caller sees it: public types, without anything generated. Main thread. */

/** One condition of a transaction, made by `compare`. */
export interface Comparison {
  readonly kind: 'comparison';
}

export type OperationKind = 'put' | 'get' | 'range' | 'delete';

/** One operation of a transaction, made by `put`, `get`, `range` or `del`. */
export interface Operation<Kind extends OperationKind = OperationKind> {
  readonly kind: Kind;
}
