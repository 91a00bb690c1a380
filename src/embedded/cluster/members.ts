/**
 * The members that the embedded server says there are: itself, and whatever is added, in memory. Nobody ever starts behind an
 * added member. Server thread; pure.
 */
import { randomBytes } from 'node:crypto';
import { GrpcStatus } from '../../wire/server-errors.js';
import { ERROR_TEXTS } from '../error-texts.js';
import { failure, RpcFailure } from '../rpc-failure.js';
import { readPeerUrls } from './peer-urls.js';

export interface Member {
  /** 64 bits, unsigned. */
  readonly id: bigint;
  /** Empty: it has not started. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** How many learners etcd 3.5 takes. */
const MOST_LEARNERS = 1;

export class Members {
  readonly #self: bigint;
  readonly #members: Map<bigint, Member>;

  constructor(self: Member) {
    this.#self = self.id;
    this.#members = new Map([[self.id, self]]);
  }

  /** In order of their ids. */
  list(): Member[] {
    return [...this.#members.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  /** The endpoints of this member, once its listeners are open. */
  setClientUrls(clientUrls: readonly string[]): void {
    const self = this.#members.get(this.#self);
    if (self !== undefined) this.#members.set(self.id, { ...self, clientUrls });
  }

  /** Gives a new member, to be added. What it is refused for here comes before the caller's permissions. */
  propose(peerUrls: readonly string[], isLearner: boolean): Member {
    const urls = readPeerUrls(peerUrls);
    if (urls === undefined) throw failure('memberBadURLs');
    return { id: randomBytes(8).readBigUInt64BE(), name: '', peerUrls: urls, clientUrls: [], isLearner };
  }

  add(member: Member): void {
    const voting = this.#voting();
    const started = voting.filter(({ name }) => name !== '').length;
    // etcd lets a single member have a second one, though the cluster then waits for it.
    const enough = voting.length === 1 || started >= Math.floor((voting.length + 1) / 2) + 1;
    if (!member.isLearner && !enough) throw notEnoughStarted();
    if (started < voting.length) throw failure('unhealthy');
    if (this.#known(member.peerUrls)) throw failure('peerURLExist');
    const learners = this.list().filter(({ isLearner }) => isLearner).length;
    if (member.isLearner && learners >= MOST_LEARNERS) throw failure('tooManyLearners');
    this.#members.set(member.id, member);
  }

  remove(id: bigint): void {
    if (this.#members.get(id)?.isLearner !== true) {
      const others = this.#voting().filter((member) => member.id !== id);
      const started = others.filter(({ name }) => name !== '').length;
      if (started < Math.floor(others.length / 2) + 1) throw notEnoughStarted();
    }
    if (!this.#members.delete(id)) throw failure('memberNotFound');
  }

  /** etcd does not look into the URLs here. */
  update(id: bigint, peerUrls: readonly string[]): void {
    const member = this.#members.get(id);
    if (member === undefined) throw failure('memberNotFound');
    if (this.#known(peerUrls, id)) throw failure('peerURLExist');
    // etcd 3.5 forgets with it that a member is a learner.
    this.#members.set(id, { ...member, peerUrls: [...peerUrls], isLearner: false });
  }

  /** A learner here never catches up: there is no process behind it. */
  promote(id: bigint): never {
    const member = this.#members.get(id);
    if (member === undefined) throw failure('memberNotFound');
    throw failure(member.isLearner ? 'learnerNotReady' : 'memberNotLearner');
  }

  /** Whether the leadership could be moved there. */
  mayLead(id: bigint): boolean {
    return this.#members.get(id)?.isLearner === false;
  }

  #voting(): Member[] {
    return this.list().filter(({ isLearner }) => !isLearner);
  }

  #known(peerUrls: readonly string[], except?: bigint): boolean {
    return this.list().some(({ id, peerUrls: urls }) => id !== except && urls.some((url) => peerUrls.includes(url)));
  }
}

/** Without the status that the same text has elsewhere. */
function notEnoughStarted(): RpcFailure {
  return new RpcFailure(GrpcStatus.UNKNOWN, ERROR_TEXTS.memberNotEnoughStarted.text);
}
