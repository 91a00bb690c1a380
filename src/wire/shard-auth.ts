/**
 * Who an engine is to its cluster, as both sides of the port see it: what to log in with, and the token that came of it. Plain
 * data. Secrets: never logged, and never part of an error message.
 */

/** A user as it logs in. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** What calls carry at one moment. */
export type HeldToken =
  /** Nothing was asked for yet. */
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  /** The cluster has no authentication at present: calls carry nothing. */
  | { readonly kind: 'unneeded' };

/** What a shard knows of the engine's login. */
export interface ShardAuth {
  /** Counts the users that this engine has been: what was opened as an earlier one is left. */
  readonly identity: number;
  /** For a shard that main does not answer; undefined where only main can get tokens. */
  readonly login: Login | undefined;
  readonly held: HeldToken;
}
