/** What the store needs of leases. Pure. */

/** Who is told which lease a key has. Called inside a write, at the moment of the change. */
export interface LeaseBook {
  attach(leaseId: bigint, keyText: string): void;
  detach(leaseId: bigint, keyText: string): void;
}
