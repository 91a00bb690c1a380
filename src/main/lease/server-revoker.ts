/** Revokes leases that no shard holds, by calls of their own. Internal to the lease service; main thread. */
import { EtcdError } from '../../wire/errors.js';
import type { CallLimit } from './call-limit.js';
import type { LeaseRpc } from './lease-rpc.js';

/** Revocations on their way at once. */
const WINDOW = 32;

export class ServerRevoker {
  readonly #rpc: LeaseRpc;
  #isClosed = false;

  constructor(rpc: LeaseRpc) {
    this.#rpc = rpc;
  }

  /** @throws EtcdError `lease-not-found` where the server does not know it. */
  async one(leaseId: bigint, limit: CallLimit): Promise<void> {
    if (this.#isClosed) throw new EtcdError('the engine is closed', { code: 'closed', outcome: 'not-sent' });
    limit.refuseLate('the revocation');
    await this.#rpc.revoke(leaseId, limit.callOptions());
  }

  /** Those that are gone already count as revoked. @throws EtcdError the first failure, after all were tried. */
  async many(leaseIds: readonly bigint[], limit: CallLimit): Promise<void> {
    const left = [...leaseIds];
    let failure: { readonly error: unknown } | undefined;
    const work = async (): Promise<void> => {
      for (let leaseId = left.pop(); leaseId !== undefined; leaseId = left.pop()) {
        await this.one(leaseId, limit).catch((error: unknown) => {
          if (!(error instanceof EtcdError && error.code === 'lease-not-found')) failure ??= { error };
        });
      }
    };
    await Promise.all(Array.from({ length: Math.min(WINDOW, left.length) }, work));
    if (failure !== undefined) throw failure.error;
  }

  close(): void {
    this.#isClosed = true;
  }
}
