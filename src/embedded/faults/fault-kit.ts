/**
 * The caller's handle of the faults of an embedded server. Caller's thread; everything is done on the server's.
 */
import {
  checkOptions,
  describeValue,
  integerRule,
  invalidOption,
  optional,
  stringRule,
  textRule,
} from '../../wire/arguments.js';
import { checkAction, checkFault } from './check-fault.js';
import type { ConnectionAction, Fault, LedgerEvent, ServerAction } from './fault.js';
import { serverLinks, type ServerLink } from './server-link.js';

/** Where one more endpoint listens. Defaults: `127.0.0.1`, any free port. */
export interface EndpointOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** A fault that was set. */
export interface InjectedFault {
  /** How often it has struck. */
  strikes(): Promise<number>;
  /** Takes it away; what it has done stays. */
  remove(): Promise<void>;
}

/**
 * Makes an {@link EmbeddedEtcd} misbehave, for tests of what depends on etcd. Each promise resolves when the server's thread has
 * done it: calls sent afterwards meet it.
 *
 * Every method throws an EtcdError: `invalid-argument` for what is not allowed, `closed` after the server's close.
 */
export class FaultKit {
  readonly #link: ServerLink;
  #lastId = 0;

  private constructor(link: ServerLink) {
    this.#link = link;
  }

  /**
   * The kit of a server.
   *
   * @param server an `EmbeddedEtcd` of this package.
   * @throws EtcdError `invalid-argument` for anything else.
   */
  static of(server: object): FaultKit {
    const link = typeof server === 'object' ? serverLinks.get(server) : undefined;
    if (link === undefined)
      throw invalidOption(
        `FaultKit.of: server must be one that EmbeddedEtcd.start() has started, not ${describeValue(server)}`,
      );
    return new FaultKit(link);
  }

  /** Sets a fault. Several may strike at the same moment, in the order in which they were set. */
  async inject(fault: Fault): Promise<InjectedFault> {
    this.#lastId += 1;
    const id = this.#lastId;
    await this.#link({ kind: 'inject', id, fault: checkFault(fault, 'inject') });
    return {
      strikes: async () => Number(await this.#link({ kind: 'strikes', id })),
      remove: async () => {
        await this.#link({ kind: 'remove', id });
      },
    };
  }

  /** Takes all faults away, brings the leader back, and lets go what was stalled. */
  async clear(): Promise<void> {
    await this.#link({ kind: 'clear' });
  }

  /**
   * Does something to the server at once.
   *
   * @param endpoint for what is done to connections: only those of this endpoint.
   */
  async act(action: ServerAction | ConnectionAction, endpoint?: string): Promise<void> {
    optional(stringRule)(endpoint, 'act: endpoint');
    await this.#link({ kind: 'act', action: checkAction(action, 'act'), endpoint });
  }

  /**
   * Opens one more endpoint over the same store, as another member would: without TLS, with faults of its own by
   * {@link Fault.endpoint}.
   *
   * @returns what clients connect to, such as `http://127.0.0.1:40124`.
   */
  async addEndpoint(options: EndpointOptions = {}): Promise<string> {
    checkOptions<EndpointOptions>(options, { host: textRule, port: integerRule(0, 65_535) }, 'addEndpoint');
    return String(await this.#link({ kind: 'listen', host: options.host ?? '127.0.0.1', port: options.port ?? 0 }));
  }

  /** From now on every event is written down, in order; what was before is forgotten. Grows until the next start. */
  async startLedger(): Promise<void> {
    await this.#link({ kind: 'start-ledger' });
  }

  /** Every event since {@link startLedger}, those that a roll-back undid included. See {@link findLosses}. */
  async ledger(): Promise<readonly LedgerEvent[]> {
    const events = await this.#link({ kind: 'read-ledger' });
    return Array.isArray(events) ? (events as readonly LedgerEvent[]) : []; // the thread answers so
  }
}
