/**
 * All that goes wrong on purpose in one server: the faults that are set, the leader, the ledger, and what is done to the state
 * at once. Server thread.
 */
import { EtcdError } from '../../wire/errors.js';
import type { AuthStore } from '../auth/auth-store.js';
import type { TokenTable } from '../auth/token-table.js';
import { ManualClock, type Clock } from '../clock.js';
import type { Service } from '../services/service.js';
import type { KvStore } from '../store/kv-store.js';
import type { ConnectionAction, FaultCommand, FaultResult, ServerAction } from './fault.js';
import { FaultBoard } from './fault-board.js';
import { faultyServices } from './faulty-services.js';
import { Leadership } from './leadership.js';
import { Ledger } from './ledger.js';

/** What can be done to an endpoint. */
export interface FaultyEndpoint {
  readonly endpoint: string;
  cutAll(): void;
  goAwayAll(): void;
}

/** What the desk works on. */
export interface FaultDeskParts {
  readonly store: KvStore;
  readonly auth: AuthStore;
  readonly tokens: TokenTable;
  readonly clock: Clock;
  readonly endpoints: () => readonly FaultyEndpoint[];
  readonly listen: (host: string, port: number) => Promise<string>;
}

export class FaultDesk {
  readonly #parts: FaultDeskParts;
  readonly #board = new FaultBoard();
  readonly #leadership = new Leadership();
  readonly #ledger: Ledger;

  constructor(parts: FaultDeskParts) {
    this.#parts = parts;
    this.#ledger = new Ledger(parts.store);
  }

  /** False from `no-leader` on, until `leader-back`. */
  get hasLeader(): boolean {
    return !this.#leadership.lost;
  }

  /** The same services, with the faults that are set here. */
  wrap(services: readonly Service[]): readonly Service[] {
    const act = (action: ServerAction): void => {
      this.#act(action);
    };
    return faultyServices(services, { board: this.#board, leadership: this.#leadership, act });
  }

  /** @throws EtcdError `invalid-argument` for what cannot be done in the state that the server is in. */
  obey(command: FaultCommand): FaultResult | Promise<FaultResult> {
    switch (command.kind) {
      case 'inject':
        this.#board.add(command.id, command.fault);
        return undefined;
      case 'remove':
        this.#board.remove(command.id);
        return undefined;
      case 'clear':
        this.#leadership.comeBack();
        this.#board.clear();
        return undefined;
      case 'strikes':
        return this.#board.strikes(command.id);
      case 'act':
        if (command.action.kind === 'cut-connections' || command.action.kind === 'go-away-all')
          this.#disconnect(command.action, command.endpoint);
        else this.#act(command.action);
        return undefined;
      case 'listen':
        return this.#parts.listen(command.host, command.port);
      case 'start-ledger':
        this.#ledger.start();
        return undefined;
      case 'read-ledger':
        return this.#ledger.read();
      default:
        return command satisfies never;
    }
  }

  #act(action: ServerAction): void {
    const { store, auth, tokens, clock } = this.#parts;
    switch (action.kind) {
      case 'compact':
        store.compact(action.revision ?? store.revision);
        return;
      case 'expire-tokens':
        tokens.dropAll();
        return;
      case 'bump-auth-revision':
        auth.outdateTokens();
        return;
      case 'advance-clock':
        if (!(clock instanceof ManualClock))
          throw impossible("the clock is the system's; start the server with clock: 'manual' to turn it");
        clock.advance(action.byMs);
        return;
      case 'roll-back': {
        const lowest = Math.max(1, store.compactRevision);
        if (action.revision < lowest || action.revision > store.revision)
          throw impossible(`the store can go back to revisions from ${lowest} to ${store.revision}`);
        store.rollBack(action.revision);
        return;
      }
      case 'no-leader':
        this.#leadership.lose();
        return;
      case 'leader-back':
        this.#leadership.comeBack();
        return;
      default:
        action satisfies never;
    }
  }

  #disconnect({ kind }: ConnectionAction, endpoint: string | undefined): void {
    const meant = this.#parts.endpoints().filter((each) => endpoint === undefined || each.endpoint === endpoint);
    if (meant.length === 0) throw impossible('the server has no such endpoint; give one of its own');
    for (const each of meant) {
      if (kind === 'cut-connections') each.cutAll();
      else each.goAwayAll();
    }
  }
}

function impossible(message: string): EtcdError {
  return new EtcdError(`FaultKit: ${message}`, { code: 'invalid-argument' });
}
