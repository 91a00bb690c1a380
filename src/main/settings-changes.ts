/**
 * The settings of a running engine and the way to others: checked and tried first, then given to the unary client and to every
 * shard. One change at a time, in the order asked for. Main thread; owns the watch on certificate files.
 */
import type { ConnectionSettings } from '../wire/connection-settings.js';
import { EtcdError, toEtcdError } from '../wire/errors.js';
import type { HeldToken } from '../wire/shard-auth.js';
import { sameAddress, sameSettings, sameTls } from '../wire/settings-change.js';
import { refuseAborted } from './abort-link.js';
import { sameAuth } from './auth/auth-options.js';
import { authenticate } from './auth/authenticate.js';
import { probeAsUser } from './auth/log-in.js';
import { PasswordWatch } from './auth/password-watch.js';
import { TokenKeeper } from './auth/token-keeper.js';
import type { EngineStatus } from './engine-status.js';
import { FileWatch } from './file-watch.js';
import {
  resolveChange,
  type ReconfigureOptions,
  type ReconfigureResult,
  type ResolvedChange,
} from './reconfigure-options.js';
import type { SettingsSource } from './settings-source.js';
import { tlsFiles } from './tls-options.js';
import type { ClusterPin } from './unary/cluster-pin.js';
import { oneCluster } from './unary/one-cluster.js';
import type { MemberReport } from './unary/probe.js';
import { UnaryClient } from './unary/unary-client.js';

/** Where new settings are to be applied in any case, how long their members may take to say which cluster they are. */
const INQUIRY_MS = 1_000;

export interface SettingsOwner {
  /** The engine's. */
  readonly name: string | undefined;
  readonly pin: ClusterPin;
  /** Of the engine. */
  readonly tokens: TokenKeeper;
  /** @throws EtcdError `closed`. */
  refuseClosed(): void;
  /** Gives new settings to whoever connects. `answered`: endpoints that showed to belong to the cluster. */
  apply(settings: ConnectionSettings, answered: readonly string[]): void;
  publish(status: EngineStatus): void;
}

export class SettingsChanges {
  readonly #owner: SettingsOwner;
  #present: ResolvedChange;
  #last: Promise<unknown> = Promise.resolve();
  #files: FileWatch | undefined;
  #passwordFile: PasswordWatch | undefined;
  /** What new settings are being tried with. */
  #asking: UnaryClient | undefined;
  /** The last refusal of what certificate files hold: told once. */
  #refusedFiles: string | undefined;
  #isClosed = false;
  #onClosed: () => void = () => undefined;

  constructor(present: ResolvedChange, owner: SettingsOwner) {
    this.#owner = owner;
    this.#present = present;
    this.#watchFiles();
    this.#watchPassword();
  }

  /** The newest. */
  get settings(): ConnectionSettings {
    return this.#present.settings;
  }

  /** The cluster has become known: every shard is to stay with it. */
  pinned(clusterId: bigint): void {
    this.#take({ ...this.#present, settings: { ...this.settings, clusterId } }, []);
  }

  /** See {@link Etcd.reconfigure}. */
  change(given: ReconfigureOptions, source: SettingsSource): Promise<ReconfigureResult> {
    const changed = this.#last.then(async () => {
      this.#owner.refuseClosed();
      try {
        return await this.#change(given, source);
      } catch (thrown) {
        const error = toEtcdError(thrown);
        if (error.code !== 'aborted' && error.code !== 'closed') this.refused(source, error);
        throw error;
      }
    });
    this.#last = changed.catch(() => undefined);
    return changed;
  }

  /** What was to be followed cannot be used; everything goes on as it is. */
  refused(source: SettingsSource, error: EtcdError): void {
    this.#owner.publish({ type: 'settings-refused', source, error });
  }

  /** What is followed offers no connection any more. */
  withdrawn(source: SettingsSource): void {
    this.#owner.publish({ type: 'settings-withdrawn', source });
  }

  /** What is followed offers again what is in use. */
  restored(source: SettingsSource): void {
    this.#owner.publish({ type: 'settings-restored', source });
  }

  /** Calls once when the engine closes. */
  onClosed(listener: () => void): void {
    this.#onClosed = listener;
  }

  close(): void {
    this.#isClosed = true;
    this.#onClosed();
    this.#files?.close();
    this.#passwordFile?.close();
    this.#asking?.close();
  }

  async #change(given: ReconfigureOptions, source: SettingsSource): Promise<ReconfigureResult> {
    const what = source === 'reconfigure' ? source : `reconfigure (${source})`;
    const present = this.#present;
    const next = await resolveChange(given, present, what);
    refuseAborted(given.signal);
    this.#owner.refuseClosed(); // files may have taken a while to read
    const endpoints = next.settings.endpoints.map(({ text }) => text);
    const hasNewAuth = !sameAuth(present.auth, next.auth);
    if (sameSettings(present.settings, next.settings) && !hasNewAuth) {
      this.#take({ ...next, settings: present.settings }, undefined);
      return { changed: false, endpoints: present.settings.endpoints.map(({ text }) => text), answered: [] };
    }
    const { reports, held } = await this.#ask(next, given, hasNewAuth);
    this.#owner.refuseClosed();
    const { pin } = this.#owner;
    const clusterId = oneCluster(reports, pin.known, what);
    const answered = reports.filter(({ kind }) => kind === 'answered').map(({ endpoint }) => endpoint);
    const isKnown = (text: string): boolean => {
      if (answered.includes(text)) return true;
      const endpoint = next.settings.endpoints.find((other) => other.text === text);
      return present.settings.endpoints.some(
        (before) =>
          endpoint !== undefined &&
          sameAddress(before, endpoint) &&
          present.settings.strangers?.includes(before.text) !== true,
      );
    };
    const strangers = endpoints.filter((text) => !isKnown(text));
    if (hasNewAuth) this.#owner.tokens.replace(next.auth, held);
    this.#take({ ...next, settings: { ...next.settings, clusterId, strangers } }, answered);
    if (clusterId !== undefined) pin.learn(clusterId);
    const credentials = hasNewAuth || !sameTls(present.settings.tls, next.settings.tls);
    this.#owner.publish({ type: 'settings-changed', source, endpoints, credentials, answered });
    return { changed: true, endpoints, answered };
  }

  /** Asks the members with the new settings and login, over connections of their own, who they are. */
  async #ask(
    { settings, auth }: ResolvedChange,
    { unreachable, signal }: ReconfigureOptions,
    hasNewAuth: boolean,
  ): Promise<{ readonly reports: MemberReport[]; readonly held: HeldToken }> {
    const isToApply = unreachable === 'apply';
    const timeoutMs = isToApply ? Math.min(settings.connectTimeoutMs, INQUIRY_MS) : settings.connectTimeoutMs;
    const tokens: TokenKeeper = hasNewAuth
      ? new TokenKeeper({ auth, authenticate: (login) => authenticate(unary, login), tell: () => undefined })
      : this.#owner.tokens;
    const unary = new UnaryClient({ settings, name: this.#owner.name, tokens });
    this.#asking = unary;
    try {
      return { reports: await probeAsUser(unary, tokens, { timeoutMs, signal }), held: tokens.held };
    } catch (error) {
      if (isToApply && error instanceof EtcdError && error.code === 'connect-failed')
        return { reports: [], held: tokens.held };
      throw error;
    } finally {
      this.#asking = undefined;
      unary.close();
    }
  }

  /** @param answered undefined where nobody needs to be told. */
  #take(next: ResolvedChange, answered: readonly string[] | undefined): void {
    const before = this.#present;
    this.#present = next;
    if (answered !== undefined) this.#owner.apply(next.settings, answered);
    if (before.tls !== next.tls) this.#watchFiles();
    if (before.auth !== next.auth) this.#watchPassword();
  }

  #watchPassword(): void {
    this.#passwordFile?.close();
    this.#passwordFile = undefined;
    const { auth } = this.#present;
    if (auth?.kind !== 'login' || auth.passwordFile === undefined || this.#isClosed) return;
    this.#passwordFile = new PasswordWatch(auth.passwordFile, {
      read: (password) => {
        if (this.#isClosed || password === auth.login.password) return;
        // The token that the old one gave is good for as long as servers take it.
        const changed = { ...auth, login: { ...auth.login, password } };
        this.#owner.tokens.passwordChanged(changed);
        this.#take({ ...this.#present, auth: changed }, undefined);
        const endpoints = this.settings.endpoints.map(({ text }) => text);
        this.#owner.publish({
          type: 'settings-changed',
          source: 'password-file',
          endpoints,
          credentials: true,
          answered: [],
        });
      },
      refused: (error) => this.refused('password-file', error),
    });
  }

  #watchFiles(): void {
    this.#files?.close();
    this.#files = undefined;
    const files = tlsFiles(this.#present.tls);
    if (files.length > 0 && !this.#isClosed) this.#files = new FileWatch(files, () => void this.#readFiles());
  }

  /** The files have changed. Between the writing of a certificate and of its key they do not fit: the next change follows. */
  async #readFiles(): Promise<void> {
    const changed = this.#last.then(async () => {
      const { tls } = this.#present;
      if (this.#isClosed || tls === undefined) return;
      try {
        // The same object: the watch goes on.
        await this.#change({ tls, unreachable: 'apply' }, 'tls-files');
        this.#refusedFiles = undefined;
      } catch (thrown) {
        const error = toEtcdError(thrown);
        if (error.code === 'closed' || error.message === this.#refusedFiles) return;
        this.#refusedFiles = error.message;
        this.refused('tls-files', error);
      }
    });
    this.#last = changed;
    await changed;
  }
}
