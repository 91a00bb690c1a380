/** Opens an engine: checks options, takes the name, contacts the cluster. Main thread. */
import { toEtcdError } from '../wire/errors.js';
import { refuseAborted } from './abort-link.js';
import { resolveConnectOptions, type ConnectOptions } from './connect-options.js';
import { freeName, registerName, reserveName } from './connection-registry.js';
import { Engine } from './engine.js';
import { Etcd } from './etcd.js';
import type { SettingsChanges } from './settings-changes.js';

/**
 * Connects to an etcd cluster and starts the worker threads. With `lazy: true` nothing is contacted or started until it is
 * needed.
 *
 * @throws EtcdError `invalid-argument` for an option that is not allowed (nothing was sent), `connect-failed` when no member
 *   answered within `connectTimeoutMs`, `unauthenticated` when the cluster does not accept `auth`, `cluster-mismatch` when members that answered belong to different clusters, `aborted` when the signal fired, `shard-failed` when a worker could not start.
 */
export async function connect(options: ConnectOptions): Promise<Etcd> {
  return openEtcd(options);
}

/** Connects; `follow` is given the way to change the settings later, and returns how to end that when the engine closes. */
export async function openEtcd(
  options: ConnectOptions,
  follow?: (changes: SettingsChanges) => () => void,
): Promise<Etcd> {
  const resolved = await resolveConnectOptions(options);
  const { signal } = options;
  refuseAborted(signal);
  const { name } = resolved;
  if (name !== undefined) reserveName(name);
  const free = (): void => {
    if (name !== undefined) freeName(name);
  };
  const engine = new Engine(resolved);
  try {
    if (!resolved.lazy) await engine.connect(signal);
  } catch (error) {
    await engine.close();
    free();
    throw toEtcdError(error);
  }
  // A closed engine frees its name once: another one may have taken it since.
  let isFreed = false;
  const etcd = new Etcd(engine, () => {
    if (!isFreed) free();
    isFreed = true;
  });
  if (follow !== undefined) engine.settings.onClosed(follow(engine.settings));
  if (name !== undefined) registerName(name, etcd);
  return etcd;
}
