/**
 * How to reach etcd, as both sides of the port see it: parsed endpoints, TLS material as PEM text, and the limits of
 * the transport. Plain data that survives a structured clone; made and checked by main, only read by shards.
 */

/** One etcd member's client address. */
export type Endpoint =
  | {
      readonly kind: 'tcp';
      readonly tls: boolean;
      readonly host: string;
      readonly port: number;
      /** As the caller wrote it, for messages and stats. */
      readonly text: string;
    }
  | {
      readonly kind: 'unix';
      readonly tls: boolean;
      /** Path of the socket, absolute or relative to the working directory. */
      readonly path: string;
      readonly text: string;
    };

/** TLS material as PEM text. Never logged, never part of an error message. */
export interface TlsMaterial {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name to check the server's certificate against (and to send as SNI) instead of the endpoint's host. */
  readonly serverName?: string | undefined;
  /** Accept any certificate. For tests only. */
  readonly insecureSkipVerify?: boolean | undefined;
}

/** Which implementation carries the streams of a shard. */
export type TransportKind = 'http2' | 'grpc-js';

/** Everything a shard needs to know to connect. */
export interface ConnectionSettings {
  readonly endpoints: readonly Endpoint[];
  readonly tls: TlsMaterial | undefined;
  readonly transport: TransportKind;
  /** Limit for one connection attempt: TCP, TLS, and the peer's first SETTINGS frame. */
  readonly connectTimeoutMs: number;
  /** A PING is sent this long after the last one was answered, while streams are open. */
  readonly pingIntervalMs: number;
  /** A connection whose PING is not answered within this is given up. */
  readonly pingTimeoutMs: number;
  /** HTTP/2 receive window of one stream. */
  readonly streamWindowBytes: number;
  /** HTTP/2 receive window of one connection. */
  readonly connectionWindowBytes: number;
  /** The largest gRPC message accepted. */
  readonly maxMessageBytes: number;
  /** The cluster that these endpoints are to belong to, once it is known: a member of another one is refused. */
  readonly clusterId?: bigint | undefined;
  /**
   * Endpoints (their texts) that came by a change of settings and have not been seen to belong to that cluster: another cluster
   * behind them is never taken for the old one made anew.
   */
  readonly strangers?: readonly string[] | undefined;
}
