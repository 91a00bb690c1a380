/**
 * One attempt of a unary call on one member: sends bytes, gives bytes back, and says of every failure what became of the
 * request. Main thread; the only file that knows grpc-js's own words. Does not retry.
 */
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { EtcdError, type EtcdErrorInit } from '../../wire/errors.js';
import { GrpcStatus, serverError, type ServerErrorContext } from '../../wire/server-errors.js';
import type { CallScope } from './call-scope.js';
import { connectReason } from './connect-reason.js';
import type { MemberChannel } from './member-channel.js';

export interface Attempt {
  readonly path: string;
  readonly request: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly repeatable: boolean;
  readonly leaseId?: bigint | undefined;
  /** Another member can take the call: do not wait for one that gives no sign of life. */
  readonly mayMove: boolean;
  /** Not the call itself but a question before it: what becomes of it is not what becomes of the call. */
  readonly inquiry?: boolean | undefined;
}

/** Our own time limit comes first, with its own words; the server stops soon after. */
const DEADLINE_GRACE_MS = 250;

/** Sends one request and waits for its answer or the end of the call. Rejects with an {@link EtcdError}. */
export async function attemptCall(channel: MemberChannel, attempt: Attempt, scope: CallScope): Promise<Uint8Array> {
  const { client, life } = channel;
  const metadata = toMetadata(attempt.headers);
  const endpoint = channel.endpoint.text;
  scope.check();
  const isInquiry = attempt.inquiry === true;
  if (!isInquiry) scope.outcome = 'unknown';
  scope.waitingFor = endpoint;
  try {
    return await scope.race<Uint8Array>((resolve, reject) => {
      life.sent();
      const call = client.makeUnaryRequest<Uint8Array, Uint8Array>(
        attempt.path,
        asBuffer,
        (bytes) => bytes,
        attempt.request,
        metadata,
        { deadline: Date.now() + scope.remainingMs + DEADLINE_GRACE_MS },
        (error, answer) => {
          unwatch();
          // These two are our own doing; everything else came from the peer, or is the end of the connection.
          const code: number | undefined = error?.code;
          if (code !== GrpcStatus.DEADLINE_EXCEEDED && code !== GrpcStatus.CANCELLED) life.answered();
          if (error === null && answer !== undefined) resolve(answer);
          else reject(failure(error, endpoint, attempt));
        },
      );
      const onSilent = (): void => {
        reject(silent(endpoint));
        call.cancel();
      };
      const unwatch = attempt.mayMove ? life.watch(onSilent) : (): void => undefined;
      return () => {
        unwatch();
        call.cancel();
      };
    });
  } catch (error) {
    if (!isInquiry && error instanceof EtcdError && error.outcome !== undefined) scope.outcome = error.outcome;
    throw error;
  } finally {
    scope.waitingFor = undefined;
    if (life.isSilent) channel.renew(life);
  }
}

function silent(endpoint: string): EtcdError {
  return new EtcdError(`${endpoint} gives no sign of life`, {
    code: 'unavailable',
    outcome: 'unknown',
    retryable: true,
    endpoint,
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function toMetadata(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) {
    try {
      metadata.set(name, value);
    } catch {
      // grpc-js's message would repeat the value, which may be a token.
      throw new EtcdError(`the header '${name}' has characters that HTTP/2 cannot carry`, {
        code: 'invalid-argument',
        outcome: 'not-sent',
      });
    }
  }
  return metadata;
}

/** What the words of grpc-js itself mean; all others are the server's. */
function failure(error: ServiceError | null, endpoint: string, attempt: Attempt): EtcdError {
  const status: number = error?.code ?? GrpcStatus.UNKNOWN;
  const text = error?.details ?? '';
  const init: Omit<EtcdErrorInit, 'code'> = { grpcStatus: status, endpoint, cause: error ?? undefined };

  const unconnected =
    /^(?:No connection established\. Last error: (?<reason>.*?)|Name resolution failed.*?)(?:\. Resolution note: .*)?$/su.exec(
      text,
    );
  if (unconnected !== null && status === GrpcStatus.UNAVAILABLE) {
    return new EtcdError(`cannot connect to ${endpoint}: ${connectReason(unconnected.groups?.['reason'] ?? text)}`, {
      ...init,
      code: 'unavailable',
      outcome: 'not-sent',
      retryable: true,
    });
  }
  if (text === 'Stream refused by server' && status === GrpcStatus.UNAVAILABLE) {
    // RFC 9113, 8.7: the stream closed before any processing.
    return new EtcdError(`${endpoint} refused the stream`, {
      ...init,
      code: 'unavailable',
      outcome: 'refused',
      retryable: true,
    });
  }
  if (text.startsWith('Received RST_STREAM') || (status === GrpcStatus.CANCELLED && text === 'Call cancelled')) {
    const retryable = attempt.repeatable;
    return new EtcdError(`${endpoint} broke the call off: ${text}`, {
      ...init,
      code: 'unavailable',
      outcome: 'unknown',
      retryable,
    });
  }
  if (text.startsWith('Received HTTP status code') && status !== GrpcStatus.UNAVAILABLE) {
    return new EtcdError(`${endpoint} does not speak gRPC: ${text}`, {
      ...init,
      code: 'protocol-error',
      outcome: 'unknown',
    });
  }
  if (text === 'No message received') {
    return new EtcdError(`${endpoint} answered without a message`, {
      ...init,
      code: 'malformed-response',
      outcome: 'unknown',
    });
  }
  const context: ServerErrorContext = {
    endpoint,
    leaseId: attempt.leaseId,
    repeatable: attempt.repeatable,
    requestBytes: attempt.request.byteLength,
    cause: error ?? undefined,
  };
  return serverError(status, text, context);
}
