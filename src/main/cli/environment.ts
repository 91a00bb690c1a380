/**
 * The variables of the environment that a command reads: ETCD_ENDPOINTS, and etcdctl's where they have a meaning here, in
 * etcdctl's own notation. Pure. Values are never repeated in a message.
 */
import { DURATION_FORMS, durationMs, LONGEST_MS } from './duration-text.js';
import { usageError } from './failure.js';

export interface Environment {
  readonly endpoints: { readonly name: string; readonly text: string } | undefined;
  readonly cacert: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** With the password behind a colon, or without one. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly skipVerify: boolean;
  /** False where an endpoint without a scheme shall be spoken to over TLS. */
  readonly isPlain: boolean;
  readonly dialTimeoutMs: number | undefined;
  readonly commandTimeoutMs: number | undefined;
  readonly keepAliveTimeMs: number | undefined;
  readonly keepAliveTimeoutMs: number | undefined;
}

/** etcd ends connections that ping more often. */
const SHORTEST_PING_MS = 5_000;
const SHORTEST_PING_TIMEOUT_MS = 100;

/**
 * @param isRead whether endpoints are taken from the environment, so that what is said of them there matters.
 * @throws EtcdError `invalid-argument` that names the variable.
 */
export function readEnvironment(env: NodeJS.ProcessEnv, isRead: boolean): Environment {
  const endpoints = (['ETCD_ENDPOINTS', 'ETCDCTL_ENDPOINTS'] as const)
    .map((name) => ({ name, text: given(env, name) ?? '' }))
    .find(({ text }) => text !== '');
  if (isRead && endpoints === undefined && given(env, 'ETCDCTL_DISCOVERY_SRV') !== undefined)
    throw usageError('ETCDCTL_DISCOVERY_SRV is set, and endpoints are not looked up in the DNS: give --endpoints');
  return {
    endpoints,
    cacert: given(env, 'ETCDCTL_CACERT'),
    cert: given(env, 'ETCDCTL_CERT'),
    key: given(env, 'ETCDCTL_KEY'),
    user: given(env, 'ETCDCTL_USER'),
    password: given(env, 'ETCDCTL_PASSWORD'),
    skipVerify: flag(env, 'ETCDCTL_INSECURE_SKIP_TLS_VERIFY') ?? false,
    isPlain: flag(env, 'ETCDCTL_INSECURE_TRANSPORT') ?? true,
    dialTimeoutMs: time(env, 'ETCDCTL_DIAL_TIMEOUT', 1),
    commandTimeoutMs: time(env, 'ETCDCTL_COMMAND_TIMEOUT', 1),
    keepAliveTimeMs: time(env, 'ETCDCTL_KEEPALIVE_TIME', SHORTEST_PING_MS),
    keepAliveTimeoutMs: time(env, 'ETCDCTL_KEEPALIVE_TIMEOUT', SHORTEST_PING_TIMEOUT_MS),
  };
}

function given(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const text = env[name];
  // As etcdctl: set to nothing is not set.
  return text === '' ? undefined : text;
}

/** As Go's strconv.ParseBool. */
function flag(env: NodeJS.ProcessEnv, name: string): boolean | undefined {
  const text = given(env, name);
  if (text === undefined) return undefined;
  if (/^(?:1|t|T|TRUE|true|True)$/u.test(text)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/u.test(text)) return false;
  throw usageError(`${name} must be true or false`);
}

/** What is shorter than `shortestMs` is taken as that. */
function time(env: NodeJS.ProcessEnv, name: string, shortestMs: number): number | undefined {
  const text = given(env, name);
  if (text === undefined) return undefined;
  const totalMs = durationMs(text) ?? 0;
  if (totalMs <= 0 || totalMs > LONGEST_MS)
    throw usageError(`${name} must be a time such as ${DURATION_FORMS}, above 0 and at most 24 days`);
  return Math.max(shortestMs, Math.round(totalMs));
}
