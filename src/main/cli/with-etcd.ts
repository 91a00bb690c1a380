/** Connects for a command, and closes again whatever happens. */
import type { ConnectOptions, Etcd, TransportKind } from '../index.js';
import { connectionSettings, type ConnectionFlags } from './connection-flags.js';
import { authOf } from './login.js';
import type { Session } from './session.js';

export interface EngineFlags {
  readonly shards: number | 'inline' | undefined;
  readonly transport?: TransportKind | undefined;
}

/** For commands that watch nothing: no thread is needed. */
export const NO_THREADS: EngineFlags = { shards: 'inline' };

/**
 * @param use what the command does, given what it was connected with; ends soon when `session.stop.signal` fires.
 * @param env the environment to read; the session's unless told otherwise.
 */
export async function withEtcd(
  session: Session,
  flags: ConnectionFlags,
  engine: EngineFlags,
  use: (etcd: Etcd, options: ConnectOptions) => Promise<number>,
  env: NodeJS.ProcessEnv = session.env,
): Promise<number> {
  const { options: given, login, words, notes } = connectionSettings(flags, env);
  // Where the environment is not read it is no place to give endpoints.
  session.words = env === session.env ? words : { ...words, whereEndpoints: '--endpoints' };
  for (const line of notes) session.output.note(`vigil: ${line}`);
  const options = { ...given, auth: await authOf(login, session) };
  // Loaded only now: the engine is most of the start, and help and refusals need nothing of it.
  const { connect } = await import('../index.js');
  const etcd = await connect({ ...options, ...engine, signal: session.stop.signal });
  try {
    return await use(etcd, options);
  } finally {
    await etcd.close();
  }
}
