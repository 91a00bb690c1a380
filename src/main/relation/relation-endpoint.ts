/**
 * What every endpoint class of the relation layer (EtcdRequires, EtcdProvides, and those of etcd_client) shows to the
 * dispatcher and to the engine. Main thread; types only.
 */
import type { JujuBackend } from './backend.js';

/** The section of the charm's metadata that an endpoint stands in. */
export type EndpointRole = 'requires' | 'provides' | 'peers';

/** Where one endpoint stands in the charm's metadata. */
export interface EndpointDeclaration {
  /** Its name, such as `etcd` or `db`. */
  readonly name: string;
  readonly role: EndpointRole;
  /** The interface's name, such as `etcd` or `etcd_client`. */
  readonly interface: string;
}

/** An event that an endpoint derived from what changed since the last successful hook; a union on `type`. */
export interface EndpointEvent {
  readonly type: string;
}

/** One endpoint of the charm, read anew at every hook. */
export interface RelationEndpoint<Event extends EndpointEvent = EndpointEvent> extends EndpointDeclaration {
  /**
   * Reads the relation data and derives {@link flags} and {@link events} from it. Accessors answer from what was read
   * last. A relation that vanished meanwhile, or a secret that may not be read yet, is «not ready», not an error.
   */
  refresh(): Promise<void>;
  /** The full names of the flags that hold, such as `etcd.available`. */
  readonly flags: ReadonlySet<string>;
  /** Every flag name that this endpoint may ever set; only it sets them. */
  readonly ownFlags: readonly string[];
  /** What changed between the last committed hook and the last {@link refresh}, in order. */
  readonly events: readonly Event[];
  /** Remembers (as hashes) what was read last, so that the next hook tells what changed. Called once, when all handlers are done. */
  commit(): Promise<void>;
}

/** PEM texts for one connection. `cert` and `key` are both there or both missing. */
export interface RelationTls {
  readonly ca: string;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** Where etcd is and how to get in, from one relation, never mixed from two units. */
export interface EtcdConnectionInfo {
  /** `https://host:port`, in the provider's order, each once. Never empty. */
  readonly endpoints: readonly string[];
  /** The server's version, where the provider tells it; without it etcd 2 must be assumed. */
  readonly version: string | undefined;
  readonly tls: RelationTls | undefined;
  /**
   * False while only a part of the credentials is there: a key without its certificate, or (`etcd_client`) no own certificate
   * or no authorities yet. An engine waits then, or goes on with what it has.
   */
  readonly isComplete: boolean;
  /** The etcd user that the client certificate stands for, where the provider tells it. */
  readonly username: string | undefined;
  readonly source: {
    readonly protocol: 'etcd' | 'etcd_client/v0' | 'etcd_client/v1';
    readonly relationId: string;
    /** The unit or application whose data this is. */
    readonly member: string;
  };
}

/** A requiring endpoint, as the engine follows it. */
export interface EtcdConnectionSource extends RelationEndpoint {
  /** What was read last, or `undefined` while etcd is not available on this endpoint. */
  connection(): EtcdConnectionInfo | undefined;
  /**
   * See {@link RelationEndpoint.refresh}.
   *
   * @param backend the hook to read in from now on, where one process lives through several; default: the same as before.
   */
  refresh(backend?: JujuBackend): Promise<void>;
  /**
   * Calls `listener` after each {@link refresh} that changed what {@link connection} answers, in its turn, with the new
   * answer. What a listener throws is an uncaught exception of the process, in a later turn; the others are told all the same.
   *
   * @returns ends the calls.
   */
  onConnection(listener: (connection: EtcdConnectionInfo | undefined) => void): () => void;
}
