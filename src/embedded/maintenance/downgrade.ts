/**
 * The answers of etcd 3.5 to a downgrade, which never happens: this server has one version. Server thread; pure.
 */
import { GrpcStatus } from '../../wire/server-errors.js';
import { failure, RpcFailure } from '../rpc-failure.js';

/** What the server says it is. */
export const SERVER_VERSION = '3.5.16';
/** The version of its cluster. */
export const CLUSTER_VERSION = '3.5.0';

/** A version as Go's semver package reads it, once a missing third part is added. */
const VERSION = /^(\d+)\.(\d+)(?:\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)?$/;
const TARGET = { major: 3, minor: 4 } as const;

export class Downgrade {
  #enabled = false;

  /** Gives the cluster's version for a target to which it could go. */
  validate(version: string): string {
    const parts = VERSION.exec(version);
    if (parts === null) throw failure('wrongDowngradeVersionFormat');
    if (Number(parts[1]) !== TARGET.major || Number(parts[2]) !== TARGET.minor)
      throw failure('invalidDowngradeTargetVersion');
    if (this.#enabled) throw failure('downgradeInProcess');
    return CLUSTER_VERSION;
  }

  /** etcd 3.5 does start it, and then answers, seven seconds later, what is answered here at once. */
  enable(version: string): never {
    this.validate(version);
    this.#enabled = true;
    throw failure('timeout');
  }

  /** The same. */
  cancel(): never {
    if (!this.#enabled) throw failure('noInflightDowngrade');
    this.#enabled = false;
    throw failure('timeout');
  }
}

/** An action that etcd does not know. */
export function unknownMethod(): RpcFailure {
  return new RpcFailure(GrpcStatus.UNKNOWN, 'etcdserver: unknown method');
}
