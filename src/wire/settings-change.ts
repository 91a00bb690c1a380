/** What a change of settings means for connections that are open: which are as good as before, and which are to be left. Pure. */
import type { ConnectionSettings, Endpoint, TlsMaterial } from './connection-settings.js';

/** Whether a connection to this endpoint, made with `before`, is one that `after` would make as well. */
export function keepsConnection(endpoint: Endpoint, before: ConnectionSettings, after: ConnectionSettings): boolean {
  if (!after.endpoints.some((other) => sameAddress(other, endpoint))) return false;
  return !endpoint.tls || sameTls(before.tls, after.tls);
}

/** Whether both lead to the same members with the same credentials; the order of endpoints does not count. */
export function sameSettings(before: ConnectionSettings, after: ConnectionSettings): boolean {
  const has = (endpoints: readonly Endpoint[], wanted: Endpoint): boolean =>
    endpoints.some((endpoint) => sameAddress(endpoint, wanted));
  return (
    sameTls(before.tls, after.tls) &&
    before.endpoints.every((endpoint) => has(after.endpoints, endpoint)) &&
    after.endpoints.every((endpoint) => has(before.endpoints, endpoint))
  );
}

/** Whether both are written differently at most. */
export function sameAddress(left: Endpoint, right: Endpoint): boolean {
  if (left.tls !== right.tls) return false;
  if (left.kind === 'tcp') return right.kind === 'tcp' && left.host === right.host && left.port === right.port;
  return right.kind === 'unix' && left.path === right.path;
}

export function sameTls(left: TlsMaterial | undefined, right: TlsMaterial | undefined): boolean {
  return (
    left?.ca === right?.ca &&
    left?.cert === right?.cert &&
    left?.key === right?.key &&
    left?.serverName === right?.serverName &&
    (left?.insecureSkipVerify ?? false) === (right?.insecureSkipVerify ?? false)
  );
}
