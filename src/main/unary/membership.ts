/**
 * Asks a member which cluster it belongs to, before the first call is sent to it. Main thread. A write that reached another
 * cluster could not be taken back.
 */
import { EtcdError, otherCluster } from '../../wire/errors.js';
import { bigintFromLong } from '../../wire/int64.js';
import type { CallScope } from './call-scope.js';
import type { ClusterPin } from './cluster-pin.js';
import { maintenanceMethods } from './etcd-methods.js';
import type { MemberChannel } from './member-channel.js';
import { attemptCall } from './unary-call.js';

const { status } = maintenanceMethods;

/**
 * Resolves when the member may be used: it belongs to the cluster, or does not tell.
 *
 * @throws EtcdError `cluster-mismatch`; or why it could not be asked, always as `not-sent`: of the call itself nothing was.
 */
export async function askMembership(
  channel: MemberChannel,
  headers: Readonly<Record<string, string>>,
  pin: ClusterPin,
  scope: CallScope,
): Promise<void> {
  const attempt = {
    path: status.path,
    request: status.encode({}),
    headers,
    repeatable: true,
    mayMove: true,
    inquiry: true,
  };
  const endpoint = channel.endpoint.text;
  let clusterId: bigint;
  try {
    clusterId = bigintFromLong(status.decode(await attemptCall(channel, attempt, scope)).header?.clusterId);
  } catch (error) {
    scope.check();
    if (!(error instanceof EtcdError)) throw error;
    // Without the permission, or no real etcd: nothing to tell it by.
    if (['permission-denied', 'unauthenticated', 'unimplemented'].includes(error.code)) return;
    const { grpcStatus } = error;
    throw new EtcdError(error.message, {
      code: error.code === 'timeout' ? 'unavailable' : error.code,
      grpcStatus,
      outcome: 'not-sent',
      retryable: true,
      endpoint,
      cause: error.cause,
    });
  }
  if (!pin.admits(clusterId)) throw otherCluster(endpoint);
}
