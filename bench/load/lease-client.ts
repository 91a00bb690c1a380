/** What the bench asks of a client that keeps leases. One implementation a client, in clients/. */

export interface LeaseCounts {
  /** Renewals answered since the client was made. */
  readonly keepAlives: number;
  /** Leases that the client itself calls lost. */
  readonly lost: number;
}

export interface LeaseClient {
  /** Connects and makes sure that the connection works; not part of any figure. */
  connect(endpoint: string): Promise<void>;
  /** Grants so many leases and keeps them alive from then on. Gives how many it got. */
  grant(count: number, ttlSeconds: number): Promise<number>;
  counts(): Promise<LeaseCounts>;
  close(): Promise<void>;
}
