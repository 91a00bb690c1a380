/** The etcd under load: one of the bench's own, fresh, in memory and without fsync where it can; or the one that is given. */
import { findEtcd } from '../../test/support/find-etcd.js';
import { EtcdProcess } from '../../test/support/etcd.js';

export interface Server {
  readonly endpoint: string;
  /** Undefined where it was not started here. */
  readonly version: string | undefined;
  /** The store is empty: its history begins at revision 1. */
  readonly isFresh: boolean;
  close(): Promise<void>;
}

const QUOTA_BYTES = 8 * 1024 ** 3;

/** Whether the bench can start an etcd; else says how to get one. */
export function checkEtcd(): void {
  if (findEtcd() !== undefined) return;
  throw new Error(
    'no etcd found: set ETCD_BIN to an etcd binary, put it on PATH, or give --endpoints of a running one (its keys below bench-… are written)',
  );
}

export async function startServer(givenEndpoint: string | undefined): Promise<Server> {
  if (givenEndpoint !== undefined) {
    const endpoint = givenEndpoint.includes('://') ? givenEndpoint : `http://${givenEndpoint}`;
    return { endpoint, version: undefined, isFresh: false, close: async () => undefined };
  }
  const etcd = await EtcdProcess.start({ quiet: true, quotaBytes: QUOTA_BYTES });
  return { endpoint: etcd.endpoint, version: etcd.version, isFresh: true, close: () => etcd.close() };
}
