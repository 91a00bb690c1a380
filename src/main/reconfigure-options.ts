/** The options of `etcd.reconfigure`, what they become, and what it answers. Main thread. Reads files; contacts nothing. */
import type { ConnectionSettings } from '../wire/connection-settings.js';
import { parseEndpoints } from '../wire/endpoint.js';
import { refusePlainWithTls } from './connect-options.js';
import { checkOptions, choiceRule, invalidOption, signalRule } from '../wire/arguments.js';
import { authRule, resolveAuth, type AuthFunction, type AuthOptions, type ResolvedAuth } from './auth/auth-options.js';
import { readTls, tlsRule, type TlsOptions } from './tls-options.js';

/** Options of {@link Etcd.reconfigure}. What is left out stays as it is. */
export interface ReconfigureOptions {
  /** The members, all of them, as in `connect`. */
  readonly endpoints?: string | readonly string[] | undefined;
  /** The certificates, all of them, as in `connect`; `null` for none any more. */
  readonly tls?: TlsOptions | null | undefined;
  /** Who this is from now on, as in `connect`; `null` for nobody. Streams that were opened as somebody else are left. */
  readonly auth?: AuthOptions | AuthFunction | null | undefined;
  /**
   * What to do when no member answers with the new settings: `'refuse'` them (default; nothing changes), or `'apply'` them:
   * streams that still work go on until one answers, and kv calls wait for it.
   */
  readonly unreachable?: 'refuse' | 'apply' | undefined;
  /** Gives up before anything has changed. Later it has no effect. */
  readonly signal?: AbortSignal | undefined;
}

/** What came of {@link Etcd.reconfigure}. */
export interface ReconfigureResult {
  /** False where the settings were these already. */
  readonly changed: boolean;
  /** The endpoints from now on. */
  readonly endpoints: readonly string[];
  /** Those that answered with the new settings; none where they were applied without an answer, or nothing changed. */
  readonly answered: readonly string[];
}

/** New settings and login, and the option that certificates came from, so that its files can be read again. */
export interface ResolvedChange {
  readonly settings: ConnectionSettings;
  readonly tls: TlsOptions | undefined;
  readonly auth: ResolvedAuth | undefined;
}

/**
 * Checks the options and makes the new settings from them and the present ones.
 *
 * @throws EtcdError `invalid-argument`, as `connect`.
 */
export async function resolveChange(
  given: ReconfigureOptions,
  present: ResolvedChange,
  what: string,
): Promise<ResolvedChange> {
  checkOptions<ReconfigureOptions>(
    given,
    {
      endpoints: () => undefined, // parseEndpoints checks and explains them
      tls: (value, name) => {
        if (value !== null) tlsRule(value, name);
      },
      auth: (value, name) => {
        if (value !== null) authRule(value, name);
      },
      unreachable: choiceRule('refuse', 'apply'),
      signal: signalRule,
    },
    what,
  );
  if (given.endpoints === undefined && given.tls === undefined && given.auth === undefined)
    throw invalidOption(`${what}: endpoints, tls or auth must be given`);
  const endpoints = given.endpoints === undefined ? present.settings.endpoints : parseEndpoints(given.endpoints, what);
  const tls = given.tls === undefined ? present.tls : (given.tls ?? undefined);
  if (tls !== undefined) refusePlainWithTls(endpoints, what);
  const material =
    given.tls === undefined ? present.settings.tls : tls === undefined ? undefined : await readTls(tls, what);
  const auth =
    given.auth === undefined ? present.auth : given.auth === null ? undefined : await resolveAuth(given.auth, what);
  return { settings: { ...present.settings, endpoints, tls: material }, tls, auth };
}
