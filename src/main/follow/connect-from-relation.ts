/** An engine that follows a relation within this process. Main thread. */
import { methodsRule } from '../../wire/arguments.js';
import type { Etcd } from '../etcd.js';
import type { EtcdConnectionSource } from '../relation/relation-endpoint.js';
import { offerOfRelation } from './connection-offer.js';
import { checkFollowOptions, connectFollowing, type FollowOptions } from './follower.js';

/**
 * Connects to the etcd that a requiring endpoint offers (`EtcdRequires`, `EtcdClientRequires` of etcd-vigil/relation), and follows
 * it: whenever its `refresh()` finds other endpoints or credentials, they are replaced in place. Each later hook calls
 * `refresh(backend)` with its own backend. Waits while etcd is not available there, or its credentials are not complete; `signal` ends
 * that. A broken relation is told by `settings-withdrawn`, and everything goes on with the last settings; see
 * {@link connectFromFile}, which also is what a charm's service needs: hooks do not live long enough.
 *
 * @throws EtcdError as `connect`.
 */
export async function connectFromRelation(
  requires: Pick<EtcdConnectionSource, 'connection' | 'onConnection'>,
  options: FollowOptions = {},
): Promise<Etcd> {
  methodsRule('a requiring endpoint', 'connection', 'onConnection')(requires, 'connectFromRelation: requires');
  checkFollowOptions(options, 'connectFromRelation');
  return connectFollowing(
    {
      name: 'relation',
      follow: (take) => {
        const now = requires.connection(); // first: where it throws, nothing is left behind
        const stop = requires.onConnection((connection) => take(offerOfRelation(connection, options.tls)));
        take(offerOfRelation(now, options.tls));
        return stop;
      },
    },
    options,
  );
}
