/** Whether the members that were asked are of one cluster. Main thread; pure. */
import { EtcdError } from '../../wire/errors.js';
import type { MemberReport } from './probe.js';

/**
 * The one cluster that all members which answered belong to; undefined where none tells.
 *
 * @param known the one that they have to belong to.
 * @throws EtcdError `cluster-mismatch`, naming the endpoints.
 */
export function oneCluster(
  reports: readonly MemberReport[],
  known: bigint | undefined,
  what: string,
): bigint | undefined {
  const told = reports.filter((report) => report.kind === 'answered').filter(({ clusterId }) => clusterId !== 0n);
  const first = known ?? told[0]?.clusterId;
  const others = told.filter(({ clusterId }) => clusterId !== first).map(({ endpoint }) => endpoint);
  if (others.length === 0) return first;
  const than = known === undefined ? `${String(told[0]?.endpoint)} does` : 'this engine works with';
  throw new EtcdError(
    `${what}: ${others.join(', ')} ${others.length === 1 ? 'belongs' : 'belong'} to another etcd cluster than ${than}; ` +
      'give endpoints of one cluster, or connect anew for another',
    { code: 'cluster-mismatch', outcome: 'not-sent', endpoint: others[0] },
  );
}
