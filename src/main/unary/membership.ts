/**
 * Asks a member which cluster it belongs to, before the first call is sent to it. Main thread. A write that reached another
 * cluster could not be taken back.
 */
import { EtcdError, otherCluster, toEtcdError } from '../../wire/errors.js';
import type { GrpcConnection, Metadata } from '../../grpc/grpc-connection.js';
import { memberStatus, statusRefusal } from '../../member/member-status.js';
import type { ClusterPin } from './cluster-pin.js';

/**
 * Resolves when the member may be used: true where it need not be asked again, since it belongs to the cluster or never tells;
 * false where it did not tell this time, for want of a token that is good: it refuses what is asked of it for the same reason.
 *
 * @throws EtcdError `cluster-mismatch`; or why it could not be asked, always as `not-sent`: of the call itself nothing was.
 */
export async function askMembership(
  connection: GrpcConnection,
  timeoutMs: number,
  metadata: Metadata,
  pin: ClusterPin,
): Promise<boolean> {
  const endpoint = connection.endpoint.text;
  let clusterId: bigint;
  try {
    clusterId = (await memberStatus(connection, timeoutMs, metadata)).header.clusterId;
  } catch (thrown) {
    if (statusRefusal(thrown) !== undefined) return true;
    const error = toEtcdError(thrown, 'malformed-response');
    if (error.code === 'unauthenticated') return false;
    throw new EtcdError(error.message, {
      code: error.code === 'timeout' ? 'unavailable' : error.code,
      grpcStatus: error.grpcStatus,
      outcome: 'not-sent',
      retryable: true,
      endpoint,
      cause: error.cause,
    });
  }
  if (!pin.admits(clusterId)) throw otherCluster(endpoint);
  return true;
}
