/**
 * The engine's unary client over the fake cluster, with the promises of the real one: tried again until the time is up where
 * that is allowed, ended by its signal, rejecting with the request's fate.
 */
import { EtcdError, toEtcdError } from '../../../src/wire/errors.js';
import type { UnaryClient } from '../../../src/main/unary/unary-client.js';
import type { UnaryCallOptions, UnaryCaller, UnaryMethod } from '../../../src/main/unary/unary-method.js';
import type { ConnectionSettings } from '../../../src/wire/connection-settings.js';
import type { FakeCluster } from './fake-cluster.js';
import type { FakeConnection } from './fake-connection.js';

const CALL_TIMEOUT_MS = 5_000;
const ATTEMPT_TIMEOUT_MS = 2_000;
const RETRY_MS = 150;

interface CallState {
  isOver: boolean;
  outcome: 'not-sent' | 'unknown';
  /** Of the attempt at hand. */
  connection: FakeConnection | undefined;
}

export class FakeUnary implements UnaryCaller {
  readonly #cluster: FakeCluster;
  readonly #settings: ConnectionSettings;
  readonly #ends = new Set<(code: 'closed') => void>();
  #isClosed = false;

  constructor(cluster: FakeCluster, settings: ConnectionSettings) {
    this.#cluster = cluster;
    this.#settings = settings;
  }

  /** The engine names the class; it uses what is here, and what a change of settings does is not asked of it. */
  get asClient(): UnaryClient {
    return this as unknown as UnaryClient;
  }

  async call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    message: Request,
    options: UnaryCallOptions,
  ): Promise<Response> {
    if (this.#isClosed) throw new EtcdError('closed', { code: 'closed', outcome: 'not-sent' });
    const { time } = this.#cluster;
    const request = method.encode(message);
    const { signal, timeoutMs = CALL_TIMEOUT_MS } = options;
    const state: CallState = { isOver: false, outcome: 'not-sent', connection: undefined };
    return new Promise((resolve, reject) => {
      const end = (code: 'closed' | 'aborted' | 'timeout'): void => {
        settle(() => {
          reject(new EtcdError(`the call ended: ${code}`, { code, outcome: state.outcome }));
        });
      };
      const onAbort = (): void => end('aborted');
      const settle = (action: () => void): void => {
        if (state.isOver) return;
        state.isOver = true;
        time.clear(timer);
        this.#ends.delete(end);
        // An attempt on its way is reset with its call.
        time.after(0, () => state.connection?.drop());
        signal?.removeEventListener('abort', onAbort);
        action();
      };
      const timer = time.after(timeoutMs, () => end('timeout'));
      this.#ends.add(end);
      if (signal?.aborted === true) end('aborted');
      signal?.addEventListener('abort', onAbort);
      const attempt = (): void => {
        if (state.isOver) return;
        this.#attempt(method.path, request, state).then(
          (bytes) => {
            settle(() => {
              resolve(method.decode(bytes));
            });
          },
          (thrown: unknown) => {
            const error = toEtcdError(thrown);
            if (error.outcome === 'unknown') state.outcome = 'unknown';
            const mayRepeat = mayPass(error) && (mayRepeatUnknown(options) || state.outcome === 'not-sent');
            if (mayRepeat) time.after(RETRY_MS, attempt);
            else {
              settle(() => {
                reject(error);
              });
            }
          },
        );
      };
      attempt();
    });
  }

  reconfigure(): void {
    // Asked for nothing here.
  }

  verified(): void {
    // As above.
  }

  close(): void {
    this.#isClosed = true;
    for (const end of [...this.#ends]) end('closed');
  }

  async #attempt(path: string, request: Uint8Array, state: CallState): Promise<Uint8Array> {
    const { cluster, connection } = this.#connect();
    state.connection = connection;
    try {
      await connection.ready();
      return await connection.unary(path, request, { timeoutMs: ATTEMPT_TIMEOUT_MS });
    } finally {
      // What it still had to say goes with it: a put that arrives long after its call has ended is nobody's to prevent.
      cluster.time.after(0, () => connection.drop());
    }
  }

  #connect(): { cluster: FakeCluster; connection: FakeConnection } {
    const cluster = this.#cluster;
    const { endpoint } = cluster.rng.pick(cluster.members);
    const ignore = { onClose: () => undefined, onGoaway: () => undefined };
    return { cluster, connection: cluster.openUncounted(endpoint, this.#settings, ignore) };
  }
}

function mayRepeatUnknown(options: UnaryCallOptions): boolean {
  return options.repeatable && (options.mayRepeat?.() ?? true);
}

function mayPass({ code }: EtcdError): boolean {
  return (
    code === 'unavailable' ||
    code === 'timeout' ||
    code === 'connect-failed' ||
    code === 'no-leader' ||
    code === 'too-many-requests'
  );
}
