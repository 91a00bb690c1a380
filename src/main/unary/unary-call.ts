/**
 * One attempt of a unary call on one connection: sends bytes, gives bytes back, and says of every failure what became of the
 * request. Main thread. Does not repeat.
 */
import { EtcdError, toEtcdError } from '../../wire/errors.js';
import { inContext } from '../../wire/server-errors.js';
import type { Metadata } from '../../grpc/grpc-connection.js';
import type { CallScope } from './call-scope.js';
import type { LiveConnection } from './live-connection.js';

export interface Attempt {
  readonly path: string;
  readonly request: Uint8Array;
  readonly metadata: Metadata;
  /** It may be sent again: so it does not wait for a member that gives no sign of life. */
  readonly repeatable: boolean;
  readonly leaseId?: bigint | undefined;
}

/** Our own time limit comes first, with its own words; the server stops soon after. */
const DEADLINE_GRACE_MS = 250;

/** Sends one request and waits for its answer or the end of the call. Rejects with an {@link EtcdError}. */
export function attemptCall(live: LiveConnection, attempt: Attempt, scope: CallScope): Promise<Uint8Array> {
  const { connection, life } = live;
  const { path, request, metadata, repeatable, leaseId } = attempt;
  const endpoint = connection.endpoint.text;
  return scope.race<Uint8Array>((resolve, reject) => {
    scope.outcome = 'unknown';
    scope.waitingFor = endpoint;
    let isOver = false;
    let cancel = (): void => undefined;
    let unwatch: (() => void) | undefined;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      unwatch?.();
      live.ended();
    };
    const giveUp = (): void => {
      cancel();
      end();
    };
    live.began();
    const options = {
      timeoutMs: scope.remainingMs + DEADLINE_GRACE_MS,
      metadata,
      onStarted: (cancelCall: () => void) => {
        cancel = cancelCall;
      },
    };
    connection.unary(path, request, options).then(
      (answer) => {
        live.answered();
        end();
        resolve(answer);
      },
      (thrown: unknown) => {
        const error = toEtcdError(thrown);
        // This one is our own doing; everything else came from the peer, or is the end of the connection.
        if (error.code !== 'timeout') life.answered();
        // A refusal is an answer, a connection that broke is none.
        if (error.outcome === 'refused') live.answered();
        end();
        reject(inContext(error, { leaseId, repeatable, requestBytes: request.byteLength }));
      },
    );
    if (repeatable) {
      unwatch = life.watch(() => {
        reject(silent(endpoint));
        giveUp();
      });
    }
    return giveUp;
  });
}

function silent(endpoint: string): EtcdError {
  return new EtcdError(`${endpoint} gives no sign of life`, {
    code: 'unavailable',
    outcome: 'unknown',
    retryable: true,
    endpoint,
  });
}
