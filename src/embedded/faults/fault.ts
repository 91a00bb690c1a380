/**
 * What can go wrong on purpose, as data: structured clones that pass to the server's thread. Types only.
 */

/**
 * Where in a call a fault strikes.
 *
 * - `call`: when it comes in, before anything is done. A stream: when it is opened.
 * - `applied`: a unary call has been done, its answer has not left.
 * - `request`: before a message that the client sends on a stream is obeyed.
 * - `answer`: after a message that the server sent on a stream; `created`, `events`, `fragment`: after one of a watch stream that
 *   says that a watch was created, that has events, or that is a fragment to which more belong.
 */
export type FaultMoment = 'call' | 'applied' | 'request' | 'answer' | 'created' | 'events' | 'fragment';

/** What happens to the server or its state; whoever calls. */
export type ServerAction =
  /** Compacts: to this revision, or to the current one. */
  | { readonly kind: 'compact'; readonly revision?: number | undefined }
  /** Every token is forgotten: calls with one are refused as `invalid auth token` (Unauthenticated). */
  | { readonly kind: 'expire-tokens' }
  /** The auth revision moves on: calls with tokens of before are refused as `revision of auth store is old` (InvalidArgument). */
  | { readonly kind: 'bump-auth-revision' }
  /** Turns the clock of a server that was started with `clock: 'manual'`: leases, tokens and progress fall due. */
  | { readonly kind: 'advance-clock'; readonly byMs: number }
  /**
   * The store is what it was at this revision, as a member restored from an old backup is: later events never happened, and
   * nobody is told. Not below the compacted revision.
   */
  | { readonly kind: 'roll-back'; readonly revision: number }
  /**
   * Until `leader-back`: calls that ask for a leader (`hasleader`) are refused as `no leader` (Unavailable), streams that did are
   * ended with it, other calls but those of Maintenance and Health wait.
   */
  | { readonly kind: 'no-leader' }
  | { readonly kind: 'leader-back' };

/** What happens to all connections of an endpoint, or of all of them. */
export type ConnectionAction =
  /** Every connection is lost without a word. */
  | { readonly kind: 'cut-connections' }
  /** Clients are told (HTTP/2 GOAWAY) to open no more calls on their connections; those that are open go on. */
  | { readonly kind: 'go-away-all' };

/** What happens to one call. */
export type CallAction =
  /** Ends it with this status; at `applied`, what it asked for has been done all the same. */
  | { readonly kind: 'refuse'; readonly code: number; readonly text: string }
  /** At `call` and `applied` of unary calls: time passes first. By the machine's clock. */
  | { readonly kind: 'delay'; readonly byMs: number }
  /** `call`: resets a stream, without a status. `connection`: its connection is lost, with all that is open on it; unary calls always. */
  | { readonly kind: 'cut'; readonly what: 'call' | 'connection' }
  /** No more answers on it, until the faults are cleared; then what was held back leaves. The call stays open. */
  | { readonly kind: 'stall' }
  /** GOAWAY on its connection. */
  | { readonly kind: 'go-away' };

/** What a fault does. */
export type FaultAction = CallAction | ServerAction;

/** One fault: at this moment of calls of this method, do that. */
export interface Fault {
  /** Such as `KV/Put`, `Watch/Watch`, `Lease/LeaseKeepAlive`; `*` is every method. */
  readonly rpc: string;
  readonly at: FaultMoment;
  readonly action: FaultAction;
  /** Only for calls over this endpoint, as {@link FaultKit} and the server give it. Default: all. */
  readonly endpoint?: string | undefined;
  /** So many moments pass unharmed first. Default 0. */
  readonly skip?: number | undefined;
  /** How often it strikes. Default 1; `Infinity` is always. */
  readonly times?: number | undefined;
}

/** A change of a key, as the ledger has it. */
export interface LedgerEvent {
  readonly type: 'put' | 'delete';
  readonly revision: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** What the server's thread is asked by a kit. */
export type FaultCommand =
  | { readonly kind: 'inject'; readonly id: number; readonly fault: Fault }
  | { readonly kind: 'remove'; readonly id: number }
  | { readonly kind: 'clear' }
  | { readonly kind: 'strikes'; readonly id: number }
  | { readonly kind: 'act'; readonly action: ServerAction | ConnectionAction; readonly endpoint: string | undefined }
  | { readonly kind: 'listen'; readonly host: string; readonly port: number }
  | { readonly kind: 'start-ledger' }
  | { readonly kind: 'read-ledger' };

/** What a command gives. */
export type FaultResult = number | string | readonly LedgerEvent[] | undefined;
