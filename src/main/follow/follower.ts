/**
 * An engine whose endpoints and certificates follow something that changes by itself. Main thread. Waits for the first offer,
 * connects with it, and takes over each later one; what cannot be used is told by `status`, and the last good settings stay.
 */
import { checkFields, checkOptions, objectRule, type OptionTable } from '../../wire/arguments.js';
import { EtcdError, toEtcdError } from '../../wire/errors.js';
import { clearInterval, setInterval } from '../../wire/timers.js';
import { abortedError, linkAbort, refuseAborted } from '../abort-link.js';
import { CONNECT_RULES, type ConnectOptions } from '../connect-options.js';
import { TLS_USE_RULES } from '../tls-options.js';
import { openEtcd } from '../connect.js';
import type { Etcd } from '../etcd.js';
import type { SettingsChanges } from '../settings-changes.js';
import type { SettingsSource } from '../settings-source.js';
import type { ConnectionOffer, TlsUse } from './connection-offer.js';

/** Options of {@link connectFromFile} and {@link connectFromRelation}: those of `connect`, except what is followed. */
export interface FollowOptions extends Omit<ConnectOptions, 'endpoints' | 'tls'> {
  /** How the certificates that are followed are used. */
  readonly tls?: TlsUse | undefined;
}

const { endpoints: _endpoints, ...followed } = CONNECT_RULES;
const FOLLOW_RULES: OptionTable<FollowOptions> = {
  ...followed,
  tls: (value, name) => {
    objectRule(value, name);
    checkFields<TlsUse>(value, TLS_USE_RULES, name);
  },
};

/** @throws EtcdError `invalid-argument`. */
export function checkFollowOptions(options: FollowOptions, what: string): void {
  checkOptions<FollowOptions>(options, FOLLOW_RULES, what);
}

/** What tells of offers. */
export interface OfferSource {
  readonly name: SettingsSource;
  /** Calls `take` now and after each change, with what is offered or why that cannot be read. Returns how to end that. */
  follow(take: (offer: ConnectionOffer | EtcdError) => void): () => void;
}

/** @param options checked. */
export async function connectFollowing(source: OfferSource, options: FollowOptions): Promise<Etcd> {
  const { tls: _use, ...connectOptions } = options;
  const { signal } = connectOptions;
  refuseAborted(signal);
  const follower = new Follower(source.name);
  const stop = source.follow((offer) => follower.take(offer));
  try {
    const first = await follower.first(signal);
    const etcd = await openEtcd({ ...connectOptions, endpoints: first.endpoints, tls: first.tls }, (changes) => {
      follower.attach(changes, first);
      return stop;
    });
    return etcd;
  } catch (error) {
    stop();
    throw error;
  }
}

const LONG_MS = 2 ** 30;

type Usable = Extract<ConnectionOffer, { readonly kind: 'connection' }>;

class Follower {
  readonly #name: SettingsSource;
  #newest: ConnectionOffer | EtcdError | undefined;
  #changes: SettingsChanges | undefined;
  #wasNone = false;
  #onTaken: () => void = () => undefined;

  constructor(name: SettingsSource) {
    this.#name = name;
  }

  take(offer: ConnectionOffer | EtcdError): void {
    this.#newest = offer;
    if (this.#changes === undefined) this.#onTaken();
    else void this.#apply(this.#changes, offer);
  }

  /** The first offer that holds a connection. */
  first(signal: AbortSignal | undefined): Promise<Usable> {
    return new Promise((resolve, reject) => {
      // Nothing else keeps a process alive that only waits for this.
      const alive = setInterval(() => undefined, LONG_MS);
      const unlink = linkAbort(signal, () => {
        clearInterval(alive);
        if (signal !== undefined) reject(this.#gaveUp(signal));
      });
      this.#onTaken = () => {
        const offer = this.#newest;
        if (offer === undefined || offer instanceof Error || offer.kind === 'none') return;
        unlink();
        clearInterval(alive);
        resolve(offer);
      };
      this.#onTaken();
    });
  }

  /** Of what was waited for when the signal fired. */
  #gaveUp(signal: AbortSignal): EtcdError {
    const offer = this.#newest;
    if (offer === undefined) return abortedError(signal);
    const isRefusal = offer instanceof Error;
    const why = isRefusal ? offer.message : 'no connection is offered at present';
    const message = `the signal fired before there was a connection (${this.#name}): ${why}`;
    return new EtcdError(message, { code: 'aborted', outcome: 'not-sent', cause: isRefusal ? offer : signal.reason });
  }

  /** The engine runs with `first`; what was offered meanwhile is taken over now. */
  attach(changes: SettingsChanges, first: Usable): void {
    this.#changes = changes;
    const newest = this.#newest;
    if (newest !== undefined && newest !== first) void this.#apply(changes, newest);
  }

  async #apply(changes: SettingsChanges, offer: ConnectionOffer | EtcdError): Promise<void> {
    if (offer instanceof Error) {
      changes.refused(this.#name, offer);
      return;
    }
    if (offer.kind === 'none') {
      if (!this.#wasNone) changes.withdrawn(this.#name);
      this.#wasNone = true;
      return;
    }
    const isBack = this.#wasNone;
    this.#wasNone = false;
    try {
      const { endpoints, tls } = offer;
      const { changed } = await changes.change({ endpoints, tls: tls ?? null, unreachable: 'apply' }, this.#name);
      if (isBack && !changed) changes.restored(this.#name);
    } catch (error) {
      // Told by `settings-refused` already, or the engine is closed.
      toEtcdError(error);
    }
  }
}
