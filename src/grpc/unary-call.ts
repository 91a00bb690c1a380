/**
 * One request, one answer, on a stream of either transport. Any thread. Owns the call's timer. Never retries.
 */
import { EtcdError } from '../wire/errors.js';
import type { GuardedTimers } from '../wire/guarded-timers.js';
import type { GrpcStream, StreamHandlers, UnaryOptions } from './grpc-connection.js';

/** node fires a longer timer at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/** What a connection offers to make one call. */
export interface UnaryPort {
  readonly endpointText: string;
  readonly timers: GuardedTimers;
  /** Opens a stream, sends the request on it and half-closes it. */
  start(handlers: StreamHandlers, framed: Uint8Array): GrpcStream;
  /** False while it is certain that nothing has left this process. */
  mayBeSent(): boolean;
}

/** Resolves with a copy of the answer's bytes. Rejects with what ended the call, and `timeout` after `timeoutMs`. */
export function unaryCall(
  port: UnaryPort,
  path: string,
  request: Uint8Array,
  { timeoutMs, onStarted }: UnaryOptions,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let answer: Uint8Array | undefined;
    let answers = 0;
    const stream = port.start(
      {
        onMessage: (buffer, from, to) => {
          answers += 1;
          answer = new Uint8Array(buffer.subarray(from, to));
        },
        onEnd: (error) => {
          port.timers.clear(timer);
          if (error !== undefined) reject(error);
          else if (answer !== undefined && answers === 1) resolve(answer);
          else reject(wrongCount(answers, path, port.endpointText));
        },
      },
      frameMessage(request),
    );
    const timer = port.timers.setTimeout(
      () => {
        stream.cancel();
        reject(timedOut(path, timeoutMs, port));
      },
      Math.min(timeoutMs, MAX_TIMER_MS),
    );
    onStarted?.(() => {
      port.timers.clear(timer);
      stream.cancel();
    });
  });
}

/** A message behind its 5-byte gRPC prefix. */
export function frameMessage(message: Uint8Array): Uint8Array {
  const framed = new Uint8Array(5 + message.length);
  new DataView(framed.buffer).setUint32(1, message.length);
  framed.set(message, 5);
  return framed;
}

function wrongCount(answers: number, path: string, endpoint: string): EtcdError {
  return new EtcdError(`${endpoint} sent ${String(answers)} answers to ${path} instead of one`, {
    code: 'malformed-response',
    grpcStatus: 13,
    outcome: 'unknown',
    endpoint,
  });
}

function timedOut(path: string, timeoutMs: number, port: UnaryPort): EtcdError {
  const sent = port.mayBeSent();
  return new EtcdError(`${port.endpointText} gave no answer to ${path} within ${String(timeoutMs)} ms`, {
    code: 'timeout',
    grpcStatus: 4,
    outcome: sent ? 'unknown' : 'not-sent',
    retryable: !sent,
    endpoint: port.endpointText,
  });
}
