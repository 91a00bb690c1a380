/** Logs in over the connections of kv calls: whichever member answers. Main thread. */
import { loginFailure } from '../../member/authenticate.js';
import { toEtcdError } from '../../wire/errors.js';
import type { HeldToken, Login } from '../../wire/shard-auth.js';
import { authMethods } from '../unary/etcd-methods.js';
import type { UnaryCaller } from '../unary/unary-method.js';

/**
 * Gets a token, or finds that none is needed.
 *
 * @throws EtcdError `unauthenticated` where the cluster does not accept this; otherwise why it could not be asked.
 */
export async function authenticate(unary: UnaryCaller, login: Login): Promise<HeldToken> {
  try {
    return await unary.call(authMethods.authenticate, login, {
      anonymous: true,
      repeatable: true,
      requireLeader: true,
    });
  } catch (thrown) {
    const failure = loginFailure(toEtcdError(thrown));
    if (failure.kind === 'unneeded') return { kind: 'unneeded' };
    throw failure.error;
  }
}
