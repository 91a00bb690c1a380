/**
 * The header of the server's answers: who answers, at which revision. Server thread; pure.
 */
import type { etcdserverpb as rpc } from '../generated/etcd.js';
import { longFromId, longFromNumber, type Long } from './long.js';

/** What a header says of the server itself. */
export interface ServerIdentity {
  /** 64 bits, unsigned. */
  readonly clusterId: bigint;
  /** 64 bits, unsigned. */
  readonly memberId: bigint;
  readonly raftTerm: number;
}

/** Makes headers. */
export class ResponseHeaders {
  readonly #clusterId: Long;
  readonly #memberId: Long;
  readonly #raftTerm: Long;
  readonly #revision: () => number;

  /** @param revision the store's current one. */
  constructor(identity: ServerIdentity, revision: () => number) {
    this.#clusterId = longFromId(identity.clusterId, true);
    this.#memberId = longFromId(identity.memberId, true);
    this.#raftTerm = longFromNumber(identity.raftTerm);
    this.#revision = revision;
  }

  /** A header with the store's current revision. */
  now(): rpc.ResponseHeader.$Properties {
    return this.at(this.#revision());
  }

  /** A header with a given revision (0 in a few of etcd's answers). */
  at(revision: number): rpc.ResponseHeader.$Properties {
    return {
      clusterId: this.#clusterId,
      memberId: this.#memberId,
      revision: longFromNumber(revision),
      raftTerm: this.#raftTerm,
    };
  }
}
