/** Values of every kind that JavaScript has, each with its type, to be given where they do not belong. */
export interface Candidate {
  readonly name: string;
  readonly value: unknown;
  /** As TypeScript writes it; a parameter that takes this type takes the value. Undefined: no parameter does. */
  readonly type: string | undefined;
}

export const CANDIDATES: readonly Candidate[] = [
  { name: 'undefined', value: undefined, type: 'undefined' },
  { name: 'null', value: null, type: 'null' },
  { name: 'a number', value: 5, type: 'number' },
  { name: 'NaN', value: NaN, type: undefined },
  { name: 'a string', value: 'no such thing', type: 'string' },
  { name: 'a boolean', value: false, type: 'boolean' },
  { name: 'a bigint', value: 5n, type: 'bigint' },
  { name: 'an empty object', value: {}, type: '{}' },
  { name: 'an empty array', value: [], type: 'never[]' },
  { name: 'an array of symbols', value: [Symbol('surface')], type: 'symbol[]' },
  { name: 'a symbol', value: Symbol('surface'), type: 'symbol' },
  { name: 'a function', value: (): undefined => undefined, type: '() => undefined' },
];

/** The name of an option that nothing has. */
export const UNKNOWN_OPTION = 'noSuchOption';
