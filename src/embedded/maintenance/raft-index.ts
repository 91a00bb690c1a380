/**
 * The index of the log that a real member would have: it counts what etcd would propose to raft. Server thread; pure. Only
 * Status and the tokens tell it.
 */

/** What a new single member has proposed before it serves: its configuration, its name, the cluster's version. */
const FIRST_INDEX = 4;

export class RaftIndex {
  #value = FIRST_INDEX;

  get value(): number {
    return this.#value;
  }

  /** One more proposal. Gives its index. */
  advance(): number {
    this.#value += 1;
    return this.#value;
  }
}
